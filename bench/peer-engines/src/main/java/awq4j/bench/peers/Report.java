package awq4j.bench.peers;

import awq4j.eval.speed.Spread;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Arrays;
import java.util.Formatter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The measurements as a table and as JSON: each engine's figures, and own over peer, round by round. */
final class Report {
    /** Above this, a measurement was disturbed. */
    private static final double QUIET_CORES = 0.1;

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Options options;
    private final List<Turn> turns;
    private final Map<EngineKind, String> libraries;

    /**
     * What there is to say.
     *
     * @param turns of all engines, rounds and numbers of threads
     * @param libraries instructions in the native libraries, of engines that have one
     */
    Report(Options options, List<Turn> turns, Map<EngineKind, String> libraries) {
        this.options = options;
        this.turns = turns;
        this.libraries = libraries;
    }

    String text() {
        var out = new Formatter(Locale.ROOT);
        out.format(
                "%s, prompt %d, generate %d, %d rounds, Java %s, %s\n",
                options.shape().name(),
                options.prompt(),
                options.generate(),
                options.rounds(),
                Runtime.version(),
                Machine.processor());
        for (int threads : options.threads()) {
            out.format("\nthreads %d\n", threads);
            out.format("  %-13s %26s %26s %7s %8s\n", "", "prefill tokens/s", "decode tokens/s", "load s", "peak MB");
            options.engines().forEach(kind -> figures(out, kind, threads));
            own().ifPresent(own -> options.engines().stream()
                    .filter(kind -> kind != own)
                    .forEach(kind -> ratios(out, own, kind, threads)));
        }
        out.format("\n");
        options.engines().forEach(kind -> words(out, kind));
        disturbance(out);
        return out.toString();
    }

    private void figures(Formatter out, EngineKind kind, int threads) {
        out.format(
                "  %-13s %26s %26s %7.2f %8.0f\n",
                kind.label,
                text(spread(kind, threads, Measurement::prefillPerSecond), 1),
                text(spread(kind, threads, Measurement::decodePerSecond), 2),
                spread(kind, threads, Measurement::loadSeconds).median(),
                spread(kind, threads, Measurement::peakMegabytes).most());
    }

    private void ratios(Formatter out, EngineKind own, EngineKind kind, int threads) {
        out.format(
                "  %s / %s: prefill %s, decode %s\n",
                own.label,
                kind.label,
                text(ratio(own, kind, threads, Measurement::prefillPerSecond), 2),
                text(ratio(own, kind, threads, Measurement::decodePerSecond), 2));
    }

    private void words(Formatter out, EngineKind kind) {
        out.format("%s: %s\n", kind.label, kind.weights);
        out.format("  says: %s\n", turnsOf(kind).getFirst().measured().arithmetic());
        String held = libraries.get(kind);
        if (held != null) {
            out.format("  its library holds: %s\n", held);
        }
    }

    private void disturbance(Formatter out) {
        double most = turns.stream()
                .mapToDouble(turn -> turn.measured().othersCores())
                .max()
                .orElse(0);
        if (most > QUIET_CORES) {
            out.format("Not quiet: other programs kept up to %.2f cores busy; these figures are worth little.\n", most);
        } else {
            out.format("Quiet: other programs kept at most %.2f cores busy.\n", most);
        }
    }

    String json() {
        ObjectNode root = JSON.createObjectNode();
        root.put("shape", options.shape().name())
                .put("prompt", options.prompt())
                .put("generate", options.generate())
                .put("rounds", options.rounds())
                .put("java", Runtime.version().toString())
                .put("processor", Machine.processor());
        ArrayNode results = root.putArray("results");
        for (Turn turn : turns) {
            ObjectNode node = results.addObject();
            node.put("engine", turn.kind().label).put("threads", turn.threads()).put("round", turn.round());
            node.setAll(turn.measured().node());
        }
        ArrayNode ratios = root.putArray("ratios");
        own().ifPresent(own -> options.threads()
                .forEach(threads -> options.engines().stream()
                        .filter(kind -> kind != own)
                        .forEach(kind -> addRatio(ratios.addObject(), own, kind, threads))));
        ObjectNode held = root.putObject("libraries");
        libraries.forEach((kind, instructions) -> held.put(kind.label, instructions));
        return root.toPrettyString() + "\n";
    }

    private void addRatio(ObjectNode node, EngineKind own, EngineKind kind, int threads) {
        node.put("of", own.label).put("to", kind.label).put("threads", threads);
        put(node.putObject("prefill"), ratio(own, kind, threads, Measurement::prefillPerSecond));
        put(node.putObject("decode"), ratio(own, kind, threads, Measurement::decodePerSecond));
    }

    private static void put(ObjectNode node, Spread spread) {
        node.put("median", spread.median()).put("min", spread.least()).put("max", spread.most());
    }

    /** {@code 1.25 (1.20..1.31)}, with so many digits behind the point. */
    private static String text(Spread spread, int digits) {
        return rounded(spread.median(), digits) + " (" + rounded(spread.least(), digits) + ".."
                + rounded(spread.most(), digits) + ")";
    }

    private static String rounded(double value, int digits) {
        return BigDecimal.valueOf(value).setScale(digits, RoundingMode.HALF_UP).toPlainString();
    }

    /** The engine that others are held against. */
    private Optional<EngineKind> own() {
        return options.engines().stream().filter(EngineKind::isOwn).findFirst();
    }

    private Spread spread(EngineKind kind, int threads, ToDoubleFunction<Measurement> figure) {
        return Spread.of(of(kind, threads, figure));
    }

    /** Own over peer in each round: what disturbed a round disturbed both. */
    private Spread ratio(EngineKind own, EngineKind kind, int threads, ToDoubleFunction<Measurement> figure) {
        double[] above = of(own, threads, figure);
        double[] below = of(kind, threads, figure);
        double[] ratios = new double[above.length];
        Arrays.setAll(ratios, round -> above[round] / below[round]);
        return Spread.of(ratios);
    }

    private double[] of(EngineKind kind, int threads, ToDoubleFunction<Measurement> figure) {
        return turnsOf(kind).stream()
                .filter(turn -> turn.threads() == threads)
                .mapToDouble(turn -> figure.applyAsDouble(turn.measured()))
                .toArray();
    }

    private List<Turn> turnsOf(EngineKind kind) {
        return turns.stream().filter(turn -> turn.kind() == kind).toList();
    }
}
