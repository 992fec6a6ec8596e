package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.format.Checkpoint;
import awq4j.kernel.Backend;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.ScaleGroup;
import awq4j.model.family.Families;
import awq4j.quant.BlockCapture;
import awq4j.quant.BlockRecipe;
import awq4j.quant.BlockRunner;
import awq4j.quant.BlockWeights;
import awq4j.quant.FromRecipe;
import awq4j.quant.QuantScheme;
import awq4j.quant.calibration.Calibration;
import awq4j.quant.checkpoint.QuantizationReport;
import awq4j.quant.checkpoint.QuantizationReport.ExpertTokens;
import awq4j.quant.checkpoint.QuantizationReport.LinearOutcome;
import awq4j.quant.checkpoint.Recipe;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a quantization did, layer by layer, as rows and views: the loss of every linear, what scaling made of salient
 * channels, how far groups were clipped. Walks through the model once more, a block at a time.
 */
public final class QuantizationPicture {
    private static final String BLOCK = "block";
    private static final String LINEAR = "linear";
    private static final String INPUT = "input";
    private static final String WHEN = "when";
    private static final String PLACE = "place";
    private static final String BEFORE = "loss_before";
    private static final String AFTER = "loss_after";
    private static final String LEFT = "left";
    private static final String RATIO = "ratio";
    private static final String SALIENT = "salient";
    private static final String RANK = "rank";
    private static final String MAGNITUDE = "magnitude";
    private static final String CLIP = "clip";
    private static final String CLIPPED = "clipped";
    private static final String EXPERT = "expert";
    private static final String TOKENS = "tokens";

    /** Channels that the paper calls salient. */
    private static final double SALIENT_SHARE = 0.01;

    /** Dots of a profile. */
    private static final int RANKS = 40;

    private final ModelSpec model;
    private final Checkpoint checkpoint;
    private final QuantScheme scheme;
    private final @Nullable Recipe recipe;
    private final CalibrationPass pass;
    private final Map<Integer, List<LinearOutcome>> outcomes;

    private QuantizationPicture(
            Backend backend,
            Checkpoint checkpoint,
            Calibration calibration,
            QuantScheme scheme,
            @Nullable Recipe recipe,
            QuantizationReport report) {
        this.model = Families.spec(checkpoint);
        this.checkpoint = checkpoint;
        this.scheme = scheme;
        this.recipe = recipe;
        pass = new CalibrationPass(backend, model, checkpoint, new BlockRunner(backend, model), calibration);
        outcomes = report.linears().stream().collect(Collectors.groupingBy(LinearOutcome::block));
    }

    /**
     * The rows.
     *
     * @param checkpoint of the model that was quantized
     * @param recipe what was found for it; null if the method finds no scales and clips, or keeps none
     * @param report of the quantization
     */
    public static List<Row> rows(
            Backend backend,
            Checkpoint checkpoint,
            Calibration calibration,
            QuantScheme scheme,
            @Nullable Recipe recipe,
            QuantizationReport report,
            StudyWatch watch) {
        var picture = new QuantizationPicture(backend, checkpoint, calibration, scheme, recipe, report);
        var rows = new ArrayList<Row>();
        int count = picture.model.blocks().size();
        for (BlockSpec spec : picture.model.blocks()) {
            watch.step("drawing", spec.index(), count);
            picture.block(spec, rows);
        }
        report.experts().forEach(experts -> experts(experts, rows));
        return rows;
    }

    /** What the keys of the rows are called. */
    public static Map<String, String> words() {
        var words = new LinkedHashMap<String, String>();
        words.put(BLOCK, "block");
        words.put(LINEAR, "linear");
        words.put(INPUT, "input of");
        words.put(BEFORE, "error by plain rounding");
        words.put(AFTER, "error");
        words.put(LEFT, "share of it that is left");
        words.put(RATIO, "ratio that won");
        words.put(SALIENT, "salient channels, times the mean");
        words.put(RANK, "channels, per cent, largest first");
        words.put(MAGNITUDE, "mean |x| of the channel");
        words.put(CLIP, "largest weight kept, share of the group's");
        words.put(CLIPPED, "groups clipped, share");
        words.put(EXPERT, "expert");
        words.put(TOKENS, "calibration tokens seen");
        return words;
    }

