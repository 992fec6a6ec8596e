package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** GPTQ on one block: runs once. */
final class GptqBlock {
    private final BlockRunner runner;
    private final BlockSpec spec;
    private final BlockWeights weights;
    private final BlockCapture capture;
    private final Quantizer quantizer;
    private final Gptq.Settings settings;
    private final boolean asReference;
    private final boolean everyExpert;
    private final BlockRounding rounding;
    private final Map<String, float[]> columnScales = new HashMap<>();
    private final Map<String, float[]> rowScales = new HashMap<>();
    private final Map<String, double[]> losses = new HashMap<>();
    private final Map<String, String> remarks = new HashMap<>();

    GptqBlock(
            BlockRunner runner,
            BlockSpec spec,
            BlockWeights weights,
            BlockCapture capture,
            Quantizer quantizer,
            Gptq.Settings settings,
            boolean asReference,
            boolean everyExpert) {
        this.runner = runner;
        this.spec = spec;
        this.weights = weights;
        this.capture = capture;
        this.quantizer = quantizer;
        this.settings = settings;
        this.asReference = asReference;
        this.everyExpert = everyExpert;
        this.rounding = new BlockRounding(spec, weights, quantizer);
    }

    /** @param recipe what is done to the weights first */
    QuantizedBlock run(BlockRecipe recipe) {
        List<List<Linear>> shared = byInput();
        var plain = new HashMap<String, Weight>();
        for (Linear linear : spec.linears()) {
            if (BlockRounding.obstacle(spec, linear, quantizer.scheme()) == null) {
                float[] values = weights.values(linear.name());
                plain.put(
                        linear.name(),
                        quantizer.quantize(linear.name(), linear.rows(), linear.columns(), values, null));
            }
        }
        var original = new HashMap<String, float[]>();
        if (!recipe.scales().isEmpty() || !recipe.clips().isEmpty()) {
            spec.linears()
                    .forEach(linear -> original.put(
                            linear.name(), weights.values(linear.name()).clone()));
        }
        for (BlockRecipe.GroupScale scale : recipe.scales()) {
            fold(FromRecipe.group(spec, scale), scale.scale());
        }
        for (Linear linear : spec.linears()) {
            if (plain.containsKey(linear.name())) {
                clamp(linear, weights.values(linear.name()), recipe.clips().get(linear.name()));
            }
        }
        if (settings.trueSequential()) {
            roundInTurn(shared, original, plain);
        } else {
            // clips change what linears see: the block runs again, if what flowed into it is at hand
            float[] hidden = recipe.clips().isEmpty() ? null : capture.hidden();
            BlockCapture saw = hidden == null ? capture : capture(weights, hidden, linear -> true);
            shared.forEach(linears -> round(linears, saw, hidden != null, original, plain));
        }
        remarks.putAll(rounding.takeBack());
        return rounding.finish(recipe, reports());
    }

    private void fold(ScaleGroup group, float[] scale) {
        rounding.fold(group, scale);
        group.linears().forEach(linear -> columnScales.put(linear.name(), scale));
        if (group.fold() instanceof Fold.IntoRows into) {
            rowScales.put(into.linear().name(), Folding.ofRows(into, scale));
        }
    }

    /** Step by step: what a step's linears see comes from the quantized linears of the steps before. */
    private void roundInTurn(List<List<Linear>> shared, Map<String, float[]> original, Map<String, Weight> plain) {
        float[] hidden = capture.hidden();
        if (hidden == null) {
            throw new IllegalArgumentException(
                    "block " + spec.index() + ": true-sequential takes what flowed into the block, which was not kept");
        }
        BlockWeights running = weights.copy();
        BlockCapture seen = capture;
        int reached = 0;
        for (List<Linear> linears : shared) {
            int step = step(linears.getFirst());
            if (step > reached) {
                reached = step;
                seen = capture(running, hidden, linear -> step(linear) == step);
            }
            round(linears, seen, reached > 0, original, plain);
            for (Linear linear : linears) {
                Weight rounded = rounding.rounded(linear);
                if (rounded != null) {
                    float[] values = WeightCodec.decode(rounded);
                    System.arraycopy(values, 0, running.values(linear.name()), 0, values.length);
                }
            }
        }
    }

    /** Runs the block again: inputs are kept or counted as they were before. */
    private BlockCapture capture(BlockWeights current, float[] hidden, Predicate<Linear> wanted) {
        return runner.capture(
                        spec,
                        current,
                        hidden,
                        capture.sequences(),
                        capture.length(),
                        everyExpert,
                        wanted,
                        capture.statistics().isEmpty() ? -1 : InputStatistics.GRAM_BYTES)
                .capture();
    }

    /** When a linear runs: those of one step do not see what the others put out. */
    private int step(Linear linear) {
        if (spec.source(linear).equals(spec.attention().query())) {
            return 0;
        }
        if (linear.equals(spec.attention().output())) {
            return 1;
        }
        boolean last = switch (spec.mlp()) {
            case Mlp.Gated gated -> linear.equals(gated.down());
            case Mlp.Plain plain -> linear.equals(plain.output());
            case Mlp.Experts experts ->
                experts.experts().stream().anyMatch(expert -> linear.equals(expert.down()))
                        || (experts.shared() != null
                                && linear.equals(experts.shared().mlp().down()));
        };
        return last ? 3 : 2;
    }

