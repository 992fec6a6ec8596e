package awq4j.eval.study;

import awq4j.format.Checkpoint;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.PlacedEmbedding;
import awq4j.quant.BlockCapture;
import awq4j.quant.BlockRunner;
import awq4j.quant.BlockWeights;
import awq4j.quant.InputStatistics;
import awq4j.quant.calibration.Calibration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a model at full precision does with calibration text, block by block: made once, for all variants of a study.
 * Holds the hidden states before every block that was asked for, and captures as far as memory allows.
 */
public final class CalibrationPass {
    /** Share of the heap that captures may fill; the next one is made again each time. */
    private static final double MEMORY = 0.35;

    private final Backend backend;
    private final ModelSpec model;
    private final Checkpoint checkpoint;
    private final BlockRunner runner;
    private final Calibration calibration;
    private final List<float[]> hidden = new ArrayList<>();
    private final Map<Integer, BlockCapture> captures = new HashMap<>();
    private long held;

    CalibrationPass(
            Backend backend, ModelSpec model, Checkpoint checkpoint, BlockRunner runner, Calibration calibration) {
        this.backend = backend;
        this.model = model;
        this.checkpoint = checkpoint;
        this.runner = runner;
        this.calibration = calibration;
    }

    /** The text. */
    public Calibration calibration() {
        return calibration;
    }

    /** What the linears of a block see at full precision; not to be changed. */
    public BlockCapture capture(int block) {
        BlockCapture known = captures.get(block);
        if (known != null) {
            return known;
        }
        BlockSpec spec = model.blocks().get(block);
        float[] in = hidden(block);
        BlockRunner.Captured captured = captured(spec, BlockWeights.load(spec, Parameters.of(checkpoint)), in);
        if (hidden.size() == block + 1) {
            hidden.add(captured.outputs());
        }
        long bytes = bytes(captured.capture());
        if (held + bytes <= MEMORY * Runtime.getRuntime().maxMemory()) {
            held += bytes;
            captures.put(block, captured.capture());
        }
        return captured.capture();
    }

    /**
     * The same, and with the sums of its inputs: counted once for all that ask for them, if memory allows. Nothing may be
     * done to Gram matrices in place.
     */
    BlockCapture counted(int block) {
        BlockCapture capture = capture(block);
        if (!captures.containsKey(block) || !capture.statistics().isEmpty()) {
            return capture;
        }
        var statistics = new HashMap<String, InputStatistics>();
        long bytes = 0;
        Linear before = null;
        for (Linear linear : model.blocks().get(block).linears()) {
            if (!capture.inputs().containsKey(linear.name()) || capture.seen(linear) == 0) {
                continue;
            }
            InputStatistics known = before == null ? null : statistics.get(before.name());
            if (known == null || before == null || !capture.sameInput(linear, before)) {
                bytes += (long) Float.BYTES * linear.columns() * linear.columns();
                if (held + bytes > MEMORY * Runtime.getRuntime().maxMemory()) {
                    return capture;
                }
                known = capture.statistics(backend, linear);
            }
            statistics.put(linear.name(), known);
            before = linear;
        }
        BlockCapture counted = capture.counted(statistics);
        held += bytes;
        captures.put(block, counted);
        return counted;
    }

    /** What flows into a block at full precision, [tokens, hidden]; not to be changed. */
    public float[] hidden(int block) {
        if (hidden.isEmpty()) {
            hidden.add(embedded());
        }
        while (hidden.size() <= block) {
            capture(hidden.size() - 1);
        }
        return hidden.get(block);
    }

    /** Lets go of a block that is not asked for again, and of what flows into it: for a single walk through the model. */
    void forget(int block) {
        BlockCapture known = captures.remove(block);
        held -= known == null ? 0 : bytes(known);
        hidden.set(block, new float[0]);
    }

    /** Runs a block on hidden states of one's own. */
    BlockRunner.Captured captured(BlockSpec spec, BlockWeights weights, float[] in) {
        return runner.capture(spec, weights, in, calibration.sequences().length, calibration.length());
    }

    /** What flows on from a block that was changed. */
    float[] outputs(BlockSpec spec, BlockWeights weights, float[] in) {
        return runner.outputs(spec, weights, in, calibration.sequences().length, calibration.length());
    }

    private static long bytes(BlockCapture capture) {
        return capture.inputs().values().stream()
                .distinct()
                .mapToLong(values -> (long) Float.BYTES * values.length)
                .sum();
    }

    private float[] embedded() {
        int width = model.hidden();
        int length = calibration.length();
        float[] out = new float[Math.multiplyExact(calibration.tokens(), width)];
        PlacedEmbedding embedding = PlacedEmbedding.place(backend, model, checkpoint, length);
        int[] positions = new int[length];
        Arrays.setAll(positions, i -> i);
        Buffer h = backend.allocate(length, width);
        float[] rows = new float[length * width];
        for (int s = 0; s < calibration.sequences().length; s++) {
            embedding.apply(calibration.sequences()[s], positions, h);
            backend.read(h, rows);
            System.arraycopy(rows, 0, out, s * rows.length, rows.length);
        }
        return out;
    }
}
