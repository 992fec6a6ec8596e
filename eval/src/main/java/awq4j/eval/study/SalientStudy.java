package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Salience;
import awq4j.quant.SalientMixing;
import awq4j.quant.checkpoint.MethodChoice;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Channels that stay in float16: table 1 of the AWQ paper. */
final class SalientStudy {
    private static final String CHOSEN = "chosen";
    private static final String KEPT = "kept";
    private static final List<Double> SHARES = List.of(0.001, 0.01, 0.03);
    private static final int DRAWS = 3;

    static final Study STUDY = new Study(
            "salient",
            "Salient channels",
            "Which input channels it helps most to keep in FP16 while the others are rounded: those of large activations,"
                    + " those of large weights, or any (Lin et al., AWQ, table 1).",
            Map.of(CHOSEN, "channels chosen", KEPT, "channels kept in FP16"),
            SalientStudy::points,
            List.of(
                    View.line("Divergence from the original", KEPT, Workbench.KL)
                            .by(CHOSEN)
                            .panels(Row.BITS)
                            .logY()
                            .note("Lower is better. If activations tell which channels matter, their line falls and the"
                                    + " others stay. At random: the mean of " + DRAWS
                                    + " draws. Shares are rounded up to"
                                    + " whole channels: of 64 inputs 1 % is one."),
                    View.table("Divergence", List.of(CHOSEN, Row.BITS, Row.GROUP), KEPT, Workbench.KL),
                    View.table("Perplexity", List.of(CHOSEN, Row.BITS, Row.GROUP), KEPT, Workbench.PERPLEXITY),
                    View.table("Perplexity above FP16, %", List.of(CHOSEN, Row.BITS, Row.GROUP), KEPT, Workbench.RISE)
                            .except(CHOSEN, "all")
                            .note("Its error is of the difference on the same tokens."),
                    View.table("Bytes", List.of(CHOSEN, Row.BITS, Row.GROUP), KEPT, Workbench.BYTES)
                            .note("With the kept columns beside the codes, and their numbers.")));

    private SalientStudy() {}

    /** A way to choose, drawn so many times. */
    private record Choice(String label, Salience salience, int draws) {}

    private static final List<Choice> CHOICES = List.of(
            new Choice("by activation", Salience.ACTIVATION, 1),
            new Choice("by weight", Salience.WEIGHT, 1),
            new Choice("at random", Salience.RANDOM, DRAWS));

    private static List<Point> points(Workbench bench) {
        var points = new ArrayList<Point>();
        points.add(Point.of(
                Row.labels(CHOSEN, "all", Row.BITS, "16", Row.GROUP, "none", KEPT, "100 %"),
                Workbench::qualityOfOriginal));
        for (int group : bench.groupSizes()) {
            for (int bits : List.of(2, 3, 4)) {
                var scheme = new QuantScheme(bits, group, false, Range.REFERENCE);
                points.add(new Point(
                        Row.labels(KEPT, "0 %", Row.BITS, bits, Row.GROUP, group), here -> plain(here, scheme)));
                for (Choice choice : CHOICES) {
                    for (double share : SHARES) {
                        points.add(Point.of(
                                Row.labels(
                                        CHOSEN,
                                        choice.label(),
                                        KEPT,
                                        Math.round(share * 1000) / 10.0 + " %",
                                        Row.BITS,
                                        bits,
                                        Row.GROUP,
                                        group),
                                here -> mixed(here, choice, share, scheme)));
                    }
                }
            }
        }
        return points;
    }

    /** Nothing kept: where every line begins. */
    private static List<Row> plain(Workbench bench, QuantScheme scheme) {
        Map<String, Estimate> numbers = bench.quality(bench.quantized(MethodChoice.rtn(), scheme));
        return CHOICES.stream()
                .map(choice -> new Row(Row.labels(CHOSEN, choice.label()), numbers))
                .toList();
    }

    private static Map<String, Estimate> mixed(Workbench bench, Choice choice, double share, QuantScheme scheme) {
        var draws = new ArrayList<Map<String, Estimate>>();
        for (int draw = 1; draw <= choice.draws(); draw++) {
            draws.add(mixed(bench, new SalientMixing.Settings(share, choice.salience(), draw), scheme));
        }
        var means = new LinkedHashMap<String, Estimate>();
        draws.getFirst()
                .keySet()
                .forEach(key -> means.put(
                        key,
                        mean(draws.stream().map(numbers -> numbers.get(key)).toList())));
        return means;
    }

    /** Of draws that were measured on the same text: its error is theirs all, and does not become less by more of them. */
    private static Estimate mean(List<Estimate> draws) {
        int n = draws.size();
        double mean = draws.stream().mapToDouble(Estimate::value).average().orElseThrow();
        double text =
                draws.stream().mapToDouble(Estimate::standardError).average().orElseThrow();
        double spread = draws.stream()
                .mapToDouble(draw -> (draw.value() - mean) * (draw.value() - mean))
                .sum();
        return new Estimate(mean, n < 2 ? text : Math.hypot(text, Math.sqrt(spread / (n - 1) / n)));
    }

    private static Map<String, Estimate> mixed(Workbench bench, SalientMixing.Settings settings, QuantScheme scheme) {
        long bytes = bench.quantized(MethodChoice.rtn(), scheme).sizeBytes();
        BlockChange mixing = BlockChange.of(new SalientMixing(bench.runner(), settings), scheme);
        long[] extra = {0};
        BlockChange counting = BlockChange.counting((spec, weights, capture) -> {
            var linears = mixing.apply(spec, weights, capture);
            linears.values().forEach(weight -> extra[0] += settings.extraBytes(weight.rows(), weight.columns()));
            return linears;
        });
        Variant variant = bench.changed(counting, bench.calibration());
        var numbers = new LinkedHashMap<>(bench.quality(variant));
        numbers.remove(Workbench.CODED); // what is measured lies in floats
        numbers.put(Workbench.BYTES, Estimate.exact((double) (bytes + extra[0])));
        return numbers;
    }
}
