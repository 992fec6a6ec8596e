package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The intermediate values of one block, for up to {@code maxRows} tokens; all blocks of a model share one. */
public final class Workspace {
    private final int maxRows;
    private final Backend backend;
    private final List<Rotation> rotations;

    /** Which rotation a block has, by its number; -1 for none. */
    private final int[] rotationOf;

    private final SideRoom side;
    private final Rows all;
    private final Map<ExpertRoom.Shape, ExpertRoom> experts = new HashMap<>();
    private Rows latest;

    /** One kind of rotation, and memory to compute its tables in. */
    private record Rotation(RotaryAngles angles, float[] cosines, float[] sines) {}

    /** Cosines and sines of a batch's positions. */
    record Tables(Buffer cos, Buffer sin) {}

    /** The buffers, for a number of tokens. */
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
            List<Tables> rotations) {
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
                    rotations.stream()
                            .map(tables -> new Tables(
                                    tables.cos().view(wanted), tables.sin().view(wanted)))
                            .toList());
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
        this.side = new SideRoom(backend);
        int queries = 1;
        int keys = 1;
        int widest = 1;
        int last = 0;
        for (BlockSpec block : blocks) {
            queries = Math.max(queries, block.attention().query().rows());
            keys = Math.max(keys, block.attention().key().rows());
            widest = Math.max(
                    widest,
                    switch (block.mlp()) {
                        case Mlp.Gated gated -> gated.up().rows();
                        case Mlp.Plain plain -> plain.input().rows();
                        case Mlp.Experts mixture -> {
                            experts.computeIfAbsent(
                                    ExpertRoom.Shape.of(mixture), shape -> new ExpertRoom(backend, shape, maxRows));
                            yield 1;
                        }
                    });
            last = Math.max(last, block.index());
        }
        var kinds = new ArrayList<Rotary>();
        rotationOf = new int[last + 1];
        Arrays.fill(rotationOf, -1);
        for (BlockSpec block : blocks) {
            Rotary rotary = block.attention().rotary();
            if (rotary != null) {
                if (!kinds.contains(rotary)) {
                    kinds.add(rotary);
                }
                rotationOf[block.index()] = kinds.indexOf(rotary);
            }
        }
        rotations = kinds.stream()
                .map(RotaryAngles::new)
                .map(angles ->
                        new Rotation(angles, new float[maxRows * angles.pairs()], new float[maxRows * angles.pairs()]))
                .toList();
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
                rotations.stream()
                        .map(rotation -> new Tables(
                                backend.allocate(maxRows, rotation.angles().pairs()),
                                backend.allocate(maxRows, rotation.angles().pairs())))
                        .toList());
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
        for (int r = 0; r < rotations.size(); r++) {
            Rotation rotation = rotations.get(r);
            for (int i = 0; i < batch.rows(); i++) {
                rotation.angles()
                        .fill(
                                batch.positions()[i],
                                lengths[batch.sequences()[i]],
                                rotation.cosines(),
                                rotation.sines(),
                                i);
            }
            Tables tables = rows.rotations().get(r);
            backend.write(rotation.cosines(), tables.cos());
            backend.write(rotation.sines(), tables.sin());
        }
    }

    /** The buffers for a mixture of experts. */
    ExpertRoom experts(Mlp.Experts mixture) {
        ExpertRoom room = experts.get(ExpertRoom.Shape.of(mixture));
        if (room == null) {
            throw new IllegalArgumentException("the workspace was made for blocks without such experts");
        }
        return room;
    }

    /** The buffers for what runs beside linears. */
    SideRoom side() {
        return side;
    }

    /** The buffers for {@code count} tokens; the same as last time if that was as many. */
    Rows rows(int count) {
        if (latest.count() != count) {
            latest = all.view(count);
        }
        return latest;
    }

    /** The tables that a block's queries and keys turn by, null if they do not turn. */
    @Nullable
    Tables tables(BlockSpec block, Rows rows) {
        int rotation = rotationOf[block.index()];
        return rotation < 0 ? null : rows.rotations().get(rotation);
    }
}
