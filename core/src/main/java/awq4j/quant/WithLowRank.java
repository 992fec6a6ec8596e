package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ParameterCount;
import awq4j.weight.LowRank;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Another method, and beside each linear that it quantizes a matrix of low rank in float16 that makes up for what it lost:
 * the best one in the outputs over the calibration (Zhang et al., LQER, 2024, with the diagonal; Zhang et al., QERA, 2024,
 * with the whole Gram matrix). It runs as two thin matrices, see {@link LowRank}.
 */
public final class WithLowRank implements QuantMethod {
    private final QuantMethod base;
    private final BlockRunner runner;
    private final Settings settings;

    /** By what the residual's input channels are weighted. */
    public enum Weighting {
        /** By nothing: the singular value decomposition of the residual alone. */
        NONE,
        /** Each by the mean square of its activations. */
        DIAGONAL,
        /** By the Gram matrix, which gives the least error of the outputs; by its diagonal where it was too large to keep. */
        GRAM
    }

    /**
     * What a user may choose.
     *
     * @param rank of the matrices; a linear of fewer rows or columns gets as many
     * @param weighting of the residual
     * @param expertTokens least calibration tokens that an expert must have seen to be weighted by them
     */
    public record Settings(int rank, Weighting weighting, int expertTokens) {
        /** @throws IllegalArgumentException if {@code rank} or {@code expertTokens} is not positive */
        public Settings {
            if (rank < 1) {
                throw new IllegalArgumentException("rank must be positive, was " + rank);
            }
            if (expertTokens < 1) {
                throw new IllegalArgumentException("expertTokens must be positive, was " + expertTokens);
            }
        }

        /** With as many tokens an expert as AWQ asks for. */
        public Settings(int rank, Weighting weighting) {
            this(rank, weighting, Awq.Settings.DEFAULT_EXPERT_TOKENS);
        }
    }

    /** @param base makes the codes */
    public WithLowRank(QuantMethod base, BlockRunner runner, Settings settings) {
        this.base = base;
        this.runner = runner;
        this.settings = settings;
    }

    @Override
    public String name() {
        return base.name() + "+rank" + settings.rank();
    }

    @Override
    public boolean calibrated() {
        return base.calibrated() || settings.weighting() != Weighting.NONE;
    }

    @Override
    public boolean everyExpert() {
        return base.everyExpert();
    }

    @Override
    public boolean seesQuantized() {
        return base.seesQuantized();
    }

    @Override
    public boolean statisticsSuffice() {
        return !base.calibrated() || base.statisticsSuffice();
    }

    @Override
    public boolean recipeSuffices() {
        return false;
    }

    /** Beside the base's: a Gram matrix for each input and some passes over each residual, taken for twenty. */
    @Override
    public Effort effort(BlockSpec spec, long tokens) {
        double products = 0;
        var inputs = new HashSet<Linear>();
        for (Linear linear : spec.linears()) {
            double n = linear.columns();
            products += 20.0 * settings.rank() * (2.0 * ParameterCount.of(linear) + n * n);
            if (inputs.add(spec.source(linear))) {
                products += tokens * n * n;
            }
        }
        return base.effort(spec, tokens).plus(new Effort(products, ParameterCount.of(spec)));
    }

