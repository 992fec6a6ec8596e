package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The intermediate values of one block, for up to {@code maxRows} tokens; all blocks of a model share one. */
public final class Workspace {
    private final int maxRows;
    private final @Nullable RotaryAngles angles;
    private final float[] cosines;
    private final float[] sines;
    private final Backend backend;
    private final Rows all;
    private Rows latest;

    /** The buffers, for a number of tokens; cosines and sines only with rotary positions. */
    record Rows(
            int count,
            Buffer normed,
            Buffer query,
            Buffer key,
            Buffer value,
            Buffer attended,
            Buffer wide,
            Buffer wideUp,
            Buffer added,
            @Nullable Buffer cos,
            @Nullable Buffer sin) {
        Rows view(int wanted) {
            return new Rows(
                    wanted,
                    normed.view(wanted),
                    query.view(wanted),
                    key.view(wanted),
                    value.view(wanted),
                    attended.view(wanted),
                    wide.view(wanted),
                    wideUp.view(wanted),
                    added.view(wanted),
                    cos == null ? null : cos.view(wanted),
                    sin == null ? null : sin.view(wanted));
        }
    }

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
        angles = spec.positions() instanceof Positions.Rotary rotary ? new RotaryAngles(rotary) : null;
        int pairs = angles == null ? 0 : angles.pairs();
        cosines = new float[maxRows * pairs];
        sines = new float[maxRows * pairs];
        all = new Rows(
                maxRows,
                backend.allocate(maxRows, spec.hidden()),
                backend.allocate(maxRows, queries),
                backend.allocate(maxRows, keys),
                backend.allocate(maxRows, keys),
                backend.allocate(maxRows, queries),
                backend.allocate(maxRows, widest),
                backend.allocate(maxRows, widest),
                backend.allocate(maxRows, spec.hidden()),
                angles == null ? null : backend.allocate(maxRows, pairs),
                angles == null ? null : backend.allocate(maxRows, pairs));
        latest = all;
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
        Rows rows = rows(batch.rows());
        if (angles == null || rows.cos() == null || rows.sin() == null) {
            return;
        }
        for (int i = 0; i < batch.rows(); i++) {
            angles.fill(batch.positions()[i], lengths[batch.sequences()[i]], cosines, sines, i);
        }
        backend.write(cosines, rows.cos());
        backend.write(sines, rows.sin());
    }

    /** The buffers for {@code count} tokens; the same as last time if that was as many. */
    Rows rows(int count) {
        if (latest.count() != count) {
            latest = all.view(count);
        }
        return latest;
    }
}
