package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ScaleGroup;
import awq4j.quant.QuantScheme.Range;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** AWQ with {@link Objective#GRAM} on the golden models. */
class GramObjectiveTest {
    /** Every loss of every group against its definition: what the group's linears put out, token by token, in double. */
    @ParameterizedTest
    @CsvSource({"llama_tiny, 4", "opt_tiny, 3"})
    void lossesAreThoseOfTheDefinition(String model, int bits) {
        var scheme = new QuantScheme(bits, 64, false, Range.REFERENCE);
        try (var golden = new GoldenModel(model)) {
            var runner = new BlockRunner(golden.backend, golden.spec);
            BlockSpec spec = golden.spec.blocks().getFirst();
            float[] hidden = golden.embedded();
            int sequences = golden.calibration.length;
            var settings = new Awq.Settings(Scaling.PLAIN, false, 1).searching(Objective.GRAM);
            var counted = runner.count(spec, golden.weights(spec), hidden, sequences, golden.length());
            var kept = runner.capture(spec, golden.weights(spec), hidden, sequences, golden.length());
            AwqBlock search =
                    Awq.asReference(runner, settings).search(spec, golden.weights(spec), counted.capture(), scheme);
            search.run();
            BlockWeights weights = golden.weights(spec);
            for (ScaleGroup group : spec.scaleGroups()) {
                ScaleSearch.Found found = Objects.requireNonNull(search.found().get(group));
                float[] inputs = kept.capture().input(group.linears().getFirst().name());
                for (int step = 0; step < ScaleSearch.STEPS; step += 5) {
                    double expected = loss(group, weights, inputs, step / 20.0, scheme);
                    assertThat(found.losses()[step])
                            .as("%s at %d", group.linears().getFirst().name(), step)
                            .isCloseTo(expected, within(1e-4 * expected));
                }
            }
        }
    }

    private static double loss(
            ScaleGroup group, BlockWeights weights, float[] inputs, double ratio, QuantScheme scheme) {
        int columns = group.linears().getFirst().columns();
        float[] means = Scaling.meanAbs(inputs, columns);
        float[] scale = Scaling.PLAIN.scales(means, means, ratio);
        var quantizer = new Quantizer(scheme, awq4j.tensor.DType.F32, awq4j.tensor.DType.F32);
        double[] transposed = new double[inputs.length];
        int tokens = inputs.length / columns;
        for (int i = 0; i < inputs.length; i++) {
            transposed[i % columns * tokens + i / columns] = inputs[i];
        }
        double sum = 0;
        long count = 0;
        for (Linear linear : group.linears()) {
            float[] values = weights.values(linear.name());
            float[] scaled = values.clone();
            Folding.multiplyColumns(scaled, scale);
            quantizer.round(linear.rows(), columns, scaled, scaled);
            double[] rows = new double[linear.rows()];
            IntStream.range(0, rows.length).parallel().forEach(row -> {
                double[] differences = new double[tokens];
                for (int c = 0; c < columns; c++) {
                    double change = (double) scaled[row * columns + c] / scale[c] - values[row * columns + c];
                    add(differences, change, transposed, c * tokens);
                }
                for (double difference : differences) {
                    rows[row] += difference * difference;
                }
            });
            for (double row : rows) {
                sum += row;
                count += tokens;
            }
        }
        return sum / count;
    }

    private static void add(double[] to, double factor, double[] x, int from) {
        for (int i = 0; i < to.length; i++) {
            to[i] += factor * x[from + i];
        }
    }

    /**
     * Both objectives make perplexity less than plain rounding does, and are near each other. What they choose, and at what
     * loss, stands in docs/results/quantize.md, from the lines that this prints to the log.
     */
    @ParameterizedTest
    @CsvSource({"llama_tiny, 4", "llama_tiny, 3", "opt_tiny, 4", "opt_tiny, 3"})
    void helpsAsTheModuleObjectiveDoes(String model, int bits) {
        var scheme = new QuantScheme(bits, 128, false, Range.REFERENCE);
        try (var golden = new GoldenModel(model)) {
            var plain = perplexity(golden, scheme, new Rtn(), null);
            var runner = new BlockRunner(golden.backend, golden.spec);
            var settings = new Awq.Settings(Scaling.PLAIN, true, Integer.MAX_VALUE);
            var module = new ArrayList<Double>();
            var gram = new ArrayList<Double>();
            double ofModule = perplexity(golden, scheme, new Awq(runner, settings), module);
            double ofGram = perplexity(golden, scheme, new Awq(runner, settings.searching(Objective.GRAM)), gram);
            System.getLogger(GramObjectiveTest.class.getName())
                    .log(
                            System.Logger.Level.INFO,
                            "{0}, {1} bits: rtn {2}, module {3}, gram {4}; ratios {5} and {6}",
                            model,
                            bits,
                            plain,
                            ofModule,
                            ofGram,
                            module,
                            gram);
            assertThat(ofGram).isLessThan(plain);
            assertThat(ofGram - golden.listed("ppl_llmawq.json", "ppl", "fp32"))
                    .isLessThan(1.5 * (ofModule - golden.listed("ppl_llmawq.json", "ppl", "fp32")));
        }
    }

    private static double perplexity(
            GoldenModel golden,
            QuantScheme scheme,
            QuantMethod method,
            @org.jspecify.annotations.Nullable List<Double> ratios) {
        var runner = new BlockRunner(golden.backend, golden.spec);
        var blocks = new ArrayList<QuantizedBlock>();
        float[] hidden = golden.embedded();
        for (BlockSpec spec : golden.spec.blocks()) {
            BlockWeights weights = golden.weights(spec);
            int sequences = golden.calibration.length;
            var captured = method.statisticsSuffice()
                    ? runner.count(spec, weights, hidden, sequences, golden.length())
                    : runner.capture(spec, weights, hidden, sequences, golden.length());
            QuantizedBlock block = method.quantize(spec, weights, captured.capture(), scheme);
            blocks.add(block);
            if (ratios != null) {
                block.recipe().scales().forEach(scale -> ratios.add(scale.ratio()));
            }
            hidden = captured.outputs();
        }
        return golden.perplexity(blocks);
    }
}
