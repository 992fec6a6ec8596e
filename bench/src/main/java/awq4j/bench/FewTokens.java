package awq4j.bench;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.PlacedEmbedding;
import awq4j.model.family.Families;
import awq4j.quant.Awq;
import awq4j.quant.BlockCapture;
import awq4j.quant.BlockRunner;
import awq4j.quant.BlockWeights;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.QuantizedBlock;
import awq4j.quant.Rtn;
import awq4j.quant.Scaling;
import awq4j.quant.calibration.Calibration;
import awq4j.quant.calibration.CalibrationTexts;
import awq4j.tokenizer.Tokenizer;
import awq4j.weight.WeightCodec;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * How few tokens a search can have before it does harm: what an expert is in that gets few. Of a dense model the MLPs are
 * searched as an expert's are, on n tokens of the first half of the built-in calibration text, and their errors measured
 * on the second half. Prints a Markdown table of their ratio to plain rounding's, geometric means over the blocks.
 *
 * <p>Argument: the folder of a model with gated MLPs.
 */
public final class FewTokens {
    private static final int LENGTH = 256;
    private static final int SAMPLES = 60;

    /** Every so many held-out tokens are measured. */
    private static final int STRIDE = 7;

    private static final int[] COUNTS = {4, 8, 16, 32, 64, 128, 256, 512, 2048};

    private final BlockRunner runner;
    private final int sequences;

    private FewTokens(BlockRunner runner, int sequences) {
        this.runner = runner;
        this.sequences = sequences;
    }

    /** Runs it. */
    public static void main(String[] args) {
        Path folder = Path.of(args[0]);
        try (Checkpoint checkpoint = Checkpoints.open(folder);
                Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            ModelSpec model = Families.spec(checkpoint);
            int[][] text = Calibration.of(CalibrationTexts.builtin(), Tokenizer.open(folder), SAMPLES, LENGTH, 42)
                    .sequences();
            float[] hidden = embed(backend, model, checkpoint, text);
            System.out.println(text.length + " x " + LENGTH + " tokens");
            System.out.println("| bits | tokens | gate | up | down |");
            System.out.println("|---|---|---|---|---|");
            for (int bits : new int[] {4, 3}) {
                new FewTokens(new BlockRunner(backend, model), text.length)
                        .run(model, checkpoint, hidden, new QuantScheme(bits, 64, false, Range.REFERENCE));
            }
        }
    }

    private static float[] embed(Backend backend, ModelSpec model, Checkpoint checkpoint, int[][] text) {
        PlacedEmbedding embedding = PlacedEmbedding.place(backend, model, checkpoint, LENGTH);
        int[] positions = IntStream.range(0, LENGTH).toArray();
        float[] hidden = new float[text.length * LENGTH * model.hidden()];
        Buffer h = backend.allocate(LENGTH, model.hidden());
        float[] rows = new float[LENGTH * model.hidden()];
        for (int s = 0; s < text.length; s++) {
            embedding.apply(text[s], positions, h);
            backend.read(h, rows);
            System.arraycopy(rows, 0, hidden, s * rows.length, rows.length);
        }
        return hidden;
    }

    private void run(ModelSpec model, Checkpoint checkpoint, float[] hidden, QuantScheme scheme) {
        double[][] logarithms = new double[COUNTS.length][3];
        float[] flowing = hidden;
        for (BlockSpec spec : model.blocks()) {
            BlockWeights weights = BlockWeights.load(spec, Parameters.of(checkpoint));
            var captured = runner.capture(spec, weights, flowing, sequences, LENGTH);
            flowing = captured.outputs();
            measure(spec, weights, captured.capture(), scheme, logarithms);
        }
        int blocks = model.blocks().size();
        for (int i = 0; i < COUNTS.length; i++) {
            double[] row = logarithms[i];
            System.out.printf(
                    Locale.ROOT,
                    "| %d | %d | %.2f | %.2f | %.2f |%n",
                    scheme.bits(),
                    COUNTS[i],
                    Math.exp(row[0] / blocks),
                    Math.exp(row[1] / blocks),
                    Math.exp(row[2] / blocks));
        }
    }

