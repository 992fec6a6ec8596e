package awq4j.quant;

import awq4j.model.Block;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.ScaleGroup.Inspect;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** AWQ on one block: runs once. */
final class AwqBlock {
    private final BlockRunner runner;
    private final BlockSpec spec;
    private final BlockWeights weights;
    private final TokenSubset subset;
    private final Quantizer quantizer;
    private final @Nullable ScaleSearch scaleSearch;
    private final Awq.Settings settings;
    private final BlockRounding rounding;
    private final Map<ScaleGroup, ScaleSearch.Found> found = new HashMap<>();
    private final Map<String, ClipSearch.Clips> clips = new LinkedHashMap<>();
    private final Map<String, double[]> losses = new HashMap<>();
    private final Map<String, String> remarks = new HashMap<>();
    private final Map<String, float[]> columnScales = new HashMap<>();
    private final Map<String, float[]> rowScales = new HashMap<>();

    /** @param scaleSearch null to scale nothing */
    AwqBlock(
            BlockRunner runner,
            BlockSpec spec,
            BlockWeights weights,
            TokenSubset subset,
            Quantizer quantizer,
            @Nullable ScaleSearch scaleSearch,
            Awq.Settings settings) {
        this.runner = runner;
        this.spec = spec;
        this.weights = weights;
        this.subset = subset;
        this.quantizer = quantizer;
        this.scaleSearch = scaleSearch;
        this.settings = settings;
        this.rounding = new BlockRounding(spec, weights, quantizer);
    }

    /** All steps. */
    QuantizedBlock run() {
        searchLinears();
        searchModules();
        List<BlockRecipe.GroupScale> folded = fold();
        if (settings.clip()) {
            searchClips();
        }
        var kept = new LinkedHashMap<String, float[]>();
        clips.forEach((name, best) -> kept.put(name, best.largest()));
        round(kept);
        measureRounded();
        return rounding.finish(new BlockRecipe(spec.index(), folded, kept), reports());
    }

    /** Searches scales and changes nothing. */
    List<Awq.GroupLosses> losses() {
        searchLinears();
        searchModules();
        return spec.scaleGroups().stream()
                .filter(found::containsKey)
                .map(group -> new Awq.GroupLosses(
                        Folding.target(group),
                        group.linears().stream().map(Linear::name).toList(),
                        Objects.requireNonNull(found.get(group)).losses()))
                .toList();
    }

    /** What the searches of scales found, for groups that can be scaled. */
    Map<ScaleGroup, ScaleSearch.Found> found() {
        return found;
    }

    /** What the searches of clips found, by linear. */
    Map<String, ClipSearch.Clips> clips() {
        return clips;
    }

    /** Losses of plain rounding, and the scales of groups that look at their own outputs. */
    private void searchLinears() {
        var errors = new Errors();
        for (Linear linear : spec.linears()) {
            if (!roundable(linear) || subset.capture().seen(linear) == 0) {
                continue;
            }
            float[] ones = new float[linear.columns()];
            Arrays.fill(ones, 1);
            var loss =
                    ScaleSearch.ofLinears(List.of(weights.values(linear.name())), linear.columns(), errors.of(linear));
            losses.put(linear.name(), new double[] {
                loss.of(new ScaleSearch.Candidate(quantizer, ones), Double.POSITIVE_INFINITY), Double.NaN
            });
            for (ScaleGroup group : spec.scaleGroups()) {
                if (scaleSearch != null
                        && byLinears(group)
                        && group.linears().contains(linear)
                        && roundable(group).indexOf(linear) == 0
                        && searchable(linear)) {
                    List<float[]> matrices = matrices(group);
                    search(group, matrices, ScaleSearch.ofLinears(matrices, linear.columns(), errors.of(linear)));
                }
            }
        }
    }

    /** The scales of groups that look at the output of attention or MLP. */
    private void searchModules() {
        if (scaleSearch == null) {
            return;
        }
        Block block = null;
        for (ScaleGroup group : spec.scaleGroups()) {
            if (roundable(group).isEmpty() || byLinears(group)) {
                continue;
            }
            if (settings.objective() == Objective.GRAM) {
                searchParts(group);
                continue;
            }
            if (block == null) {
                block = runner.place(spec, weights);
            }
            float[] inputs = subset.input(group.linears().getFirst());
            var error = new ModuleError(
                    runner,
                    group.inspect(),
                    block,
                    inputs,
                    subset.chosen().length,
                    subset.capture().length());
            search(group, matrices(group), ScaleSearch.ofModule(roundable(group), weights, error));
        }
    }

