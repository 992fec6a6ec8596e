package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.eval.Windows;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.PlacedHead;
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
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What each matrix alone costs, and what a mixture of widths makes of that. */
final class SensitivityStudy {
    private static final List<Integer> ALONE = List.of(2, 3, 4);
    private static final List<Integer> WIDTHS = List.of(2, 3, 4, 8);
    private static final List<Double> BUDGETS = List.of(2.5, 3.0, 3.5, 4.0, 5.0);

    /** Windows that single matrices are measured on: their divergences span decades, and are those of the same tokens. */
    private static final int WINDOWS = 8;

    private static final String BLOCK = "block";
    private static final String MATRIX = "matrix";
    private static final String CHANGE = "change";
    private static final String TOLD = "told";
    private static final String MEAN_BITS = "mean bits";

    static final Study STUDY = new Study(
            "sensitivity",
            "Sensitivity",
            "What the model loses if a single matrix is rounded to 2, 3 or 4 bits, whether the change of its block's output"
                    + " tells, whether a look at calibration text does, and what a mixture of widths chosen by that"
                    + " gains over one width.",
            Map.of(
                    BLOCK,
                    "block",
                    MATRIX,
                    "matrix",
                    CHANGE,
                    "change of the block's output, share of its squares",
                    TOLD,
                    "divergence told beforehand",
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
                            .note("A dot is a matrix at a width."),
                    View.scatter("Told beforehand and measured", TOLD, Workbench.KL)
                            .by(Row.BITS)
                            .logX()
                            .logY()
                            .note("quantize --bits auto tells the axis across from calibration text."),
                    View.line("Mixtures and single widths", MEAN_BITS, Workbench.KL)
                            .by(Row.METHOD)
                            .logY()
                            .note("Mixed: 2, 3, 4 or 8 bits for each matrix, within the mean."),
                    View.table("The same in numbers", List.of(Row.METHOD, "budget"), "", MEAN_BITS, Workbench.KL)));

    private SensitivityStudy() {}

    private static List<Point> points(Workbench bench) {
        var points = new ArrayList<Point>();
        int group = bench.groupSizes().getFirst();
        var scheme = new QuantScheme(4, group, false, Range.REFERENCE).packedDensely(); // all matrices, at any width
        var losses = new Losses(scheme);
        for (BlockSpec spec : bench.model().blocks()) {
            for (StoredMatrix matrix : StoredMatrix.of(spec.quantizable())) {
                String name = matrix.name().substring(matrix.name().lastIndexOf('.') + 1);
                points.add(new Point(
                        Row.labels(BLOCK, spec.index(), MATRIX, name), on -> alone(on, spec, matrix, scheme, losses)));
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
            points.add(mixed(budget, "RTN, mixed", MethodChoice.rtn(), scheme, losses));
        }
        for (double budget : List.of(2.5, 3.0, 3.5, 4.0)) {
            points.add(mixed(budget, "AWQ, mixed", awq, scheme, losses));
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

    private static Point mixed(double budget, String label, MethodChoice method, QuantScheme scheme, Losses losses) {
        return Point.of(Row.labels(Row.METHOD, label, "budget", budget), bench -> {
            List<Candidate> candidates = losses.candidates(bench);
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
    private static List<Row> alone(
            Workbench bench, BlockSpec of, StoredMatrix matrix, QuantScheme scheme, Losses losses) {
        Map<Integer, Double> told = losses.told(bench, matrix);
        Map<Integer, Double> changes = losses.changes(bench, matrix);
        var rows = new ArrayList<Row>();
        if (told.isEmpty()) {
            return rows;
        }
        Windows some = bench.text().limit(WINDOWS);
        for (int bits : ALONE) {
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
            numbers.put(CHANGE, Estimate.exact(changes.getOrDefault(bits, Double.NaN)));
            numbers.put(TOLD, Estimate.exact(told.getOrDefault(bits, Double.NaN)));
            rows.add(new Row(Row.labels(Row.BITS, bits), numbers));
        }
        return rows;
    }

    /** What {@code quantize --bits auto} would know, found when it is first asked for. */
    private static final class Losses {
        private final QuantScheme scheme;
        private final List<Candidate> candidates = new ArrayList<>();
        private final List<Sensitivity.Change> changes = new ArrayList<>();

        Losses(QuantScheme scheme) {
            this.scheme = scheme;
        }

        List<Candidate> candidates(Workbench bench) {
            if (candidates.isEmpty()) {
                measure(bench);
            }
            return candidates;
        }

        Map<Integer, Double> told(Workbench bench, StoredMatrix matrix) {
            return candidates(bench).stream()
                    .filter(candidate -> candidate.name().equals(matrix.name()))
                    .findFirst()
                    .map(Candidate::losses)
                    .orElse(Collections.emptySortedMap());
        }

        Map<Integer, Double> changes(Workbench bench, StoredMatrix matrix) {
            candidates(bench);
            return changes.stream()
                    .filter(change -> change.name().equals(matrix.name()))
                    .findFirst()
                    .map(Sensitivity.Change::byWidth)
                    .orElse(Collections.emptySortedMap());
        }

        private void measure(Workbench bench) {
            CalibrationPass pass = bench.calibration();
            ModelSpec model = bench.model();
            int tokens = Sensitivity.tokens(model);
            int length = Math.min(tokens, pass.calibration().length());
            int sequences = Math.clamp(tokens / length, 1, pass.calibration().sequences().length);
            var sensitivity = new Sensitivity(bench.backend(), model, sequences, length, scheme, WIDTHS);
            float[] hidden = Arrays.copyOf(pass.hidden(0), sequences * length * model.hidden());
            for (BlockSpec spec : model.blocks()) {
                bench.watch().step("widths", spec.index(), model.blocks().size());
                hidden = sensitivity.block(spec, BlockWeights.load(spec, Parameters.of(bench.checkpoint())), hidden);
            }
            candidates.addAll(sensitivity.losses(PlacedHead.place(bench.backend(), model, bench.checkpoint()), hidden));
            changes.addAll(sensitivity.changes());
        }
    }
}