    /** How the rows are shown; views that there is nothing for are left out. */
    public static List<View> views(List<Row> rows) {
        Set<String> keys =
                rows.stream().flatMap(row -> row.numbers().keySet().stream()).collect(Collectors.toSet());
        var views = new ArrayList<View>();
        if (keys.contains(LEFT)) {
            views.add(
                    View.heat("What is left of plain rounding's error", BLOCK, LINEAR, LEFT)
                            .note(
                                    "Mean squared error of each linear's output over the calibration text, as a share of what plain"
                                            + " rounding leaves. Less is better; more than 1 is possible where another linear gains."));
            views.add(View.line("Error of each linear", BLOCK, AFTER).by(LINEAR).logY());
        }
        if (keys.contains(SALIENT)) {
            views.add(
                    View.line("Salient channels before and after scaling", BLOCK, SALIENT)
                            .by(WHEN)
                            .panels(INPUT)
                            .logY()
                            .note(
                                    "Mean |x| of the 1 % of input channels with the largest, over the mean of all. Scaling divides"
                                            + " them and multiplies their weights, so that rounding costs those least that matter most."));
            views.add(View.line("All channels, largest first", RANK, MAGNITUDE)
                    .by(WHEN)
                    .panels(PLACE)
                    .logX()
                    .logY()
                    .note("The same channels in the same order before and after, in the first, the middle and the last"
                            + " block."));
            views.add(View.line("Ratio that won the search", BLOCK, RATIO)
                    .by(INPUT)
                    .note("0 is plain rounding."));
        }
        if (keys.contains(CLIP)) {
            views.add(View.heat("Clips", BLOCK, LINEAR, CLIP)
                    .note("Largest magnitude that a group keeps, as a share of its largest; mean over the groups. 1 is"
                            + " unclipped. Queries and keys are never clipped."));
        }
        if (keys.contains(TOKENS)) {
            views.add(View.heat("Calibration tokens of each expert", BLOCK, EXPERT, TOKENS)
                    .note(
                            "How many the router sent there. Experts with too few for a search are rounded plainly (RTN), and"
                                    + " are listed below the tables."));
        }
        var numbers = new ArrayList<>(List.of(BEFORE, AFTER, LEFT, CLIP, CLIPPED));
        numbers.retainAll(keys);
        views.add(View.table("In numbers", List.of(BLOCK, LINEAR), "", numbers.toArray(String[]::new)));
        return views;
    }

    private void block(BlockSpec spec, List<Row> rows) {
        BlockRecipe found = recipe == null ? BlockRecipe.plain(spec.index()) : recipe.block(spec);
        BlockWeights weights = BlockWeights.load(spec, Parameters.of(checkpoint));
        FromRecipe.scale(spec, weights, found);
        Map<String, Estimate[]> clips = new HashMap<>();
        for (Linear linear : spec.linears()) {
            float[] clip = found.clips().get(linear.name());
            if (clip != null) {
                clips.put(linear.name(), clips(linear, weights.values(linear.name()), clip));
            }
        }
        for (LinearOutcome outcome : outcomes.getOrDefault(spec.index(), List.of())) {
            rows.add(linear(outcome, clips.get(outcome.name())));
        }
        if (recipe != null) {
            BlockCapture capture = pass.capture(spec.index());
            for (BlockRecipe.GroupScale scale : found.scales()) {
                channels(spec, capture, scale, rows);
            }
            pass.forget(spec.index());
        }
    }

    private static void experts(ExpertTokens experts, List<Row> rows) {
        for (int e = 0; e < experts.tokens().size(); e++) {
            rows.add(new Row(
                    Row.labels(BLOCK, experts.block(), EXPERT, e),
                    Map.of(TOKENS, Estimate.exact(experts.tokens().get(e)))));
        }
    }

    private static Row linear(LinearOutcome outcome, Estimate @Nullable [] clip) {
        var numbers = new LinkedHashMap<String, Estimate>();
        Double before = outcome.lossBefore();
        Double after = outcome.lossAfter();
        if (before != null && after != null) {
            numbers.put(BEFORE, Estimate.exact(before));
            numbers.put(AFTER, Estimate.exact(after));
            if (before > 0) {
                numbers.put(LEFT, Estimate.exact(after / before));
            }
        }
        if (clip != null) {
            numbers.put(CLIP, clip[0]);
            numbers.put(CLIPPED, clip[1]);
        }
        return new Row(Row.labels(BLOCK, outcome.block(), LINEAR, named(outcome.name())), numbers);
    }

