package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.MalformedFileException;
import awq4j.format.Sha256;
import awq4j.format.pickle.PickleFile;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.quant.BlockRecipe;
import awq4j.quant.QuantScheme;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.SortedMap;

/** What a search found, in a file: scales and clips of all blocks, ours or llm-awq's. */
public sealed interface Recipe extends AutoCloseable permits RecipeFile, LlmAwqResults {
    /**
     * Opens a recipe of either kind.
     *
     * @throws MalformedFileException if it is none, or damaged
     */
    static Recipe open(Path path) {
        return PickleFile.begins(path) ? LlmAwqResults.open(path) : RecipeFile.open(path);
    }

    /** The file. */
    Path path();

    /** The method that found it. */
    String method();

    /** What distinguishes that search from others, in words. */
    SortedMap<String, String> settings();

    /** What it was found for, or what such searches are usually made for if the file does not say. */
    QuantScheme scheme();

    /**
     * Refuses models and schemes that it was not found for, as far as the file tells.
     *
     * @param sha256 the model's hash
     * @throws IllegalArgumentException if it does not fit
     */
    void requireFor(Checkpoint source, ModelSpec model, String sha256, QuantScheme scheme);

    /**
     * The recipe of one block.
     *
     * @throws MalformedFileException if the file has none for it, or one with parts missing
     */
    BlockRecipe block(BlockSpec spec);

    /** Unmaps the file. */
    @Override
    void close();

    /** Hash of the file. */
    default String sha256() {
        try (InputStream in = Files.newInputStream(path())) {
            var sha = Sha256.begin();
            byte[] piece = new byte[1 << 16];
            for (int count = in.read(piece); count >= 0; count = in.read(piece)) {
                sha.update(piece, 0, count);
            }
            return HexFormat.of().formatHex(sha.digest());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
