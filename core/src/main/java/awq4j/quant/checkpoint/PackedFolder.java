package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.packed.PackedFile;
import awq4j.model.ModelSpec;
import awq4j.model.PackedModel;
import awq4j.weight.PackedMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A folder that holds a whole model with its weights in the order that kernels read: configuration, tokenizer, and a
 * {@link PackedFile} in place of the weights that it was made from.
 */
public final class PackedFolder {
    private final Checkpoint source;
    private final OutputFolder output;

    private PackedFolder(Checkpoint source, OutputFolder output) {
        this.source = source;
        this.output = output;
    }

    /**
     * Looks whether a model may go to a folder.
     *
     * @param source a quantized model, open until all is written
     * @param force whether a model that lies at {@code output} may be replaced
     * @throws IllegalArgumentException if the folder is the model's own, or holds what must not be replaced
     */
    public static PackedFolder of(Checkpoint source, Path output, boolean force) {
        return new PackedFolder(source, OutputFolder.of(output, source.path(), force));
    }

    /** What is filled before it takes the folder's name; left behind only by a process that was killed. */
    public Path unfinished() {
        return output.path().resolveSibling("." + output.path().getFileName() + ".packing");
    }

    /** Removes {@link #unfinished}. */
    public void removeUnfinished() {
        WorkFolder.delete(unfinished());
    }

    /**
     * Writes it; the folder appears when it is whole.
     *
     * @param spec of the source
     * @param matrices what {@link PackedModel#pack} made of it
     * @param beforeEach runs before each matrix or tensor is written; what it throws ends the writing, and nothing is left
     *     behind
     * @return bytes of the file of weights
     * @throws UncheckedIOException if the disk is full or not writable
     */
    public long write(ModelSpec spec, List<PackedMatrix> matrices, Runnable beforeEach) {
        removeUnfinished();
        try {
            WorkFolder.create(unfinished());
            ModelFiles.copy(source.path(), unfinished());
            copyConfig();
            long bytes = PackedFile.writeModel(
                    unfinished(), source, matrices, PackedModel.stoodFor(spec, matrices), beforeEach);
            output.publish(unfinished());
            return bytes;
        } finally {
            removeUnfinished();
        }
    }

    /** As it is: what it says of the quantization still holds. */
    private void copyConfig() {
        try {
            Path config = source.config().file();
            if (Files.isRegularFile(config) && !Checkpoints.isGguf(config)) {
                WholeFile.write(unfinished().resolve(Checkpoints.CONFIG), Files.readAllBytes(config));
            } else {
                WholeFile.writeJson(
                        unfinished().resolve(Checkpoints.CONFIG),
                        source.config().json());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
