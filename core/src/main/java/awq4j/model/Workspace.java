package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The intermediate values of one block, for up to {@code maxRows} tokens; all blocks of a model share one. */
public final class Workspace {
    private final int maxRows;
    final Buffer normed;
    final Buffer query;
    final Buffer key;
    final Buffer value;
    final Buffer attended;
    final Buffer wide;
    final Buffer wideUp;
    final Buffer added;
    final @Nullable RotaryAngles angles;
    final @Nullable Buffer cos;
    final @Nullable Buffer sin;
    private final float[] cosines;
    private final float[] sines;
    private final Backend backend;

    /**
     * Room for blocks of a model.
     *
     * @param blocks those that will run in it
     */
    public Workspace(Backend backend, ModelSpec spec, List<BlockSpec> blocks, int maxRows) {
        this.backend = backend;
        this.maxRows = maxRows;
        int queries = 1;
        int keys = 1;
        int widest = 1;
        for (BlockSpec block : blocks) {
            queries = Math.max(queries, block.attention().query().rows());
            keys = Math.max(keys, block.attention().key().rows());
            widest = Math.max(
                    widest,
                    switch (block.mlp()) {
                        case Mlp.Gated gated -> gated.up().rows();
                        case Mlp.Plain plain -> plain.input().rows();
                    });
        }
        normed = backend.allocate(maxRows, spec.hidden());
        added = backend.allocate(maxRows, spec.hidden());
        query = backend.allocate(maxRows, queries);
        attended = backend.allocate(maxRows, queries);
        key = backend.allocate(maxRows, keys);
        value = backend.allocate(maxRows, keys);
        wide = backend.allocate(maxRows, widest);
        wideUp = backend.allocate(maxRows, widest);
        if (spec.positions() instanceof Positions.Rotary rotary) {
            angles = new RotaryAngles(rotary);
            cos = backend.allocate(maxRows, angles.pairs());
            sin = backend.allocate(maxRows, angles.pairs());
            cosines = new float[maxRows * angles.pairs()];
            sines = new float[maxRows * angles.pairs()];
        } else {
            angles = null;
            cos = null;
            sin = null;
            cosines = new float[0];
            sines = new float[0];
        }
    }

    /** Most tokens a batch may have. */
    public int maxRows() {
        return maxRows;
    }

    /**
     * Computes the rotary tables of a batch, once for all blocks; nothing to do for models without.
     *
     * @param lengths of each sequence, as far as it is known, by its number in the batch
     */
    public void prepare(StepBatch batch, int[] lengths) {
        if (batch.rows() > maxRows) {
            throw new IllegalArgumentException("batch: " + batch.rows() + " tokens, room for " + maxRows);
        }
        if (angles == null || cos == null || sin == null) {
            return;
        }
        for (int i = 0; i < batch.rows(); i++) {
            angles.fill(batch.positions()[i], lengths[batch.sequences()[i]], cosines, sines, i);
        }
        backend.write(cosines, cos.view(batch.rows()));
        backend.write(sines, sin.view(batch.rows()));
    }
}
