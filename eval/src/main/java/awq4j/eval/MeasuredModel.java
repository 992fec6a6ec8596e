package awq4j.eval;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Backend;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.PackedModel;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/**
 * A model folder that is open for measuring: keys and values in float32 unless it is their precision that is measured.
 * Serves one caller at a time; closing it leaves the backend open.
 */
public final class MeasuredModel implements AutoCloseable {
    private final Path folder;
    private final Checkpoint checkpoint;
    private final Optional<PackedFile> packed;
    private final Tokenizer tokenizer;
    private final Transformer transformer;
    private final TransformerPredictor predictor;

    private MeasuredModel(
            Path folder, Checkpoint checkpoint, Optional<PackedFile> packed, Backend backend, KvPrecision kv) {
        this.folder = folder;
        this.checkpoint = checkpoint;
        this.packed = packed;
        tokenizer = Tokenizer.open(folder);
        transformer =
                Transformer.open(backend, Families.spec(checkpoint), checkpoint, packed, Transformer.DEFAULT_CHUNK);
        predictor = new TransformerPredictor(transformer, kv);
    }

    /** {@link #open(Path, Backend, KvPrecision)} with keys and values in float32. */
    public static MeasuredModel open(Path model, Backend backend) {
        return open(model, backend, KvPrecision.F32);
    }

    /**
     * Opens a model folder or a GGUF file; packed weights in it are used if they fit.
     *
     * @param backend runs it; may run other models in turn
     * @param kv how keys and values are kept
     * @throws awq4j.format.MalformedFileException if the folder or a file in it is not what it should be
     * @throws awq4j.format.UnsupportedModelException if it is fine and not supported
     */
    public static MeasuredModel open(Path model, Backend backend, KvPrecision kv) {
        Path folder = Checkpoints.located(model);
        Checkpoint checkpoint = Checkpoints.open(folder);
        Optional<PackedFile> packed = Optional.empty();
        try {
            packed = PackedModel.beside(checkpoint, backend);
            return new MeasuredModel(Checkpoints.folder(folder), checkpoint, packed, backend, kv);
        } catch (RuntimeException | Error e) {
            packed.ifPresent(PackedFile::close);
            checkpoint.close();
            throw e;
        }
    }

    /** The folder it was opened from. */
    public Path folder() {
        return folder;
    }

    /** Its tokenizer. */
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** The model that runs. */
    public Transformer transformer() {
        return transformer;
    }

    /** The model as the measures see it. */
    public Predictor predictor() {
        return predictor;
    }

    /** The tokens of a text, as the protocol wants them: encoded once, special tokens at its very ends only. */
    public int[] tokens(String text) {
        return tokenizer.encode(text);
    }

    /**
     * The tokens of a text that two models read in the same way.
     *
     * @throws IllegalArgumentException if their tokenizers do not agree on it; the message says where
     */
    public static int[] tokens(String text, MeasuredModel a, MeasuredModel b) {
        int[] tokens = a.tokens(text);
        int[] others = b.tokens(text);
        int difference = Arrays.mismatch(tokens, others);
        if (difference >= 0) {
            throw new IllegalArgumentException("the models read the text differently: token " + difference + " is "
                    + a.name(tokens, difference) + " for " + a.folder + " and " + b.name(others, difference) + " for "
                    + b.folder + "; only models of one tokenizer can be compared");
        }
        return tokens;
    }

    private String name(int[] tokens, int index) {
        if (index >= tokens.length) {
            return "none";
        }
        return tokens[index]
                + tokenizer
                        .token(tokens[index])
                        .map(token -> " '" + token + "'")
                        .orElse("");
    }

    @Override
    public void close() {
        packed.ifPresent(PackedFile::close);
        checkpoint.close();
    }
}
