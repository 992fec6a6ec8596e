package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.quant.Gptq;
import awq4j.quant.calibration.Calibration;
import awq4j.quant.checkpoint.MethodChoice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Lin et al., AWQ (2023), figure 8a: how much calibration text the methods need. */
final class CalibrationSizeStudy {
    private static final String SEQUENCES = "sequences";
    private static final String SIZE = "size";
    private static final List<Integer> SIZES = List.of(8, 16, 32, 64, 128, 192);
    private static final int LENGTH = 128;
    private static final int BITS = 3;

    static final Study STUDY = new Study(
            "calibration-size",
            "Calibration size",
            "How much calibration text AWQ and GPTQ need, at 3 bits: 8 to 192 sequences of 128 tokens.",
            Map.of(SEQUENCES, "calibration sequences", SIZE, "calibration sequences of 128 tokens"),
            CalibrationSizeStudy::points,
            List.of(
                    View.line("Divergence from the original", SIZE, Workbench.KL)
                            .by(Row.METHOD)
                            .note("A method that needs little text has a flat line. RTN looks at none."),
                    View.table("The same in numbers", List.of(Row.METHOD), SIZE, Workbench.KL),
                    View.table("Perplexity", List.of(Row.METHOD), SIZE, Workbench.PERPLEXITY)));

    private CalibrationSizeStudy() {}

    private static List<Point> points(Workbench bench) {
        int length = Math.min(LENGTH, bench.model().contextLength());
        int[][] all = bench.settings()
                .calibration()
                .cut(bench.tokenizer(), Integer.MAX_VALUE, length)
                .sequences();
        var sizes = SIZES.stream().filter(size -> size <= all.length).toList();
        if (sizes.isEmpty()) {
            throw new IllegalArgumentException("the calibration text has " + all.length + " sequences of " + length
                    + " tokens, the study takes " + SIZES.getFirst() + " at least: give more text");
        }
        var methods = new LinkedHashMap<String, MethodChoice>();
        methods.put("AWQ", MethodChoice.awq(bench.settings().awq()));
        methods.put("GPTQ", MethodChoice.gptq(Gptq.Settings.DEFAULT, null));
        int group = bench.groupSizes().getFirst();
        var points = new ArrayList<Point>();
        points.add(new Point(Row.labels(Row.METHOD, "RTN"), b -> {
            MethodChoice rtn = MethodChoice.rtn();
            Map<String, Estimate> numbers = b.quality(b.quantized(rtn, Schemes.usual(BITS, group, rtn)));
            return sizes.stream().map(size -> row(size, numbers)).toList();
        }));
        methods.forEach((label, method) -> {
            for (int size : sizes) {
                points.add(new Point(Row.labels(Row.METHOD, label, SIZE, size), b -> {
                    var pass = b.calibration(Calibration.ofTokens(Arrays.copyOf(all, size)));
                    return List.of(row(size, b.quality(b.quantized(method, Schemes.usual(BITS, group, method), pass))));
                }));
            }
        });
        return points;
    }

    private static Row row(int size, Map<String, Estimate> measured) {
        var numbers = new LinkedHashMap<>(measured);
        numbers.put(SEQUENCES, Estimate.exact(size));
        return new Row(Row.labels(SIZE, size), numbers);
    }
}