    /** Whether all that a group's search looks at is the error of linears that have one input. */
    private boolean byLinears(ScaleGroup group) {
        return group.inspect() == Inspect.LINEARS
                || (settings.objective() == Objective.GRAM
                        && group.linears().stream()
                                .allMatch(linear -> subset.capture()
                                        .sameInput(linear, group.linears().getFirst())));
    }

    /** The scale of a group whose linears see different tokens, as experts do: each counts by what it saw. */
    private void searchParts(ScaleGroup group) {
        var parts = new ArrayList<ScaleSearch.Part>();
        var errors = new Errors();
        for (Linear linear : roundable(group)) {
            int seen = subset.capture().seen(linear);
            if (seen > 0) {
                parts.add(new ScaleSearch.Part(weights.values(linear.name()), errors.of(linear), seen));
            }
        }
        if (parts.isEmpty()) {
            remark(group, "not scaled: its linears saw no calibration token");
            return;
        }
        int columns = group.linears().getFirst().columns();
        search(group, matrices(group), ScaleSearch.ofParts(parts, columns));
    }

    private void search(ScaleGroup group, List<float[]> matrices, ScaleSearch.Loss loss) {
        if (!Folding.possible(group)) {
            remark(group, "not scaled: " + Folding.target(group) + " has no gain that could take the inverse");
            return;
        }
        Linear first = group.linears().getFirst();
        var best = Objects.requireNonNull(scaleSearch).search(matrices, meanAbs(first), group.fold(), loss);
        if (best.finite()) {
            found.put(group, best);
        } else {
            remark(group, "not scaled: no scale gave a finite loss");
        }
    }

    private float[] meanAbs(Linear linear) {
        InputStatistics counted = subset.capture().statistics().get(linear.name());
        return counted != null
                ? counted.meanAbs()
                : Scaling.meanAbs(subset.capture().input(linear.name()), linear.columns());
    }

    /** Folds what was found, in list order. */
    private List<BlockRecipe.GroupScale> fold() {
        var folded = new ArrayList<BlockRecipe.GroupScale>();
        for (ScaleGroup group : spec.scaleGroups()) {
            ScaleSearch.Found best = found.get(group);
            if (best != null) {
                rounding.fold(group, best.scale());
                List<String> names = group.linears().stream().map(Linear::name).toList();
                folded.add(new BlockRecipe.GroupScale(Folding.target(group), names, best.ratio(), best.scale()));
                names.forEach(name -> columnScales.put(name, best.scale()));
                if (group.fold() instanceof Fold.IntoRows into) {
                    rowScales.put(into.linear().name(), Folding.ofRows(into, best.scale()));
                }
            }
        }
        return folded;
    }

    /** The clips of linears that are clipped, on folded weights and inputs divided by the scales. */
    private void searchClips() {
        ClipSearch search = null;
        Linear searched = null;
        for (Linear linear : spec.linears()) {
            if (!ClipSearch.wanted(spec, linear) || !roundable(linear) || !searchable(linear)) {
                continue;
            }
            BlockCapture capture = subset.capture();
            // linears that share an input share its scale
            if (search == null || searched == null || !capture.sameInput(linear, searched)) {
                float[] scale = columnScales.get(linear.name());
                search = settings.objective() == Objective.GRAM
                        ? new ClipSearch(
                                runner.backend(), quantizer, capture.statistics(runner.backend(), linear), scale)
                        : new ClipSearch(
                                runner.backend(), quantizer, capture.input(linear.name()), linear.columns(), scale);
                searched = linear;
            }
            clips.put(linear.name(), search.search(linear.rows(), weights.values(linear.name())));
        }
    }

