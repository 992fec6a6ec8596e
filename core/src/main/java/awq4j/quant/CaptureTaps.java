package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.Taps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;

/**
 * Keeps the inputs of a block's linears while batches run through it. Of experts it keeps which tokens they got and what
 * their last linear saw; the others see parts of what the router sees.
 */
final class CaptureTaps implements Taps {
    private final Backend backend;
    private final BlockSpec spec;
    private final int tokens;
    private final boolean everyExpert;
    private final Predicate<Linear> wanted;
    private final Map<String, float[]> whole = new LinkedHashMap<>();
    private final Map<String, InputStatistics> counted = new HashMap<>();
    private final Map<String, Integer> lastOf = new HashMap<>();
    private final List<Mlp.Gated> experts;
    private final int[][] routed;
    private final int[] counts;
    private final List<List<float[]>> lasts = new ArrayList<>();
    private final int length;
    private int from;

    /**
     * For one block.
     *
     * @param tokens of all batches together
     * @param length of a sequence
     * @param everyExpert whether experts are to see all of them
     * @param wanted whose inputs are kept
     * @param gramBytes if not negative, inputs are not kept but counted, with Gram matrices while these are not larger
     * @throws IllegalArgumentException if inputs of experts are to be counted
     */
    CaptureTaps(
            Backend backend,
            BlockSpec spec,
            int tokens,
            int length,
            boolean everyExpert,
            Predicate<Linear> wanted,
            long gramBytes) {
        this.backend = backend;
        this.spec = spec;
        this.tokens = tokens;
        this.length = length;
        this.everyExpert = everyExpert;
        this.wanted = wanted;
        experts = spec.mlp() instanceof Mlp.Experts mixture ? mixture.experts() : List.of();
        routed = new int[experts.size()][64];
        counts = new int[experts.size()];
        for (int e = 0; e < experts.size(); e++) {
            lasts.add(new ArrayList<>());
            if (!everyExpert && wanted.test(experts.get(e).down())) {
                lastOf.put(point(experts.get(e).down()), e);
            }
        }
        if (gramBytes >= 0) {
            if (!experts.isEmpty()) {
                throw new IllegalArgumentException("block " + spec.index()
                        + " has experts: what they see is kept, not counted, since a router decides it");
            }
            count(gramBytes);
            return;
        }
        for (Linear linear : spec.linears()) {
            if (wanted.test(linear) && !lastOf.containsKey(point(linear))) {
                Linear shown = partOfRouters(linear) ? spec.mlp().linears().getFirst() : linear;
                whole.computeIfAbsent(
                        point(spec.source(shown)), point -> new float[Math.multiplyExact(tokens, linear.columns())]);
            }
        }
    }

    private void count(long gramBytes) {
        long left = gramBytes;
        for (Linear linear : spec.linears()) {
            String source = point(spec.source(linear));
            if (wanted.test(linear) && !counted.containsKey(source)) {
                long bytes = (long) linear.columns() * linear.columns() * Float.BYTES;
                boolean whole = bytes <= left && InputStatistics.fits(linear.columns());
                left -= whole ? bytes : 0;
                counted.put(source, new InputStatistics(linear.columns(), whole));
            }
        }
    }

    private static String point(Linear linear) {
        return linear.name() + ".input";
    }

    private static String input(String point) {
        return "the input of " + point.replace(".input", "");
    }

    /** Whether a linear is one of an expert that reads what the router reads. */
    private boolean partOfRouters(Linear linear) {
        return experts.stream().anyMatch(expert -> linear.equals(expert.gate()) || linear.equals(expert.up()));
    }

    /** What comes next are the inputs of the tokens from {@code first} on. */
    void batch(int first) {
        from = first;
    }

    @Override
    public boolean everyExpert() {
        return everyExpert;
    }

    @Override
    public void routed(int block, int expert, int[] rows, int start, int end) {
        int count = counts[expert] + end - start;
        if (count > routed[expert].length) {
            routed[expert] = Arrays.copyOf(routed[expert], Math.max(count, 2 * routed[expert].length));
        }
        for (int i = start; i < end; i++) {
            routed[expert][counts[expert]++] = from + rows[i];
        }
    }

    @Override
    public void at(String point, Buffer value) {
        float[] kept = whole.get(point);
        Integer expert = lastOf.get(point);
        InputStatistics sums = counted.get(point);
        if (kept != null || expert != null || sums != null) {
            float[] values = new float[value.rows() * value.columns()];
            backend.read(value, values);
            if (sums != null) {
                int first = from;
                BlockRunner.requireFinite(spec, input(point), values, value.columns(), row -> first + row, length);
                sums.add(backend, values);
            } else if (kept != null) {
                System.arraycopy(values, 0, kept, from * value.columns(), values.length);
            } else {
                lasts.get(Objects.requireNonNull(expert)).add(values);
            }
        }
    }

    /**
     * All that was kept; to be called once.
     *
     * @param hidden what flowed into the block, to go with it
     * @throws awq4j.format.UnsupportedModelException if a value is not finite; names place and token
     */
    BlockCapture capture(int sequences, float[] hidden) {
        whole.forEach((point, values) ->
                BlockRunner.requireFinite(spec, input(point), values, values.length / tokens, row -> row, length));
        var inputs = new HashMap<String, float[]>();
        var picked = new HashMap<String, int[]>();
        var statistics = new HashMap<String, InputStatistics>();
        for (Linear linear : spec.linears()) {
            InputStatistics sums = counted.get(point(spec.source(linear)));
            if (sums != null && wanted.test(linear)) {
                statistics.put(linear.name(), sums);
            }
            float[] kept = whole.get(point(spec.source(linear)));
            if (kept != null && wanted.test(linear)) {
                inputs.put(linear.name(), kept);
            }
        }
        for (int e = 0; e < experts.size(); e++) {
            Mlp.Gated expert = experts.get(e);
            float[] all = whole.get(point(spec.source(spec.mlp().linears().getFirst())));
            int[] rows = Arrays.copyOf(routed[e], counts[e]);
            for (Linear first : List.of(expert.gate(), expert.up())) {
                if (all != null && wanted.test(first)) {
                    inputs.put(first.name(), all);
                    if (!everyExpert) {
                        picked.put(first.name(), rows);
                    }
                }
            }
            Linear down = expert.down();
            if (lastOf.containsKey(point(down))) {
                float[] last = joined(lasts.set(e, List.of()), counts[e] * down.columns());
                BlockRunner.requireFinite(spec, input(point(down)), last, down.columns(), row -> rows[row], length);
                inputs.put(down.name(), last);
            }
        }
        return new BlockCapture(sequences, length, inputs, picked, statistics, hidden);
    }

    private static float[] joined(List<float[]> parts, int size) {
        float[] all = new float[size];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }
}
