package awq4j.eval;

import awq4j.cache.SequenceCache;
import awq4j.kernel.Buffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.StepBatch;
import awq4j.model.Taps;
import awq4j.model.Transformer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A transformer as a {@link Predictor}. While it is in use nobody else may run the model. */
public final class TransformerPredictor implements Predictor {
    /** Logits of one call: 32 MiB. A vocabulary of 128,000 still gets chunks of 64 tokens. */
    private static final int MOST_LOGITS = 8 << 20;

    private final Transformer model;
    private final KvPrecision precision;
    private final float[] logits;
    private final int chunk;
    private @Nullable SequenceCache cache;

    /**
     * Takes a model to measure.
     *
     * @param precision how keys and values are kept meanwhile
     */
    public TransformerPredictor(Transformer model, KvPrecision precision) {
        this.model = model;
        this.precision = precision;
        chunk = Math.clamp(MOST_LOGITS / model.spec().vocabulary(), 1, model.chunk());
        logits = new float[Math.multiplyExact(chunk, model.spec().vocabulary())];
    }

    @Override
    public int vocabulary() {
        return model.spec().vocabulary();
    }

    @Override
    public int contextLength() {
        return model.maxPositions();
    }

    @Override
    public int chunk() {
        return chunk;
    }

    @Override
    public void begin(int length) {
        if (length > contextLength()) {
            throw new IllegalArgumentException(
                    "a text of " + length + " tokens is longer than the model's context of " + contextLength());
        }
        SequenceCache current = cache;
        if (current == null || current.limit() < length) {
            current = model.newSequence(precision, length);
            cache = current;
        }
        current.truncate(0);
        current.expect(length);
    }

    @Override
    public float[] next(int[] tokens) {
        SequenceCache current = cache;
        if (current == null) {
            throw new IllegalStateException("next before begin");
        }
        if (tokens.length > chunk) {
            throw new IllegalArgumentException(tokens.length + " tokens at once, at most " + chunk + " are possible");
        }
        StepBatch batch = StepBatch.of(tokens, current.length(), StepBatch.Logits.ALL);
        Buffer out = model.forward(batch, List.of(current), Taps.NONE);
        if (out == null) {
            throw new IllegalStateException("the model answered without logits");
        }
        model.backend().read(out, logits);
        return logits;
    }
}
