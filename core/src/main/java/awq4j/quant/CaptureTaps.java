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

/**
 * Keeps the inputs of a block's linears while batches run through it. Of experts it keeps which tokens they got and what
 * their last linear saw; the others see parts of what the router sees.
 */
final class CaptureTaps implements Taps {
    private final Backend backend;
    private final BlockSpec spec;
    private final int tokens;
    private final boolean everyExpert;
    private final Map<String, float[]> whole = new LinkedHashMap<>();
    private final Map<String, Integer> lastOf = new HashMap<>();
    private final List<Mlp.Gated> experts;
    private final int[][] routed;
    private final int[] counts;
    private final List<List<float[]>> lasts = new ArrayList<>();
    private int from;

    /**
     * For one block.
     *
     * @param tokens of all batches together
     * @param everyExpert whether experts are to see all of them
     */
    CaptureTaps(Backend backend, BlockSpec spec, int tokens, boolean everyExpert) {
        this.backend = backend;
        this.spec = spec;
        this.tokens = tokens;
        this.everyExpert = everyExpert;
        experts = spec.mlp() instanceof Mlp.Experts mixture ? mixture.experts() : List.of();
        routed = new int[experts.size()][64];
        counts = new int[experts.size()];
        for (int e = 0; e < experts.size(); e++) {
            lasts.add(new ArrayList<>());
            if (!everyExpert) {
                lastOf.put(point(experts.get(e).down()), e);
            }
        }
        for (Linear linear : spec.linears()) {
            boolean own =
                    spec.source(linear).equals(linear) && !partOfRouters(linear) && !lastOf.containsKey(point(linear));
            if (own) {
                whole.put(point(linear), new float[Math.multiplyExact(tokens, linear.columns())]);
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
        if (kept != null || expert != null) {
            float[] values = new float[value.rows() * value.columns()];
            backend.read(value, values);
            if (kept != null) {
                System.arraycopy(values, 0, kept, from * value.columns(), values.length);
            } else {
                lasts.get(Objects.requireNonNull(expert)).add(values);
            }
        }
    }

    /**
     * All that was kept; to be called once.
     *
     * @throws awq4j.format.UnsupportedModelException if a value is not finite; names place and token
     */
    BlockCapture capture(int sequences, int length) {
        whole.forEach((point, values) ->
                BlockRunner.requireFinite(spec, input(point), values, values.length / tokens, row -> row, length));
        var inputs = new HashMap<String, float[]>();
        var picked = new HashMap<String, int[]>();
        for (Linear linear : spec.linears()) {
            float[] kept = whole.get(point(spec.source(linear)));
            if (kept != null) {
                inputs.put(linear.name(), kept);
            }
        }
        for (int e = 0; e < experts.size(); e++) {
            Mlp.Gated expert = experts.get(e);
            float[] all =
                    Objects.requireNonNull(whole.get(point(spec.mlp().linears().getFirst())));
            inputs.put(expert.gate().name(), all);
            inputs.put(expert.up().name(), all);
            if (!everyExpert) {
                int[] rows = Arrays.copyOf(routed[e], counts[e]);
                picked.put(expert.gate().name(), rows);
                picked.put(expert.up().name(), rows);
                Linear down = expert.down();
                float[] last = joined(lasts.set(e, List.of()), counts[e] * down.columns());
                BlockRunner.requireFinite(spec, input(point(down)), last, down.columns(), row -> rows[row], length);
                inputs.put(down.name(), last);
            }
        }
        return new BlockCapture(sequences, length, inputs, picked);
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