    /** What a linear's groups keep on average, and the share of them that loses something. */
    private Estimate[] clips(Linear linear, float[] values, float[] clip) {
        int size = scheme.groupSizeFor(linear.columns());
        int groups = Math.ceilDiv(linear.columns(), size);
        double sum = 0;
        int clipped = 0;
        for (int row = 0; row < linear.rows(); row++) {
            for (int g = 0; g < groups; g++) {
                float largest = 0;
                int to = Math.min(linear.columns(), (g + 1) * size);
                for (int c = g * size; c < to; c++) {
                    largest = Math.max(largest, Math.abs(values[row * linear.columns() + c]));
                }
                float kept = clip[row * groups + g];
                boolean less = kept < largest;
                sum += less ? kept / largest : 1;
                clipped += less ? 1 : 0;
            }
        }
        return new Estimate[] {Estimate.exact(sum / clip.length), Estimate.exact((double) clipped / clip.length)};
    }

    /** What the scale of a group does to the channels of its input. */
    private void channels(BlockSpec spec, BlockCapture capture, BlockRecipe.GroupScale scale, List<Row> rows) {
        ScaleGroup group = spec.scaleGroups().stream()
                .filter(g -> g.linears().stream().map(Linear::name).toList().equals(scale.linears()))
                .findFirst()
                .orElseThrow();
        Linear first = group.linears().getFirst();
        if (capture.seen(first) == 0) {
            return;
        }
        double[] before = meanMagnitudes(capture.input(first.name()), first.columns());
        double[] after = new double[before.length];
        for (int c = 0; c < after.length; c++) {
            after[c] = before[c] / scale.scale()[c];
        }
        int[] order = java.util.stream.IntStream.range(0, before.length)
                .boxed()
                .sorted((a, b) -> Double.compare(before[b], before[a]))
                .mapToInt(Integer::intValue)
                .toArray();
        String input = scale.linears().stream()
                .map(QuantizationPicture::brief)
                .distinct()
                .limit(3)
                .collect(Collectors.joining(" "));
        rows.add(new Row(Row.labels(BLOCK, spec.index(), INPUT, input), Map.of(RATIO, Estimate.exact(scale.ratio()))));
        int last = model.blocks().size() - 1;
        boolean profiled = spec.index() == 0 || spec.index() == last / 2 || spec.index() == last;
        for (boolean scaled : new boolean[] {false, true}) {
            double[] values = scaled ? after : before;
            String when = scaled ? "after scaling" : "before";
            rows.add(new Row(
                    Row.labels(BLOCK, spec.index(), INPUT, input, WHEN, when),
                    Map.of(SALIENT, Estimate.exact(salient(values, order)))));
            if (profiled) {
                profile(values, order, when, "block " + spec.index() + ", input of " + input, rows);
            }
        }
    }

    private static double salient(double[] values, int[] order) {
        int count = Math.max(1, (int) Math.round(SALIENT_SHARE * order.length));
        double largest = Arrays.stream(order, 0, count)
                .mapToDouble(c -> values[c])
                .average()
                .orElseThrow();
        return largest / Arrays.stream(values).average().orElseThrow();
    }

    /** Means over channels side by side in the order, more of them the further one comes. */
    private static void profile(double[] values, int[] order, String when, String place, List<Row> rows) {
        int from = 0;
        for (int i = 1; i <= RANKS && from < order.length; i++) {
            int to = Math.clamp(Math.round(Math.pow(order.length, (double) i / RANKS)), from + 1, order.length);
            double mean = Arrays.stream(order, from, to)
                    .mapToDouble(c -> values[c])
                    .average()
                    .orElseThrow();
            rows.add(new Row(
                    Row.labels(PLACE, place, WHEN, when),
                    Map.of(RANK, Estimate.exact(100.0 * to / order.length), MAGNITUDE, Estimate.exact(mean))));
            from = to;
        }
    }

    private static double[] meanMagnitudes(float[] inputs, int columns) {
        int rows = inputs.length / columns;
        double[] sums = new double[columns];
        for (int i = 0; i < inputs.length; i++) {
            sums[i % columns] += Math.abs(inputs[i]);
        }
        for (int c = 0; c < columns; c++) {
            sums[c] /= rows;
        }
        return sums;
    }

    /** The name within a block; which expert's it is belongs to that. */
    private static String named(String name) {
        int expert = name.lastIndexOf("expert");
        return expert < 0 ? brief(name) : name.substring(name.lastIndexOf('.', expert) + 1);
    }

    private static String brief(String name) {
        return name.substring(name.lastIndexOf('.') + 1);
    }
}
