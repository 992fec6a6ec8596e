package awq4j.cli;

import awq4j.eval.study.QuantizationPicture;
import awq4j.eval.study.Row;
import awq4j.eval.study.StudyWatch;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.quant.QuantScheme;
import awq4j.quant.calibration.Calibration;
import awq4j.quant.checkpoint.QuantizationReport;
import awq4j.quant.checkpoint.Recipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What {@code quantize --report} writes: the quantization layer by layer. */
record QuantizePage(Screen screen, Interruption interruption, CpuOptions cpu, String command) {
    /**
     * Writes the page.
     *
     * @param source the model that was quantized
     * @param found the recipe, null if there is none
     */
    void write(
            Path html,
            Path source,
            QuantScheme scheme,
            Calibration calibration,
            @Nullable Path found,
            QuantizationReport report)
            throws IOException {
        long start = System.nanoTime();
        List<Row> rows;
        try (Recipe recipe = found == null ? null : Recipe.open(found);
                Backend backend = CpuBackend.open(cpu);
                Checkpoint checkpoint = Checkpoints.open(source);
                Gauge gauge = Gauge.start(
                        screen, "drawing", Math.max(1, report.model().blocks()))) {
            rows = QuantizationPicture.rows(
                    backend, checkpoint, calibration, scheme, recipe, report, new Watch(interruption, gauge));
        }
        JsonFile.writeText(html, StudyPage.of(json(rows, report, (System.nanoTime() - start) / 1e9)));
        screen.remark("awq4j: the picture is in " + html);
    }

    private StudyJson json(List<Row> rows, QuantizationReport report, double seconds) {
        var scheme = report.scheme();
        String groups = scheme.groupSize() < 0 ? "whole rows" : "groups of " + scheme.groupSize();
        var result = report.result();
        Double less = result.meanLossReduction();
        String question = report.method() + ", " + scheme.bits() + " bits, " + groups + ": " + result.quantizedLinears()
                + " of " + result.allLinears() + " linears"
                + (less == null
                        ? "."
                        : "; errors of their outputs are " + Figures.fixed(100 * less, 1)
                                + " % less than by plain rounding, on average.");
        var text = report.calibration();
        return StudyJson.of(
                "quantization",
                "Quantization",
                question,
                report.model().name(),
                command,
                seconds,
                report.settings(),
                QuantizationPicture.words(),
                rows,
                QuantizationPicture.views(rows),
                Stream.of(
                                (text == null
                                                ? ""
                                                : "Calibration: " + text.source() + ", " + text.sequences()
                                                        + " sequences of " + text.length() + " tokens. ")
                                        + "Settings: " + settings(report.settings()) + ".",
                                QuantizeSummary.expertTokens(report)
                                                .map(line -> "Experts: " + line + ". ")
                                                .orElse("")
                                        + QuantizeSummary.plainExperts(report)
                                                .map(blocks -> "Rounded plainly: experts of " + blocks + ".")
                                                .orElse(""),
                                report.program() + ", " + report.javaVersion() + ", " + report.backend() + ".",
                                "Model " + report.model().name() + ", SHA-256 "
                                        + report.model().sha256().substring(0, 16) + "…")
                        .filter(remark -> !remark.isEmpty())
                        .toList());
    }

    private static String settings(Map<String, String> settings) {
        var words = new java.util.StringJoiner(", ");
        settings.forEach((key, value) -> words.add(key + " " + value));
        return words.toString();
    }

    /** Progress by blocks. */
    private record Watch(Interruption interruption, Gauge gauge) implements StudyWatch {
        @Override
        public void point(int index, int count, Map<String, String> labels) {}

        @Override
        public void kept(int finished, int count) {}

        @Override
        public void step(String what, long done, long all) {
            interruption.check();
            gauge.at(done, "");
        }
    }
}
