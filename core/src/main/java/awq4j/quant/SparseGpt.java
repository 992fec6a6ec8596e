package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ParameterCount;
import awq4j.weight.Weight;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * SparseGPT (Frantar and Alistarh, 2023): prunes a linear column by column, and columns that are still to come make up
 * for what goes, as the inputs' Gram matrix says; what stays may be rounded on the way, which is GPTQ with zeros. Each
 * block sees what the pruned blocks before it put out.
 *
 * <p>Without rounding it gives pruned matrices that are not quantized. With it, codes as any checkpoint holds them: zero
 * is a code of every group. Another method of quantization may follow on pruning without rounding, as on {@link Wanda};
 * its losses are those against the pruned weights.
 */
public final class SparseGpt implements QuantMethod {
    private final BlockRunner runner;
    private final Settings settings;
    private final @Nullable QuantMethod then;

    /**
     * What a user may choose.
     *
     * @param sparsity how many weights go
     * @param quantized whether those that stay are rounded
     * @param damping share of the mean of the Gram matrix' diagonal that is added to the diagonal, in [0, 1]; raised by
     *     itself where it does not suffice
     * @param expertTokens least calibration tokens that an expert must have seen; with fewer its weights go by their
     *     magnitude, and nothing makes up for them
     */
    public record Settings(Sparsity sparsity, boolean quantized, double damping, int expertTokens) {
        /** @throws IllegalArgumentException if {@code damping} is out of range or {@code expertTokens} not positive */
        public Settings {
            if (!(damping >= 0 && damping <= 1)) {
                throw new IllegalArgumentException("damping must be in [0, 1], was " + damping);
            }
            if (expertTokens < 1) {
                throw new IllegalArgumentException("expertTokens must be positive, was " + expertTokens);
            }
        }

        /** Damped as the reference does it. */
        public Settings(Sparsity sparsity, boolean quantized) {
            this(sparsity, quantized, 0.01, Awq.Settings.DEFAULT_EXPERT_TOKENS);
        }
    }

    /** With groups' scales among the float16 values, as checkpoints have them. */
    public SparseGpt(BlockRunner runner, Settings settings) {
        this(runner, settings, null);
    }

    private SparseGpt(BlockRunner runner, Settings settings, @Nullable QuantMethod then) {
        this.runner = runner;
        this.settings = settings;
        this.then = then;
    }

    /**
     * Pruning, then another method for what is left.
     *
     * @throws IllegalArgumentException if the settings say that weights are rounded on the way
     */
    public static SparseGpt before(QuantMethod then, BlockRunner runner, Settings settings) {
        if (settings.quantized()) {
            throw new IllegalArgumentException("sparsegpt rounds what " + then.name() + " was to round");
        }
        return new SparseGpt(runner, settings, then);
    }

    @Override
    public String name() {
        return settings.quantized() ? "sparsegpt+gptq" : then == null ? "sparsegpt" : "sparsegpt+" + then.name();
    }

    @Override
    public boolean everyExpert() {
        return then != null && then.everyExpert();
    }

    @Override
    public boolean calibrated() {
        return true;
    }

    @Override
    public boolean seesQuantized() {
        return true;
    }

    @Override
    public boolean recipeSuffices() {
        return false;
    }

    /** As {@link Gptq}: the Gram matrix and its factor once for each input, corrections and a loss for each linear. */
    @Override
    public Effort effort(BlockSpec spec, long tokens) {
        double weights = ParameterCount.of(spec);
        var own = new Effort(weights * tokens + Gptq.solving(spec, tokens, 2), 3 * weights);
        return then == null ? own : own.plus(then.effort(spec, tokens));
    }