    /** Adds the logarithms of the ratios of one block. */
    private void measure(
            BlockSpec whole, BlockWeights weights, BlockCapture capture, QuantScheme scheme, double[][] logarithms) {
        Mlp.Gated mlp = (Mlp.Gated) whole.mlp();
        var spec = new BlockSpec(
                whole.index(),
                whole.residual(),
                whole.attention(),
                mlp,
                whole.scaleGroups().stream()
                        .filter(group -> group.linears().contains(mlp.down()))
                        .toList());
        var method = new Awq(runner, new Awq.Settings(Scaling.DUO, true, 1024, 1, false));
        var rtn = new Rtn().quantize(spec, weights.copy(), BlockCapture.NONE, scheme);
        for (int i = 0; i < COUNTS.length; i++) {
            int[] seen = new Random(COUNTS[i])
                    .ints(0, sequences / 2 * LENGTH)
                    .distinct()
                    .limit(COUNTS[i])
                    .sorted()
                    .toArray();
            var searched = method.quantize(spec, weights.copy(), few(capture, mlp, seen), scheme);
            List<Linear> linears = mlp.linears();
            for (int j = 0; j < linears.size(); j++) {
                Linear linear = linears.get(j);
                float[] inputs = capture.input(linear.name());
                logarithms[i][j] += Math.log(
                        error(weights, mlp, linear, searched, inputs) / error(weights, mlp, linear, rtn, inputs));
            }
        }
    }

    /** The capture as if the MLP were an expert that saw these tokens. */
    private static BlockCapture few(BlockCapture capture, Mlp.Gated mlp, int[] seen) {
        var inputs = new HashMap<>(capture.inputs());
        float[] all = capture.input(mlp.down().name());
        int columns = mlp.down().columns();
        float[] some = new float[seen.length * columns];
        for (int i = 0; i < seen.length; i++) {
            System.arraycopy(all, seen[i] * columns, some, i * columns, columns);
        }
        inputs.put(mlp.down().name(), some);
        return new BlockCapture(
                capture.sequences(),
                capture.length(),
                inputs,
                Map.of(mlp.gate().name(), seen, mlp.up().name(), seen));
    }

    /** Sum of squared errors of a linear's outputs on held-out tokens, with what was folded taken out again. */
    private double error(BlockWeights weights, Mlp.Gated mlp, Linear linear, QuantizedBlock block, float[] inputs) {
        float[] scale = block.recipe().scales().isEmpty()
                ? null
                : block.recipe().scales().getFirst().scale();
        float[] difference =
                WeightCodec.decode(Objects.requireNonNull(block.linears().get(linear.name())));
        float[] exact = weights.values(linear.name());
        int columns = linear.columns();
        for (int at = 0; at < difference.length; at++) {
            difference[at] = difference[at] * factor(mlp, linear, scale, at / columns, at % columns) - exact[at];
        }
        int tokens = inputs.length / columns;
        return IntStream.range(sequences / 2 * LENGTH / STRIDE + 1, tokens / STRIDE)
                .parallel()
                .mapToDouble(t -> squares(difference, inputs, t * STRIDE * columns, columns))
                .sum();
    }

    private static float factor(Mlp.Gated mlp, Linear linear, float @Nullable [] scale, int row, int column) {
        if (scale == null || linear.equals(mlp.gate())) {
            return 1;
        }
        return linear.equals(mlp.up()) ? scale[row] : 1 / scale[column];
    }

    private static double squares(float[] matrix, float[] x, int from, int columns) {
        double sum = 0;
        for (int at = 0; at < matrix.length; at += columns) {
            float product = 0;
            for (int c = 0; c < columns; c++) {
                product += matrix[at + c] * x[from + c];
            }
            sum += product * product;
        }
        return sum;
    }
}
