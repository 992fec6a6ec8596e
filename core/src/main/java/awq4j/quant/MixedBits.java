package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A method whose recipes suffice, at several widths in one block: it searches at each of them, and each matrix takes what
 * was found at its own. A scale that matrices of several widths share is that of the narrowest, which needs it most; clips
 * of the others, which were found under another scale, are searched again under this one.
 */
public final class MixedBits implements QuantMethod {
    private final QuantMethod method;
    private final BlockRunner runner;
    private final Widths widths;

    /** @throws IllegalArgumentException if a recipe is not all that the method finds */
    public MixedBits(QuantMethod method, BlockRunner runner, Widths widths) {
        if (!method.recipeSuffices()) {
            throw new IllegalArgumentException(
                    "method " + method.name() + " finds more than scales and clips: it has one width for all matrices");
        }
        this.method = method;
        this.runner = runner;
        this.widths = widths;
    }

    @Override
    public String name() {
        return method.name();
    }

    @Override
    public boolean calibrated() {
        return method.calibrated();
    }

    @Override
    public boolean everyExpert() {
        return method.everyExpert();
    }

    /** A recipe file states one width. */
    @Override
    public boolean recipeSuffices() {
        return false;
    }

    @Override
    public Effort effort(BlockSpec spec, long tokens) {
        Effort once = method.effort(spec, tokens);
        double searches = bits(spec).size();
        return new Effort(searches * once.products(), searches * once.roundings());
    }

    private SortedMap<Integer, QuantScheme> bits(BlockSpec spec) {
        var schemes = new TreeMap<Integer, QuantScheme>();
        for (Linear linear : spec.quantizable()) {
            QuantScheme scheme = widths.of(linear);
            schemes.put(scheme.bits(), scheme);
        }
        return schemes;
    }

