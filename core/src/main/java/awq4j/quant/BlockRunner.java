package awq4j.quant;

import awq4j.format.UnsupportedModelException;
import awq4j.kernel.AttentionShape;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.KvBuffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.Block;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.ScaleGroup.Inspect;
import awq4j.model.StepBatch;
import awq4j.model.Taps;
import awq4j.model.Workspace;
import java.util.Arrays;
import java.util.function.IntConsumer;
import java.util.function.IntUnaryOperator;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Runs single blocks of a model over calibration sequences at full precision, whole or one module of them. Keys and
 * values are float32 and start afresh with every sequence.
 *
 * <p>It holds the intermediate values of one batch of sequences; blocks pass through, none is kept. Serves one caller at
 * a time.
 */
public final class BlockRunner {
    /** Tokens that run together, in whole sequences: enough to use the cores well. */
    private static final int BATCH_TOKENS = 512;

    private final Backend backend;
    private final ModelSpec model;
    private @Nullable Room room;

    /** A runner for blocks of a model. */
    public BlockRunner(Backend backend, ModelSpec model) {
        this.backend = backend;
        this.model = model;
    }

    /**
     * What a block saw and made.
     *
     * @param capture inputs of its linears
     * @param outputs [sequences * length, hidden]: the next block's hidden states
     */
    public record Captured(BlockCapture capture, float[] outputs) {}

    /** Sees a module's output piece by piece. */
    @FunctionalInterface
    interface OutputRows {
        /**
         * Sees the rows [from, from + out.rows).
         *
         * @param out valid during the call only
         * @return whether to go on
         */
        boolean at(int from, Buffer out);
    }

    /** Where it computes. */
    Backend backend() {
        return backend;
    }

    /** Takes a block in. */
    Block place(BlockSpec spec, BlockWeights weights) {
        return Block.place(backend, spec, weights);
    }

    /**
     * Runs a block and keeps what its linears see.
     *
     * @param hidden [sequences * length, hidden], what flows into the block; not modified
     * @param sequences number of sequences, which do not see each other
     * @param length tokens of each
     * @throws UnsupportedModelException if a value overflows or is NaN; names block, place and token
     */
    public Captured capture(BlockSpec spec, BlockWeights weights, float[] hidden, int sequences, int length) {
        return capture(spec, weights, hidden, sequences, length, false);
    }

    /**
     * The same, perhaps with experts that see more than they would.
     *
     * @param everyExpert whether each expert is to see all tokens; those that were not sent to it change no output
     */
    public Captured capture(
            BlockSpec spec, BlockWeights weights, float[] hidden, int sequences, int length, boolean everyExpert) {
        return capture(spec, weights, hidden, sequences, length, everyExpert, linear -> true, -1);
    }

    /**
     * Runs a block and keeps sums of what its linears see, not the inputs: memory does not grow with them. Beyond
     * {@link InputStatistics#GRAM_BYTES} only the diagonals of Gram matrices are kept.
     *
     * @throws IllegalArgumentException if the block has experts
     */
    public Captured count(BlockSpec spec, BlockWeights weights, float[] hidden, int sequences, int length) {
        return capture(spec, weights, hidden, sequences, length, false, linear -> true, InputStatistics.GRAM_BYTES);
    }

    /** A capture of some linears, with inputs that are kept, or counted if {@code gramBytes} is not negative. */
    Captured capture(
            BlockSpec spec,
            BlockWeights weights,
            float[] hidden,
            int sequences,
            int length,
            boolean everyExpert,
            Predicate<Linear> wanted,
            long gramBytes) {
        int tokens = Math.multiplyExact(sequences, length);
        if (sequences < 1 || length < 1 || hidden.length != Math.multiplyExact(tokens, model.hidden())) {
            throw new IllegalArgumentException("block " + spec.index() + ": " + sequences + " sequences of " + length
                    + " tokens take [" + tokens + ", " + model.hidden() + "] hidden states, found " + hidden.length
                    + " values");
        }
        var taps = new CaptureTaps(backend, spec, tokens, length, everyExpert, wanted, gramBytes);
        float[] outputs = run(spec, weights, hidden, sequences, length, taps, taps::batch);
        BlockCapture capture = taps.capture(sequences, hidden);
        requireFinite(spec, "its output", outputs, model.hidden(), row -> row, length);
        return new Captured(capture, outputs);
    }

    /**
     * Runs a block that has been quantized, to see what flows on from it.
     *
     * @param hidden as it was given to {@link #capture}; not modified
     * @return [sequences * length, hidden]
     * @throws UnsupportedModelException if a value overflows or is NaN
     */
    public float[] outputs(BlockSpec spec, BlockWeights weights, float[] hidden, int sequences, int length) {
        float[] outputs = run(spec, weights, hidden, sequences, length, Taps.NONE, from -> {});
        int bad = Finite.firstNotFinite(outputs);
        if (bad >= 0) {
            throw new UnsupportedModelException("block " + spec.index() + ": once quantized, its output is "
                    + outputs[bad] + " for calibration token " + bad / model.hidden() + ", channel "
                    + bad % model.hidden());
        }
        return outputs;
    }