    /** Linears in the order in which they run, those that share an input together. */
    private List<List<Linear>> byInput() {
        var shared = new ArrayList<List<Linear>>();
        List<Linear> linears = spec.linears().stream()
                .sorted(Comparator.comparingInt(this::step)) // experts run side by side
                .toList();
        for (Linear linear : linears) {
            shared.stream()
                    .filter(others -> capture.sameInput(others.getFirst(), linear))
                    .findFirst()
                    .orElseGet(() -> {
                        shared.add(new ArrayList<>());
                        return shared.getLast();
                    })
                    .add(linear);
        }
        return shared;
    }

    /**
     * Rounds linears that share an input.
     *
     * @param saw what they see
     * @param again whether that is of scaled weights, so that scales are in it
     */
    private void round(
            List<Linear> linears,
            BlockCapture saw,
            boolean again,
            Map<String, float[]> original,
            Map<String, Weight> plain) {
        Linear first = linears.getFirst();
        int seen = saw.seen(first);
        float[] gram = null;
        GptqFactor factor = null;
        GptqSolver solver = null;
        if (enough(seen)) {
            InputStatistics inputs = saw.statistics(runner.backend(), first);
            gram = inputs.gram();
            float[] scale = columnScales.get(first.name());
            if (again && scale != null && gram != null) {
                unscale(gram, scale);
            }
        }
        float @Nullable [] factored = null; // the scale that the factor's inputs were divided by
        OutputError error = gram == null ? null : OutputError.ofGram(runner.backend(), gram, first.columns(), seen);
        for (Linear linear : linears) {
            Weight plainly = plain.get(linear.name());
            if (plainly == null) {
                remarks.put(linear.name(), String.valueOf(BlockRounding.obstacle(spec, linear, quantizer.scheme())));
                continue;
            }
            float[] values = weights.values(linear.name());
            if (gram == null || error == null) {
                remarks.put(
                        linear.name(),
                        enough(seen)
                                ? "not corrected" + InputStatistics.TOO_LARGE
                                : LinearReport.TOO_FEW + "its expert saw " + seen + " calibration tokens, GPTQ takes "
                                        + settings.expertTokens());
                keep(linear, quantizer.quantize(linear.name(), linear.rows(), linear.columns(), values, null));
                continue;
            }
            float[] scale = columnScales.get(linear.name());
            if (factor == null || !java.util.Arrays.equals(factored, scale)) {
                factor = GptqFactor.of(gram, linear.columns(), scale, settings.damping(), settings.actOrder());
                factored = scale;
                solver = factor == null
                        ? null
                        : new GptqSolver(runner.backend(), quantizer, factor, settings.staticGroups(), asReference);
            }
            Weight weight;
            if (factor == null || solver == null) {
                remarks.put(linear.name(), "not corrected: the Gram matrix of its inputs has no factor");
                weight = quantizer.quantize(linear.name(), linear.rows(), linear.columns(), values, null);
            } else {
                if (factor.damping() > settings.damping()) {
                    remarks.put(linear.name(), "damping raised to " + factor.damping());
                }
                weight = solver.solve(linear.name(), linear.rows(), values);
            }
            keep(linear, weight);
            float[] before = original.getOrDefault(linear.name(), values);
            losses.put(linear.name(), new double[] {
                loss(error, linear, plainly, before, null, null),
                loss(error, linear, weight, before, scale, rowScales.get(linear.name()))
            });
        }
    }

    /** Of inputs that folding divided by a scale, the Gram matrix of what they were. */
    private static void unscale(float[] gram, float[] scale) {
        int columns = scale.length;
        for (int row = 0; row < columns; row++) {
            for (int c = 0; c < columns; c++) {
                gram[row * columns + c] *= scale[row] * scale[c];
            }
        }
    }

    /** Whether a linear saw enough; one that saw every token always did, as few as they may be. */
    private boolean enough(int seen) {
        return seen >= Math.min(settings.expertTokens(), capture.tokens());
    }

    private void clamp(Linear linear, float[] values, float @Nullable [] clip) {
        if (clip == null) {
            return;
        }
        int size = quantizer.scheme().groupSizeFor(linear.columns());
        int groups = (linear.columns() + size - 1) / size;
        for (int i = 0; i < values.length; i++) {
            float largest = clip[i / linear.columns() * groups + i % linear.columns() / size];
            values[i] = Math.clamp(values[i], -largest, largest);
        }
    }

    private void keep(Linear linear, Weight weight) {
        String trouble = rounding.keep(linear, weight);
        if (trouble != null) {
            remarks.put(linear.name(), trouble);
        }
    }

    /** In the units of the original linear: scales are taken out again. */
    private static double loss(
            OutputError error,
            Linear linear,
            Weight weight,
            float[] before,
            float @Nullable [] columnScale,
            float @Nullable [] rowScale) {
        int columns = linear.columns();
        return error.meanSquare(linear.rows(), (row, to, at) -> {
            float[] decoded = new float[columns];
            WeightCodec.decodeRow(weight, row, decoded);
            for (int c = 0; c < columns; c++) {
                float value = columnScale == null ? decoded[c] : decoded[c] / columnScale[c];
                to[at + c] = (rowScale == null ? value : value * rowScale[row]) - before[row * columns + c];
            }
        });
    }

    private List<LinearReport> reports() {
        var reports = new LinkedHashMap<String, LinearReport>();
        for (Linear linear : spec.linears()) {
            boolean quantized = rounding.rounded(linear) != null;
            double[] loss = quantized ? losses.get(linear.name()) : null;
            double none = quantized ? Double.NaN : 0;
            reports.put(
                    linear.name(),
                    new LinearReport(
                            linear.name(),
                            quantized,
                            remarks.get(linear.name()),
                            loss == null ? none : loss[0],
                            loss == null ? none : loss[1],
                            capture.seen(linear)));
        }
        return List.copyOf(reports.values());
    }
}
