package awq4j.quant.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Where the result of a conversion goes, a folder or a file: it appears there whole, by one rename, or not at all. */
final class ConversionOutput {
    private final Path path;
    private final boolean force;
    private final @Nullable OutputFolder folder;

    private ConversionOutput(Path path, boolean force, @Nullable OutputFolder folder) {
        this.path = path;
        this.force = force;
        this.folder = folder;
    }

    /**
     * Checks that a result may go to {@code output}.
     *
     * @param force whether a model that lies there may be replaced
     * @throws IllegalArgumentException if it would touch the source, or replace what must not be replaced
     */
    static ConversionOutput of(ConversionTarget target, Path output, Path source, boolean force) {
        if (!target.isFile()) {
            OutputFolder folder = OutputFolder.of(output, source, force);
            return new ConversionOutput(folder.path(), force, folder);
        }
        if (!String.valueOf(output.getFileName()).toLowerCase(Locale.ROOT).endsWith(target.ending())) {
            throw new IllegalArgumentException("output " + output + " should be a file whose name ends with "
                    + target.ending() + ", which is how readers know what it is");
        }
        try {
            var file = new ConversionOutput(output.toAbsolutePath().normalize(), force, null);
            if (Files.exists(output) && Files.isSameFile(output, source)) {
                throw new IllegalArgumentException(
                        "output " + output + " and the model are the same file: the model is only read");
            }
            file.requireFree();
            Files.createDirectories(file.path.getParent());
            return file;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void requireFree() {
        if (path.getParent() == null || Files.isDirectory(path)) {
            throw new IllegalArgumentException("output " + path + " is a folder, expected the name of a file");
        }
        if (Files.exists(path) && !force) {
            throw new IllegalArgumentException(
                    "output " + path + " exists; give another name, or --force to replace it");
        }
    }

    /** Bytes free where it goes. */
    long usableBytes() {
        try {
            return Files.getFileStore(path.getParent()).getUsableSpace();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What is filled before it takes the output's name; left behind only by a process that was killed. */
    Path unfinished() {
        // a file keeps its ending: what is in it is opened once more before it counts as finished
        return path.resolveSibling(
                folder == null ? ".converting-" + path.getFileName() : "." + path.getFileName() + ".converting");
    }

    void removeUnfinished() {
        WorkFolder.delete(unfinished());
    }

    /** Gives the finished result the output's name. */
    void publish() {
        if (folder != null) {
            folder.publish(unfinished());
            return;
        }
        requireFree(); // somebody may have come first meanwhile
        try {
            Files.move(unfinished(), path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