    /** @param scheme not looked at: each matrix has its own */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        var found = new TreeMap<Integer, QuantizedBlock>();
        bits(spec).forEach((bits, own) -> found.put(bits, method.quantize(spec, weights.copy(), capture, own)));
        BlockRecipe recipe = clipped(spec, weights, capture, found, combined(spec, found));
        QuantizedBlock block = new FromRecipe(name(), any -> recipe)
                .quantize(spec, weights, linear -> Quantizer.forCheckpoints(widths.of(linear)));
        var losses = new Losses(capture, FoldedScales.of(spec, recipe), weights, block);
        var reports = new ArrayList<LinearReport>();
        Map<String, Linear> linears = spec.linears().stream().collect(Collectors.toMap(Linear::name, linear -> linear));
        for (LinearReport report : block.reports()) {
            Linear linear = linears.get(report.name());
            reports.add(linear == null || !report.quantized() ? report : report(found, linear, report, losses));
        }
        return new QuantizedBlock(block.linears(), block.changed(), recipe, reports);
    }

    private BlockRecipe combined(BlockSpec spec, SortedMap<Integer, QuantizedBlock> found) {
        var scales = new ArrayList<BlockRecipe.GroupScale>();
        for (ScaleGroup group : spec.scaleGroups()) {
            BlockRecipe.GroupScale scale = scale(group, at(found, narrowest(spec, group)));
            if (scale != null) {
                scales.add(scale);
            }
        }
        var clips = new LinkedHashMap<String, float[]>();
        for (Linear linear : spec.quantizable()) {
            int bits = widths.of(linear).bits();
            float[] own = at(found, bits).recipe().clips().get(linear.name());
            if (own != null && searchedAlone(spec, linear)) {
                clips.put(linear.name(), folded(spec, found, linear, own));
            }
        }
        return new BlockRecipe(spec.index(), scales, clips);
    }

    /** With clips for linears that take another width's scale. */
    private BlockRecipe clipped(
            BlockSpec spec,
            BlockWeights weights,
            BlockCapture capture,
            SortedMap<Integer, QuantizedBlock> found,
            BlockRecipe recipe) {
        List<Linear> without = spec.quantizable().stream()
                .filter(linear -> !recipe.clips().containsKey(linear.name()))
                .filter(linear ->
                        at(found, widths.of(linear).bits()).recipe().clips().containsKey(linear.name()))
                .toList();
        if (without.isEmpty()) {
            return recipe;
        }
        BlockWeights scaled = weights.copy();
        FromRecipe.scale(spec, scaled, recipe);
        var scales = FoldedScales.of(spec, recipe);
        var clips = new LinkedHashMap<>(recipe.clips());
        for (Linear linear : without) {
            var quantizer = Quantizer.forCheckpoints(widths.of(linear));
            float[] scale = scales.columns(linear);
            ClipSearch search = capture.statistics().containsKey(linear.name())
                    ? new ClipSearch(runner.backend(), quantizer, capture.statistics(runner.backend(), linear), scale)
                    : new ClipSearch(
                            runner.backend(), quantizer, capture.input(linear.name()), linear.columns(), scale);
            clips.put(
                    linear.name(),
                    search.search(linear.rows(), scaled.values(linear.name())).largest());
        }
        return new BlockRecipe(spec.index(), recipe.scales(), clips);
    }

    /** Whether the scale of a linear's columns is the one found at its own width. */
    private boolean searchedAlone(BlockSpec spec, Linear linear) {
        return spec.scaleGroups().stream()
                .filter(group -> group.linears().contains(linear))
                .allMatch(group -> narrowest(spec, group) == widths.of(linear).bits());
    }

    private int narrowest(BlockSpec spec, ScaleGroup group) {
        return group.linears().stream()
                .filter(linear -> !spec.steers(linear))
                .mapToInt(linear -> widths.of(linear).bits())
                .min()
                .orElse(widths.scheme().bits());
    }

    /** Clips follow the rows that take the inverse of another group's scale: that may be another width's now. */
    private float[] folded(BlockSpec spec, SortedMap<Integer, QuantizedBlock> found, Linear linear, float[] clips) {
        float[] moved = clips.clone();
        int each = clips.length / linear.rows();
        for (ScaleGroup group : spec.scaleGroups()) {
            if (group.fold() instanceof Fold.IntoRows into && into.linear().equals(linear)) {
                float[] before =
                        rows(into, scale(group, at(found, widths.of(linear).bits())));
                float[] after = rows(into, scale(group, at(found, narrowest(spec, group))));
                for (int i = 0; i < moved.length; i++) {
                    moved[i] *= before[i / each] / after[i / each];
                }
            }
        }
        return moved;
    }

    private static float[] rows(Fold.IntoRows into, BlockRecipe.@Nullable GroupScale scale) {
        float[] rows = scale == null ? new float[into.linear().rows()] : Folding.ofRows(into, scale.scale());
        for (int row = 0; row < rows.length; row++) {
            rows[row] = rows[row] == 0 ? 1 : rows[row]; // feeds no column
        }
        return rows;
    }

    private static BlockRecipe.@Nullable GroupScale scale(ScaleGroup group, QuantizedBlock of) {
        List<String> names = group.linears().stream().map(Linear::name).toList();
        return of.recipe().scales().stream()
                .filter(scale -> scale.fold().equals(Folding.target(group))
                        && scale.linears().equals(names))
                .findFirst()
                .orElse(null);
    }

    private static QuantizedBlock at(SortedMap<Integer, QuantizedBlock> found, int bits) {
        QuantizedBlock block = found.get(bits);
        if (block == null) {
            throw new IllegalStateException("nothing was searched at " + bits + " bits, only at " + found.keySet());
        }
        return block;
    }

    /** Losses that the searches told are of blocks of one width, with other scales: they are measured anew. */
    private LinearReport report(
            SortedMap<Integer, QuantizedBlock> found, Linear linear, LinearReport report, Losses losses) {
        int bits = widths.of(linear).bits();
        LinearReport own = at(found, bits).reports().stream()
                .filter(other -> other.name().equals(report.name()))
                .findFirst()
                .orElse(report);
        String remark = own.reason() == null ? bits + " bits" : bits + " bits; " + own.reason();
        return new LinearReport(report.name(), true, remark, own.lossBefore(), losses.of(linear), own.tokens());
    }

    /** Measures what linears lost; those that share an input come one after the other. */
    private final class Losses {
        private final BlockCapture capture;
        private final FoldedScales scales;
        private final BlockWeights scaled;
        private final QuantizedBlock block;
        private @Nullable Linear latest;
        private @Nullable OutputError error;

        /** @param scaled the weights that were rounded */
        Losses(BlockCapture capture, FoldedScales scales, BlockWeights scaled, QuantizedBlock block) {
            this.capture = capture;
            this.scales = scales;
            this.scaled = scaled;
            this.block = block;
        }

        /** NaN of one that no token came to. */
        double of(Linear linear) {
            Weight codes = block.linears().get(linear.name());
            if (codes == null || !calibrated() || capture.seen(linear) == 0) {
                return Double.NaN;
            }
            OutputError over = error;
            if (over == null || latest == null || !capture.sameInput(latest, linear)) {
                over = OutputError.of(runner.backend(), capture.statistics(runner.backend(), linear));
                latest = linear;
                error = over;
            }
            float[] change = WeightCodec.decode(codes);
            float[] values = scaled.values(linear.name());
            for (int i = 0; i < change.length; i++) {
                change[i] -= values[i];
            }
            return scales.loss(over, linear, change);
        }
    }
}
