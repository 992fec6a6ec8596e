package awq4j.format;

import awq4j.format.gguf.GgufCheckpoint;
import awq4j.format.packed.PackedFile;
import awq4j.format.safetensors.SafetensorsFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Opens what people have. */
public final class Checkpoints {
    /** The configuration every model folder has. */
    public static final String CONFIG = "config.json";

    private Checkpoints() {}

    /**
     * Opens a model folder in Hugging Face's form, {@code config.json} and safetensors, plain or packed, or
     * {@code awq4j.packed} in their place; or a GGUF file, of a model in several parts any of them.
     *
     * @throws MalformedFileException if the folder or a file in it is not what it should be
     * @throws UnsupportedModelException if its files are of a kind that is not read
     */
    public static Checkpoint open(Path folder) {
        if (!Files.exists(folder)) {
            throw new MalformedFileException(folder, -1, "no such folder or file: " + folder.toAbsolutePath());
        }
        if (isGguf(folder)) {
            return GgufCheckpoint.open(folder);
        }
        if (!Files.isDirectory(folder)) {
            throw new MalformedFileException(
                    folder,
                    -1,
                    "expected a model folder with " + CONFIG + " and .safetensors files, or a .gguf file, found another"
                            + " file");
        }
        if (!Files.isRegularFile(folder.resolve(CONFIG))) {
            throw new MalformedFileException(
                    folder, -1, "expected a model folder, found no " + CONFIG + " in " + folder.toAbsolutePath());
        }
        Config config = Config.read(folder.resolve(CONFIG));
        if (!SafetensorsFolder.present(folder)) {
            if (PackedFile.present(folder)) {
                return PackedCheckpoint.open(folder, config);
            }
            throw noTensors(folder);
        }
        return HuggingFaceCheckpoint.open(folder, config);
    }

    /** Whether a path is a file that is named as GGUF files are. */
    public static boolean isGguf(Path path) {
        return String.valueOf(path.getFileName()).toLowerCase(Locale.ROOT).endsWith(".gguf")
                && Files.isRegularFile(path);
    }

    private static RuntimeException noTensors(Path folder) {
        List<String> others;
        try (Stream<Path> paths = Files.list(folder)) {
            others = paths.map(path -> String.valueOf(path.getFileName()))
                    .filter(name -> name.endsWith(".bin")
                            || name.endsWith(".pt")
                            || name.endsWith(".pth")
                            || name.endsWith(".gguf")
                            || name.endsWith(".safetensors"))
                    .sorted()
                    .limit(3)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder + ": " + e.getMessage(), e);
        }
        if (others.isEmpty()) {
            return new MalformedFileException(
                    folder, -1, "has " + CONFIG + " but no weights: expected model.safetensors or its index");
        }
        return new UnsupportedModelException(folder.getFileName() + ": weights come as " + String.join(", ", others)
                + "; supported: model.safetensors, or shards with model.safetensors.index.json");
    }
}
