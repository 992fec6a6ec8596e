package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.eval.Windows;
import awq4j.model.BlockSpec;
import awq4j.model.Parameters;
import awq4j.model.StoredMatrix;
import awq4j.quant.BitBudget;
import awq4j.quant.BitBudget.Candidate;
import awq4j.quant.BlockWeights;
import awq4j.quant.MixedBits;
import awq4j.quant.QuantMethod;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Rtn;
import awq4j.quant.Sensitivity;
import awq4j.quant.Widths;
import awq4j.quant.checkpoint.MethodChoice;
import awq4j.weight.Weight;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What each matrix alone costs, and what a mixture of widths makes of that. */
final class SensitivityStudy {
    private static final List<Integer> ALONE = List.of(2, 3, 4);
    private static final List<Integer> WIDTHS = List.of(2, 3, 4, 8);
    private static final List<Double> BUDGETS = List.of(2.5, 3.0, 3.5, 4.0, 5.0);

    /** Windows that single matrices are measured on: their divergences span decades, and are those of the same tokens. */
    private static final int WINDOWS = 8;

    /** Sequences that outputs of blocks are compared on, as many tokens as {@code quantize --bits auto} takes. */
    private static final int TOKENS = 1024;

    private static final String BLOCK = "block";
    private static final String MATRIX = "matrix";
    private static final String CHANGE = "change";
    private static final String MEAN_BITS = "mean bits";

    static final Study STUDY = new Study(
            "sensitivity",
            "Sensitivity",
            "What the model loses if a single matrix is rounded to 2, 3 or 4 bits, whether the change of its block's output"
                    + " tells, and what a mixture of widths chosen by that change gains over one width.",
            Map.of(
                    BLOCK,
                    "block",
                    MATRIX,
                    "matrix",
                    CHANGE,
                    "change of the block's output, share of its squares",
                    MEAN_BITS,
                    "mean bits of a code",
                    "budget",
                    "budget"),
            SensitivityStudy::points,
            List.of(
                    View.heat("One matrix rounded, all else FP16", BLOCK, MATRIX, Workbench.KL)
                            .panels(Row.BITS)
                            .logY()
                            .note("Plain rounding; KL to FP16, the colours are logarithmic."),
                    View.scatter("Change of the block's output and divergence", CHANGE, Workbench.KL)
                            .by(Row.BITS)
                            .logX()
                            .logY()
                            .note("A dot is a matrix at a width. quantize --bits auto knows the left axis only."),
                    View.line("Mixtures and single widths", MEAN_BITS, Workbench.KL)
                            .by(Row.METHOD)
                            .logY()
                            .note("Mixed: 2, 3, 4 or 8 bits for each matrix, within the mean."),
                    View.table(
                            "Mixtures and single widths", List.of(Row.METHOD, "budget"), "", MEAN_BITS, Workbench.KL)));

    private SensitivityStudy() {}

    private static List<Point> points(Workbench bench) {
        var points = new ArrayList<Point>();
        int group = bench.groupSizes().getFirst();
        var scheme = new QuantScheme(4, group, false, Range.REFERENCE).packedDensely(); // all matrices, at any width
        for (BlockSpec spec : bench.model().blocks()) {
            for (StoredMatrix matrix : StoredMatrix.of(spec.quantizable())) {
                String name = matrix.name().substring(matrix.name().lastIndexOf('.') + 1);
                points.add(new Point(
                        Row.labels(BLOCK, spec.index(), MATRIX, name), on -> alone(on, spec, matrix, scheme)));
            }
        }
        for (int bits : WIDTHS) {
            points.add(single(bits, "RTN", MethodChoice.rtn(), scheme));
        }
        var awq = MethodChoice.awq(bench.settings().awq());
        for (int bits : ALONE) {
            points.add(single(bits, "AWQ", awq, scheme));
        }
        for (double budget : BUDGETS) {
            points.add(mixed(budget, "RTN, mixed", MethodChoice.rtn(), scheme));
        }
        for (double budget : List.of(2.5, 3.0, 3.5, 4.0)) {
            points.add(mixed(budget, "AWQ, mixed", awq, scheme));
        }
        return points;
    }