    private void round(Map<String, float[]> clips) {
        for (Linear linear : spec.linears()) {
            String obstacle = rounding.round(linear, clips.get(linear.name()));
            if (obstacle != null) {
                remarks.put(linear.name(), obstacle);
            } else if (!searchable(linear)) {
                remarks.putIfAbsent(
                        linear.name(),
                        LinearReport.TOO_FEW + "its expert saw "
                                + subset.capture().seen(linear) + " calibration tokens, a search takes "
                                + settings.expertTokens());
            }
        }
        remarks.putAll(rounding.takeBack());
    }

    /** Losses of what was rounded, on the same inputs and in the same units as before: scales are taken out again. */
    private void measureRounded() {
        var errors = new Errors();
        for (Linear linear : spec.linears()) {
            Weight weight = rounding.rounded(linear);
            double[] loss = losses.get(linear.name());
            if (weight == null || loss == null) {
                continue;
            }
            InputStatistics counted = subset.capture().statistics().get(linear.name());
            if (counted != null && counted.gram() == null) {
                remarks.putIfAbsent(
                        linear.name(),
                        "searched and measured by its input columns' squares alone" + InputStatistics.TOO_LARGE);
            }
            int columns = linear.columns();
            float[] values = weights.values(linear.name());
            float[] columnScale = columnScales.get(linear.name());
            float[] rowScale = rowScales.get(linear.name());
            loss[1] = errors.of(linear).meanSquare(linear.rows(), (row, to, at) -> {
                float[] decoded = new float[columns];
                WeightCodec.decodeRow(weight, row, decoded);
                for (int c = 0; c < columns; c++) {
                    float difference = decoded[c] - values[row * columns + c];
                    difference = columnScale == null ? difference : difference / columnScale[c];
                    to[at + c] = rowScale == null ? difference : difference * rowScale[row];
                }
            });
        }
    }

    private List<LinearReport> reports() {
        return spec.linears().stream()
                .map(linear -> {
                    boolean quantized = rounding.rounded(linear) != null;
                    double[] loss = quantized ? losses.get(linear.name()) : null;
                    double none = quantized ? Double.NaN : 0;
                    return new LinearReport(
                            linear.name(),
                            quantized,
                            remarks.get(linear.name()),
                            loss == null ? none : loss[0],
                            loss == null ? none : loss[1],
                            subset.capture().seen(linear));
                })
                .toList();
    }

    private void remark(ScaleGroup group, String text) {
        group.linears().forEach(linear -> remarks.put(linear.name(), text));
    }

    private boolean roundable(Linear linear) {
        return BlockRounding.obstacle(spec, linear, quantizer.scheme()) == null;
    }

    /** Whether a linear saw enough; one that saw every token always did, as few as they may be. */
    private boolean searchable(Linear linear) {
        int seen = subset.capture().seen(linear);
        return seen >= Math.min(settings.expertTokens(), subset.capture().tokens());
    }

    private List<Linear> roundable(ScaleGroup group) {
        return group.linears().stream().filter(this::roundable).toList();
    }

    private List<float[]> matrices(ScaleGroup group) {
        return roundable(group).stream()
                .map(linear -> weights.values(linear.name()))
                .toList();
    }

    /** Errors over the input of one linear after another; those in a row that share an input share the preparation. */
    private final class Errors {
        private @Nullable Linear prepared;
        private @Nullable OutputError error;

        OutputError of(Linear linear) {
            if (error == null || prepared == null || !subset.capture().sameInput(linear, prepared)) {
                prepared = linear;
                error = settings.objective() == Objective.GRAM
                        ? OutputError.of(runner.backend(), subset.capture().statistics(runner.backend(), linear))
                        : new OutputError(runner.backend(), subset.input(linear), linear.columns(), rows(linear));
            }
            return Objects.requireNonNull(error);
        }

        /** Rows that will be asked for: those of every linear with this input, many times if its group is searched by it. */
        private long rows(Linear shown) {
            long rows = 0;
            for (Linear linear : spec.linears()) {
                if (subset.capture().sameInput(linear, shown)) {
                    boolean searched = spec.scaleGroups().stream()
                            .anyMatch(group -> group.inspect() == Inspect.LINEARS
                                    && group.linears().contains(linear));
                    rows += (searched ? 22L : 1L) * linear.rows();
                }
            }
            return rows;
        }
    }
}