    private float[] run(
            BlockSpec spec,
            BlockWeights weights,
            float[] hidden,
            int sequences,
            int length,
            Taps taps,
            IntConsumer begins) {
        float[] outputs = new float[hidden.length];
        Block block = place(spec, weights);
        Room here = room(spec, length);
        for (int first = 0; first < sequences; first += here.sequences) {
            int from = first * length;
            StepBatch batch = here.batch(Math.min(here.sequences, sequences - first));
            Buffer h = here.load(hidden, from, batch.rows(), model.hidden());
            begins.accept(from);
            block.forward(here.work, batch, here.caches, h, taps);
            copyOut(h, outputs, from);
        }
        return outputs;
    }

    /**
     * Runs the attention module or the MLP of a block, or both.
     *
     * @param x [sequences * length, hidden], its normed input
     * @param rows gets the output [sequences * length, hidden] piece by piece, in order
     */
    void module(Inspect module, Block block, float[] x, int sequences, int length, OutputRows rows) {
        Room here = room(block.spec(), length);
        for (int first = 0; first < sequences; first += here.sequences) {
            StepBatch batch = here.batch(Math.min(here.sequences, sequences - first));
            Buffer in = here.load(x, first * length, batch.rows(), model.hidden());
            Buffer out = here.out.view(batch.rows());
            switch (module) {
                case ATTENTION -> block.attention(here.work, batch, here.caches, in, out, Taps.NONE);
                case MLP -> block.mlp(here.work, in, out, Taps.NONE);
                case BLOCK -> block.branches(here.work, batch, here.caches, in, out, Taps.NONE);
                case LINEARS -> throw new IllegalArgumentException("a single linear is no module");
            }
            if (!rows.at(first * length, out)) {
                return;
            }
        }
    }

    private void copyOut(Buffer from, float[] to, int row) {
        float[] values = new float[from.rows() * from.columns()];
        backend.read(from, values);
        System.arraycopy(values, 0, to, row * from.columns(), values.length);
    }

    /**
     * Refuses what no method can work with.
     *
     * @param values [rows, columns]
     * @param token of a row
     */
    static void requireFinite(
            BlockSpec spec, String what, float[] values, int columns, IntUnaryOperator token, int length) {
        int bad = Finite.firstNotFinite(values);
        if (bad >= 0) {
            int at = token.applyAsInt(bad / columns);
            throw new UnsupportedModelException("block " + spec.index() + ": " + what + " is " + values[bad]
                    + " at sequence " + at / length + ", token " + at % length + ", channel " + bad % columns
                    + ", before it was quantized: the model overflows on this calibration text");
        }
    }

    private Room room(BlockSpec spec, int length) {
        if (room == null || !room.fits(spec, length)) {
            room = new Room(spec, length);
        }
        return room;
    }

    /** Memory for one batch of whole sequences, and the batch's constant parts. */
    private final class Room {
        final int length;
        final int sequences;
        final AttentionShape shape;
        final Workspace work;
        final KvBuffer[] caches;
        final Buffer in;
        final Buffer out;

        Room(BlockSpec spec, int length) {
            this.length = length;
            this.sequences = Math.max(1, BATCH_TOKENS / length);
            this.shape = spec.attention().shape();
            int rows = sequences * length;
            work = new Workspace(backend, model, model.blocks(), rows);
            caches = new KvBuffer[sequences];
            for (int i = 0; i < sequences; i++) {
                caches[i] = backend.allocateKv(length, shape.kvHeads(), shape.headDim(), KvPrecision.F32);
            }
            in = backend.allocate(rows, model.hidden());
            out = backend.allocate(rows, model.hidden());
            int[] lengths = new int[sequences];
            Arrays.fill(lengths, length);
            work.prepare(batch(sequences), lengths); // a smaller batch has the same positions, as far as it goes
        }

        boolean fits(BlockSpec spec, int wanted) {
            return wanted == length
                    && spec.attention().shape().kvHeads() == shape.kvHeads()
                    && spec.attention().shape().headDim() == shape.headDim();
        }

        StepBatch batch(int count) {
            int rows = count * length;
            int[] positions = new int[rows];
            int[] owners = new int[rows];
            for (int i = 0; i < rows; i++) {
                positions[i] = i % length;
                owners[i] = i / length;
            }
            return new StepBatch(new int[rows], positions, owners, new int[0]);
        }

        Buffer load(float[] values, int from, int rows, int columns) {
            Buffer view = in.view(rows);
            backend.write(Arrays.copyOfRange(values, from * columns, (from + rows) * columns), view);
            return view;
        }
    }
}
