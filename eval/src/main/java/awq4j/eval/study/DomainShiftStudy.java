package awq4j.eval.study;

import awq4j.eval.study.StudySettings.Domain;
import awq4j.quant.Gptq;
import awq4j.quant.checkpoint.MethodChoice;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Lin et al., AWQ (2023), figure 8b: what it costs to calibrate on another kind of text than is met in use. */
final class DomainShiftStudy {
    private static final String CALIBRATED = "calibrated";
    private static final String MEASURED = "measured";
    private static final int BITS = 3;

    static final Study STUDY = new Study(
            "domain-shift",
            "Domain shift",
            "What it costs, at 3 bits, to calibrate on one kind of text and meet another.",
            Map.of(CALIBRATED, "calibrated on", MEASURED, "measured on"),
            DomainShiftStudy::points,
            List.of(
                    View.bar("Divergence from the original", MEASURED, Workbench.KL)
                            .by(CALIBRATED)
                            .panels(Row.METHOD)
                            .except(CALIBRATED, "nothing")
                            .note("A method that survives the change of text has bars of equal height side by side."),
                    View.table("Divergence", List.of(Row.METHOD, CALIBRATED), MEASURED, Workbench.KL)
                            .except(Row.METHOD, "FP16"),
                    View.table("Perplexity", List.of(Row.METHOD, CALIBRATED), MEASURED, Workbench.PERPLEXITY)));

    private DomainShiftStudy() {}

    private static List<Point> points(Workbench bench) {
        List<Domain> domains = bench.settings().domains();
        int group = bench.groupSizes().getFirst();
        var methods = new LinkedHashMap<String, MethodChoice>();
        methods.put("AWQ", MethodChoice.awq(bench.settings().awq()));
        methods.put("GPTQ", MethodChoice.gptq(Gptq.Settings.DEFAULT, null));
        var points = new ArrayList<Point>();
        points.add(new Point(
                Row.labels(Row.METHOD, "FP16", CALIBRATED, "nothing"),
                b -> domains.stream()
                        .map(domain -> row(domain, b.qualityOfOriginal(b.windows(domain.text()))))
                        .toList()));
        points.add(new Point(Row.labels(Row.METHOD, "RTN", CALIBRATED, "nothing"), b -> {
            MethodChoice rtn = MethodChoice.rtn();
            return everywhere(b, domains, b.quantized(rtn, Schemes.usual(BITS, group, rtn)));
        }));
        methods.forEach((label, method) -> {
            for (Domain domain : domains) {
                points.add(new Point(Row.labels(Row.METHOD, label, CALIBRATED, domain.name()), b -> {
                    StudySettings settings = b.settings();
                    int length = settings.length(b.model().contextLength());
                    var pass = b.calibration(domain.calibration().cut(b.tokenizer(), settings.samples(), length));
                    return everywhere(b, domains, b.quantized(method, Schemes.usual(BITS, group, method), pass));
                }));
            }
        });
        return points;
    }

    private static List<Row> everywhere(Workbench bench, List<Domain> domains, Variant variant) {
        return domains.stream()
                .map(domain -> row(domain, bench.quality(variant, bench.windows(domain.text()))))
                .toList();
    }

    private static Row row(Domain domain, Map<String, awq4j.eval.Estimate> numbers) {
        return new Row(Row.labels(MEASURED, domain.name()), numbers);
    }
}