    /** @throws IllegalArgumentException also if the input of a linear was not captured, or in another shape */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        Finite.require(weights);
        var quantizer = Quantizer.forCheckpoints(scheme);
        var rounding = new BlockRounding(spec, weights, quantizer);
        var remarks = new HashMap<String, String>();
        var losses = new HashMap<String, Double>();
        var pruned = new HashSet<String>();
        Shared shared = null;
        for (Linear linear : spec.linears()) {
            if (spec.steers(linear)) {
                remarks.put(linear.name(), String.valueOf(BlockRounding.obstacle(spec, linear, scheme)));
                continue;
            }
            if (shared == null || !capture.sameInput(shared.linear, linear)) {
                shared = Shared.of(runner, settings, capture, linear);
            }
            String obstacle = BlockRounding.obstacle(spec, linear, scheme);
            boolean rounds = settings.quantized() && obstacle == null;
            float[] values = weights.values(linear.name());
            float[] original = values.clone();
            Weight weight = solver(shared, rounds ? quantizer : null).solve(linear.name(), linear.rows(), values);
            String remark = shared.remark;
            if (weight != null) {
                String trouble = rounding.keep(linear, weight);
                if (trouble != null) {
                    System.arraycopy(original, 0, values, 0, values.length);
                    solver(shared, null).solve(linear.name(), linear.rows(), values);
                    remark = trouble;
                }
            } else if (settings.quantized()) {
                remark = obstacle;
            } else if (remark == null) {
                remark = "pruned " + settings.sparsity().label() + ", not quantized";
            }
            pruned.add(linear.name());
            losses.put(linear.name(), shared.loss(original, values));
            remarks.put(linear.name(), remark == null ? "" : remark);
        }
        if (then != null) {
            return Wanda.completed(then.quantize(spec, weights, capture, scheme), spec, weights, pruned);
        }
        remarks.putAll(rounding.takeBack());
        QuantizedBlock block = rounding.finish(
                BlockRecipe.plain(spec.index()), reports(spec, capture, rounding, remarks, losses, pruned));
        return Wanda.completed(block, spec, weights, pruned);
    }

    private static List<LinearReport> reports(
            BlockSpec spec,
            BlockCapture capture,
            BlockRounding rounding,
            Map<String, String> remarks,
            Map<String, Double> losses,
            Set<String> pruned) {
        var reports = new ArrayList<LinearReport>();
        for (Linear linear : spec.linears()) {
            String remark = remarks.getOrDefault(linear.name(), "");
            reports.add(new LinearReport(
                    linear.name(),
                    rounding.rounded(linear) != null,
                    remark.isEmpty() ? null : remark,
                    pruned.contains(linear.name()) ? Double.NaN : 0,
                    losses.getOrDefault(linear.name(), 0.0),
                    capture.seen(linear)));
        }
        return reports;
    }

    private SparseSolver solver(Shared shared, @Nullable Quantizer quantizer) {
        return new SparseSolver(shared.factor, settings.sparsity(), quantizer);
    }

    /**
     * What linears that share an input have in common.
     *
     * @param linear the first of them
     * @param error null if too few tokens were seen to speak of one
     */
    private record Shared(
            Linear linear,
            GptqFactor factor,
            @Nullable OutputError error,
            @Nullable String remark) {
        static Shared of(BlockRunner runner, Settings settings, BlockCapture capture, Linear linear) {
            int columns = linear.columns();
            int seen = capture.seen(linear);
            // one that saw every token always saw enough, as few as they may be
            if (seen < Math.min(settings.expertTokens(), capture.tokens())) {
                return new Shared(
                        linear,
                        plain(columns),
                        null,
                        "pruned by magnitude: its expert saw " + seen + " calibration tokens, SparseGPT takes "
                                + settings.expertTokens());
            }
            var inputs = InputStatistics.of(runner.backend(), capture.input(linear.name()), columns);
            float[] gram = Objects.requireNonNull(inputs.gram());
            OutputError error = OutputError.ofGram(runner.backend(), gram, columns, seen);
            GptqFactor factor = GptqFactor.of(gram, columns, null, settings.damping(), false);
            if (factor == null) {
                String why = "pruned by magnitude: the Gram matrix of its inputs has no factor";
                return new Shared(linear, plain(columns), error, why);
            }
            String raised = factor.damping() > settings.damping() ? "damping raised to " + factor.damping() : null;
            return new Shared(linear, factor, error, raised);
        }

        /** With which weights go by magnitude and nothing is corrected. */
        private static GptqFactor plain(int columns) {
            int[] order = new int[columns];
            float[] identity = new float[Math.multiplyExact(columns, columns)];
            for (int c = 0; c < columns; c++) {
                order[c] = c;
                identity[c * columns + c] = 1;
            }
            return new GptqFactor(columns, order, identity, new boolean[columns], 0);
        }

        double loss(float[] original, float[] values) {
            return error == null ? Double.NaN : error.meanSquare(original, values);
        }
    }
}
