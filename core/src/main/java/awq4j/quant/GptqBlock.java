package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** GPTQ on one block: runs once. */
final class GptqBlock {
    private final Backend backend;
    private final BlockSpec spec;
    private final BlockWeights weights;
    private final BlockCapture capture;
    private final Quantizer quantizer;
    private final Gptq.Settings settings;
    private final boolean asReference;
    private final BlockRounding rounding;
    private final Map<String, float[]> columnScales = new HashMap<>();
    private final Map<String, float[]> rowScales = new HashMap<>();
    private final Map<String, double[]> losses = new HashMap<>();
    private final Map<String, String> remarks = new HashMap<>();

    GptqBlock(
            Backend backend,
            BlockSpec spec,
            BlockWeights weights,
            BlockCapture capture,
            Quantizer quantizer,
            Gptq.Settings settings,
            boolean asReference) {
        this.backend = backend;
        this.spec = spec;
        this.weights = weights;
        this.capture = capture;
        this.quantizer = quantizer;
        this.settings = settings;
        this.asReference = asReference;
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
        for (List<Linear> linears : shared) {
            round(linears, recipe, original, plain);
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

    /** Linears in the order in which they run, those that share an input together. */
    private List<List<Linear>> byInput() {
        var shared = new ArrayList<List<Linear>>();
        for (Linear linear : spec.linears()) {
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

    private void round(
            List<Linear> linears, BlockRecipe recipe, Map<String, float[]> original, Map<String, Weight> plain) {
        Linear first = linears.getFirst();
        int seen = capture.seen(first);
        float[] gram = null;
        GptqFactor factor = null;
        if (enough(seen)) {
            gram = Gram.of(capture.input(first.name()), first.columns());
        }
        float @Nullable [] factored = null; // the scale that the factor's inputs were divided by
        OutputError error = gram == null ? null : OutputError.ofGram(backend, gram, first.columns(), seen);
        for (Linear linear : linears) {
            Weight plainly = plain.get(linear.name());
            if (plainly == null) {
                remarks.put(linear.name(), String.valueOf(BlockRounding.obstacle(spec, linear, quantizer.scheme())));
                continue;
            }
            float[] values = weights.values(linear.name());
            clamp(linear, values, recipe.clips().get(linear.name()));
            if (gram == null || error == null) {
                remarks.put(
                        linear.name(),
                        LinearReport.TOO_FEW + "its expert saw " + seen + " calibration tokens, GPTQ takes "
                                + settings.expertTokens());
                keep(linear, quantizer.quantize(linear.name(), linear.rows(), linear.columns(), values, null));
                continue;
            }
            float[] scale = columnScales.get(linear.name());
            if (factor == null || !java.util.Arrays.equals(factored, scale)) {
                factor = GptqFactor.of(gram, linear.columns(), scale, settings.damping(), settings.actOrder());
                factored = scale;
            }
            Weight weight;
            if (factor == null) {
                remarks.put(linear.name(), "not corrected: the Gram matrix of its inputs has no factor");
                weight = quantizer.quantize(linear.name(), linear.rows(), linear.columns(), values, null);
            } else {
                if (factor.damping() > settings.damping()) {
                    remarks.put(linear.name(), "damping raised to " + factor.damping());
                }
                weight = new GptqSolver(quantizer, factor, settings.staticGroups(), asReference)
                        .solve(linear.name(), linear.rows(), values);
            }
            keep(linear, weight);
            float[] before = original.getOrDefault(linear.name(), values);
            losses.put(linear.name(), new double[] {
                loss(error, linear, plainly, before, null, null),
                loss(error, linear, weight, before, scale, rowScales.get(linear.name()))
            });
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
