package awq4j.cli;

import awq4j.eval.speed.Spread;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** Figures of speed for people: what was run, what came of it, and how near that is to what the machine can do. */
final class BenchReport {
    private static final double HAD_LITTLE = 0.85;

    private final List<BenchRow> rows;
    private final Style style;

    BenchReport(List<BenchRow> rows, Style style) {
        this.rows = rows;
        this.style = style;
    }

    /** All lines. */
    List<String> lines(BenchMachine machine) {
        var lines = new ArrayList<String>();
        BenchRow first = rows.getFirst();
        lines.add(style.bold(first.shape()) + (first.weights().equals("random") ? ", random weights" : "") + groups());
        lines.add("prompt of " + first.prompt() + " tokens, " + first.generate() + " more generated "
                + (first.depth() == first.prompt() ? "behind it" : "behind " + first.depth() + " tokens") + ", "
                + first.runs() + (first.runs() == 1 ? " run" : " runs") + "; keys and values " + first.kv());
        lines.addAll(machine.lines());
        lines.add("");
        lines.addAll(speed().lines(style));
        lines.add("");
        lines.add("Decode: what a token reads from memory, and what plain reads reach meanwhile");
        lines.addAll(memory().lines(style));
        lines.add("");
        lines.add("Prefill: what the linears compute, and what registers reach meanwhile");
        lines.addAll(arithmetic().lines(style));
        return lines;
    }

    /** What makes the figures doubtful; empty if nothing does. */
    List<String> doubts() {
        var doubts = new ArrayList<String>();
        double had = rows.stream()
                .map(BenchRow::processorShare)
                .filter(Objects::nonNull)
                .mapToDouble(Double::doubleValue)
                .min()
                .orElse(1);
        if (had < HAD_LITTLE) {
            doubts.add("the threads had a processor for only " + Figures.fixed(100 * had, 0)
                    + " % of the time: other programs run here. Repeat it when they do not");
        }
        if (rows.stream().anyMatch(row -> !row.peakRssSource().equals("VmHWM"))) {
            doubts.add("this system does not tell a process's peak of memory; shown is what Java took from it");
        }
        return doubts;
    }

    private String groups() {
        int size = rows.stream().mapToInt(BenchRow::groupSize).max().orElse(0);
        return size == 0 ? "" : ", 4-bit ones in groups of " + size;
    }

    private Table speed() {
        var table = new Table(
                "precision", ">threads", ">load", ">prefill tok/s", ">decode tok/s", ">first token", ">peak memory");
        for (BenchRow row : rows) {
            table.row(
                    row.precision(),
                    String.valueOf(row.threads()),
                    Figures.fixed(row.loadS(), row.loadS() < 9.95 ? 2 : 1) + " s",
                    speed(row.prefill()),
                    speed(row.decode()),
                    time(row.ttftMs()),
                    Figures.bytes((long) (row.peakRssMb() * 1e6)));
        }
        return table;
    }

    private Table memory() {
        var table =
                new Table("precision", ">threads", ">MB/token", ">GB/s", ">of", ">share", ">allocated/token", ">GC");
        for (BenchRow row : rows) {
            table.row(
                    row.precision(),
                    String.valueOf(row.threads()),
                    Figures.three(row.weightMbPerToken() + row.kvMbPerToken()),
                    Figures.three(row.decodeGbps()),
                    Figures.three(row.readGbps()),
                    percent(row.decodeBandwidthShare()),
                    Figures.bytes(Math.round(row.allocBytesPerToken())),
                    row.gcMs() + " ms");
        }
        return table;
    }

    private Table arithmetic() {
        var table = new Table(
                "precision", ">threads", ">GOP/s", ">of float FMA", ">share", ">of 16-bit multiply-add", ">share");
        for (BenchRow row : rows) {
            table.row(
                    row.precision(),
                    String.valueOf(row.threads()),
                    Figures.three(row.prefillGops()),
                    Figures.three(row.fmaGflops()),
                    percent(row.prefillFmaShare()),
                    Figures.three(row.int16Gops()),
                    percent(row.prefillInt16Share()));
        }
        return table;
    }

    private static String speed(Spread spread) {
        String median = Figures.three(spread.median());
        return spread.least() == spread.most()
                ? median
                : median + " ±" + Figures.fixed(100 * spread.relative(), spread.relative() < 0.0995 ? 1 : 0) + " %";
    }

    private static String time(double millis) {
        return millis < 999.5
                ? Figures.three(millis) + " ms"
                : millis < 100_000
                        ? Figures.three(millis / 1000) + " s"
                        : Figures.duration(Duration.ofMillis(Math.round(millis)));
    }

    private static String percent(double share) {
        return Figures.fixed(100 * share, 0) + " %";
    }
}