    /** @throws IllegalArgumentException also if the input of a linear was not captured, or in another shape */
    @Override
    public QuantizedBlock quantize(BlockSpec spec, BlockWeights weights, BlockCapture capture, QuantScheme scheme) {
        BlockWeights meant = weights.copy();
        QuantizedBlock block = base.quantize(spec, weights, capture, scheme);
        FromRecipe.scale(spec, meant, block.recipe());
        FoldedScales scales = FoldedScales.of(spec, block.recipe());
        var corrections = new LinkedHashMap<String, LowRank>();
        var reports = new ArrayList<LinearReport>();
        Inputs inputs = null;
        for (LinearReport report : block.reports()) {
            Weight weight = block.linears().get(report.name());
            if (weight == null) {
                reports.add(report);
                continue;
            }
            Linear linear =
                    Objects.requireNonNull(meant.matrices().get(report.name())).linear();
            float[] columnScale = scales.columns(linear);
            if (inputs == null || !inputs.serves(capture, linear, columnScale)) {
                inputs = inputs(capture, linear, columnScale);
            }
            float[] residual = WeightCodec.decode(weight);
            float[] values = meant.values(linear.name());
            for (int i = 0; i < residual.length; i++) {
                residual[i] = values[i] - residual[i];
            }
            LowRank correction = LowRankFit.of(
                    runner.backend(),
                    linear.name(),
                    linear.rows(),
                    linear.columns(),
                    residual,
                    inputs.gram,
                    inputs.diagonal,
                    settings.rank());
            corrections.put(linear.name(), correction);
            reports.add(
                    inputs.error == null
                            ? new LinearReport(report.name(), true, report.reason(), Double.NaN, Double.NaN, 0)
                            : report(report, inputs.error, linear, residual, correction, scales));
        }
        return new QuantizedBlock(block.linears(), block.changed(), corrections, block.recipe(), reports);
    }

    /**
     * What linears share that share an input.
     *
     * @param linear the first of them
     * @param scale what its columns were multiplied by
     * @param gram of the inputs divided by the scale; null if it is not the weighting
     * @param diagonal of that, null if it is not the weighting
     * @param error over the inputs as they were; null if none was seen
     */
    private record Inputs(
            Linear linear,
            float @Nullable [] scale,
            float @Nullable [] gram,
            float @Nullable [] diagonal,
            @Nullable OutputError error) {
        boolean serves(BlockCapture capture, Linear other, float @Nullable [] otherScale) {
            return error != null && capture.sameInput(linear, other) && java.util.Arrays.equals(scale, otherScale);
        }
    }

    private Inputs inputs(BlockCapture capture, Linear linear, float @Nullable [] scale) {
        boolean captured = capture.inputs().containsKey(linear.name())
                || capture.statistics().containsKey(linear.name());
        if (!captured && !calibrated()) {
            return new Inputs(linear, scale, null, null, null);
        }
        int columns = linear.columns();
        int seen = capture.seen(linear);
        if (seen == 0) {
            return new Inputs(linear, scale, null, null, null);
        }
        InputStatistics statistics = capture.statistics(runner.backend(), linear);
        var error = OutputError.of(runner.backend(), statistics);
        float[] gram = statistics.gram();
        boolean enough = seen >= Math.min(settings.expertTokens(), capture.tokens());
        Weighting weighting = enough ? settings.weighting() : Weighting.NONE;
        if (weighting == Weighting.GRAM && gram == null) {
            weighting = Weighting.DIAGONAL; // too large to be kept
        }
        return switch (weighting) {
            case NONE -> new Inputs(linear, scale, null, null, error);
            case DIAGONAL -> {
                double[] squares = statistics.squares();
                float[] diagonal = new float[columns];
                for (int c = 0; c < columns; c++) {
                    float divisor = scale == null ? 1 : scale[c];
                    diagonal[c] = (float) (squares[c] / divisor / divisor);
                }
                yield new Inputs(linear, scale, null, diagonal, error);
            }
            case GRAM -> {
                float[] divided = Objects.requireNonNull(gram).clone();
                if (scale != null) {
                    Folding.divideColumns(divided, scale);
                    for (int i = 0; i < divided.length; i++) {
                        divided[i] /= scale[i / columns];
                    }
                }
                yield new Inputs(linear, scale, divided, null, error);
            }
        };
    }

    private static LinearReport report(
            LinearReport of,
            OutputError error,
            Linear linear,
            float[] residual,
            LowRank correction,
            FoldedScales scales) {
        double before = of.lossBefore();
        if (Double.isNaN(before)) { // the base looked at no data, and scaled nothing
            before = scales.loss(error, linear, residual);
        }
        float[] left = correction.decode();
        for (int i = 0; i < left.length; i++) {
            left[i] -= residual[i];
        }
        double after = scales.loss(error, linear, left);
        return new LinearReport(of.name(), true, of.reason(), before, after, error.tokens());
    }
}
