package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Parameters;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.Transformer;
import awq4j.weight.Weight;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One block of an {@link AdaptiveModel}: the scales and clips that it runs with, and what its linears' inputs look like.
 *
 * <p>A group's scale depends on the original weights and on what the group sees, on nothing else; so groups are searched
 * one by one. Clips depend on folded weights: those of a group's linears, and of the linear that takes the inverse of its
 * scale, are searched again with it. What is found for all groups at once is what {@link Awq} finds from the same sums with
 * {@link Objective#GRAM}.
 */
final class AdaptiveBlock {
    private final Backend backend;
    private final BlockSpec spec;
    private final Parameters original;
    private final AdaptiveModel.Settings settings;
    private final Quantizer quantizer;
    private final ScaleSearch search;
    private final List<Input> inputs = new ArrayList<>();
    private final Map<ScaleGroup, float[]> scales = new HashMap<>();
    private final Map<String, float[]> clips = new LinkedHashMap<>();

    /** What some linears read. */
    static final class Input {
        final Linear source;
        final List<Linear> linears = new ArrayList<>();
        final @Nullable ScaleGroup group;
        final RunningStatistics seen;

        /** Mean magnitudes that the present scale came from; null if it came from none. */
        private float @Nullable [] profile;

        Input(Linear source, @Nullable ScaleGroup group, RunningStatistics seen) {
            this.source = source;
            this.group = group;
            this.seen = seen;
        }

        /** How far its profile moved since its scale was found; 1 if none was found yet, 0 if nothing was seen. */
        double drift(Backend backend) {
            InputStatistics now = seen.statistics(backend);
            float[] then = profile;
            return now.weight() == 0 ? 0 : then == null ? 1 : RunningStatistics.drift(then, now.meanAbs());
        }
    }

    /** @param whole which inputs, by their first linear, get a Gram matrix */
    AdaptiveBlock(
            Backend backend,
            BlockSpec spec,
            Parameters original,
            AdaptiveModel.Settings settings,
            Predicate<Linear> whole) {
        this.backend = backend;
        this.spec = spec;
        this.original = original;
        this.settings = settings;
        quantizer = Quantizer.forCheckpoints(settings.scheme());
        search = new ScaleSearch(quantizer, settings.scaling(), false);
        var bySource = new LinkedHashMap<Linear, Input>();
        for (Linear linear : spec.linears()) {
            Linear source = spec.source(linear);
            bySource.computeIfAbsent(
                            source,
                            key -> new Input(key, group(key), new RunningStatistics(linear.columns(), whole.test(key))))
                    .linears
                    .add(linear);
        }
        inputs.addAll(bySource.values());
    }

    private @Nullable ScaleGroup group(Linear source) {
        return spec.scaleGroups().stream()
                .filter(group -> group.linears().contains(source) && Folding.possible(group))
                .findFirst()
                .orElse(null);
    }

    BlockSpec spec() {
        return spec;
    }

    /** All that its linears read. */
    List<Input> inputs() {
        return inputs;
    }

    /** What an input was divided by, [columns]; null for nothing. */
    float @Nullable [] scale(Input input) {
        return input.group == null ? null : scales.get(input.group);
    }

    /** What was found, as any other search would state it; ratios are not kept. */
    BlockRecipe recipe() {
        var found = new ArrayList<BlockRecipe.GroupScale>();
        for (ScaleGroup group : spec.scaleGroups()) {
            float[] scale = scales.get(group);
            if (scale != null) {
                List<String> names = group.linears().stream().map(Linear::name).toList();
                found.add(new BlockRecipe.GroupScale(Folding.target(group), names, Double.NaN, scale));
            }
        }
        return new BlockRecipe(spec.index(), found, clips);
    }

    /** Runs at full precision again, and forgets what it saw. */
    void reset(Transformer transformer, Predicate<Linear> whole) {
        scales.clear();
        clips.clear();
        for (int i = 0; i < inputs.size(); i++) {
            Input old = inputs.get(i);
            var fresh = new Input(
                    old.source, old.group, new RunningStatistics(old.source.columns(), whole.test(old.source)));
            fresh.linears.addAll(old.linears);
            inputs.set(i, fresh);
        }
        transformer.renew(spec, linear -> true, original);
    }

    /**
     * Finds scales and clips for some inputs from what was seen of them, and has the block run with them. Linears that do
     * not depend on these are left as they are.
     *
     * @param moved of {@link #inputs}
     * @param all whether to round all linears
     */
    void derive(Transformer transformer, List<Input> moved, boolean all) {
        BlockWeights weights = BlockWeights.load(spec, original);
        Finite.require(weights);
        Set<Linear> changed = new LinkedHashSet<>();
        for (Input input : moved) {
            InputStatistics seen = input.seen.statistics(backend);
            input.profile = seen.meanAbs();
            changed.addAll(input.linears);
            if (input.group != null) {
                searchScale(input.group, seen, weights);
                if (input.group.fold() instanceof Fold.IntoRows into) {
                    changed.add(into.linear());
                }
            }
        }
        if (all) {
            changed.addAll(spec.linears());
        }
        var rounding = new BlockRounding(spec, weights, quantizer);
        for (ScaleGroup group : spec.scaleGroups()) {
            float[] scale = scales.get(group);
            if (scale != null) {
                rounding.fold(group, scale);
            }
        }
        for (Input input : inputs) {
            clip(input, changed, weights);
            for (Linear linear : input.linears) {
                if (changed.contains(linear)) {
                    rounding.round(linear, clips.get(linear.name()));
                }
            }
        }
        QuantizedBlock block = rounding.finish(recipe(), List.of());
        weights.take(block);
        transformer.renew(spec, changed::contains, new Coded(weights, block.linears()));
    }

    private void searchScale(ScaleGroup group, InputStatistics seen, BlockWeights weights) {
        List<float[]> matrices = group.linears().stream()
                .filter(this::roundable)
                .map(linear -> weights.values(linear.name()))
                .toList();
        if (matrices.isEmpty()) {
            return;
        }
        ScaleSearch.Loss loss = ScaleSearch.ofLinears(matrices, seen.columns(), OutputError.of(backend, seen));
        ScaleSearch.Found found = search.search(matrices, seen.meanAbs(), group.fold(), loss);
        if (found.finite()) {
            scales.put(group, found.scale());
        } else {
            scales.remove(group);
        }
    }

    private void clip(Input input, Set<Linear> changed, BlockWeights weights) {
        InputStatistics seen = input.seen.statistics(backend);
        ClipSearch prepared = null;
        for (Linear linear : input.linears) {
            if (settings.clip()
                    && seen.weight() > 0
                    && changed.contains(linear)
                    && ClipSearch.wanted(spec, linear)
                    && roundable(linear)) {
                prepared = prepared == null ? new ClipSearch(backend, quantizer, seen, scale(input)) : prepared;
                clips.put(
                        linear.name(),
                        prepared.search(linear.rows(), weights.values(linear.name()))
                                .largest());
            }
        }
    }

    private boolean roundable(Linear linear) {
        return BlockRounding.obstacle(spec, linear, settings.scheme()) == null;
    }

    /** A block's numbers, with codes where there are some. */
    private record Coded(BlockWeights weights, Map<String, Weight> codes) implements Parameters {
        @Override
        public Weight matrix(Linear linear) {
            Weight weight = codes.get(linear.name());
            return weight == null ? weights.matrix(linear) : weight;
        }

        @Override
        public float[] bias(Linear linear) {
            return weights.bias(linear);
        }

        @Override
        public float[] vector(String name, int size) {
            return weights.vector(name, size);
        }

        @Override
        public Optional<float[]> optional(String name, int size) {
            return weights.optional(name, size);
        }
    }
}