    private static Point single(int bits, String label, MethodChoice method, QuantScheme scheme) {
        QuantScheme own = scheme.withBits(bits);
        return Point.of(Row.labels(Row.METHOD, label, "budget", bits), bench -> {
            Map<String, Estimate> numbers = bench.quality(bench.quantized(method, own));
            numbers.put(MEAN_BITS, Estimate.exact(bits));
            return numbers;
        });
    }

    private static Point mixed(double budget, String label, MethodChoice method, QuantScheme scheme) {
        return Point.of(Row.labels(Row.METHOD, label, "budget", budget), bench -> {
            List<Candidate> candidates = candidates(bench, scheme);
            var chosen = BitBudget.choose(candidates, budget);
            QuantMethod mixture =
                    new MixedBits(method.method().apply(bench.runner()), bench.runner(), Widths.mixed(scheme, chosen));
            Variant variant =
                    bench.changed(BlockChange.of(mixture, scheme), method.calibrated() ? bench.calibration() : null);
            Map<String, Estimate> numbers = bench.quality(variant);
            numbers.put(MEAN_BITS, Estimate.exact(BitBudget.bitsPerWeight(candidates, chosen)));
            return numbers;
        });
    }

    /** A row for each width. */
    private static List<Row> alone(Workbench bench, BlockSpec of, StoredMatrix matrix, QuantScheme scheme) {
        Optional<Candidate> losses = measured(bench, of, scheme).stream()
                .filter(candidate -> candidate.name().equals(matrix.name()))
                .findFirst();
        var rows = new ArrayList<Row>();
        if (losses.isEmpty()) {
            return rows;
        }
        Windows some = bench.text().limit(WINDOWS);
        for (int bits : ALONE) {
            double change = losses.get().losses().getOrDefault(bits, Double.NaN);
            Map<String, Integer> one = Map.of(matrix.name(), bits);
            Variant variant = bench.changed(
                    (spec, weights, capture) -> {
                        if (spec.index() != of.index()) {
                            return Map.of();
                        }
                        var block = new MixedBits(new Rtn(), bench.runner(), Widths.mixed(scheme, one))
                                .quantize(spec, weights.copy(), capture, scheme);
                        Map<String, Weight> coded = new LinkedHashMap<>();
                        matrix.parts().forEach(part -> {
                            Weight codes = block.linears().get(part.name());
                            if (codes != null) {
                                coded.put(part.name(), codes);
                            }
                        });
                        return coded;
                    },
                    null);
            Map<String, Estimate> numbers = bench.quality(variant, some);
            numbers.put(CHANGE, Estimate.exact(change));
            rows.add(new Row(Row.labels(Row.BITS, bits), numbers));
        }
        return rows;
    }

    private static List<Candidate> candidates(Workbench bench, QuantScheme scheme) {
        var candidates = new ArrayList<Candidate>();
        for (BlockSpec spec : bench.model().blocks()) {
            bench.watch().step("widths", spec.index(), bench.model().blocks().size());
            candidates.addAll(measured(bench, spec, scheme));
        }
        return candidates;
    }

    private static List<Candidate> measured(Workbench bench, BlockSpec spec, QuantScheme scheme) {
        CalibrationPass pass = bench.calibration();
        int length = pass.calibration().length();
        int sequences = Math.clamp(TOKENS / length, 1, pass.calibration().sequences().length);
        int values = sequences * length * bench.model().hidden();
        float[] hidden = Arrays.copyOf(pass.hidden(spec.index()), values);
        BlockWeights weights = BlockWeights.load(spec, Parameters.of(bench.checkpoint()));
        float[] outputs = bench.runner().outputs(spec, weights, hidden, sequences, length);
        return Sensitivity.of(bench.runner(), spec, weights, hidden, outputs, sequences, length, scheme, WIDTHS);
    }
}
