package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.model.BlockSpec;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.ParameterCount;
import awq4j.quant.LinearReport;
import awq4j.quant.QuantScheme;
import awq4j.quant.checkpoint.QuantizationReport.ExpertTokens;
import awq4j.quant.checkpoint.QuantizationReport.LinearOutcome;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Gathers what a report says. */
record ReportWriter(
        QuantizeSettings settings,
        Checkpoint source,
        ModelSpec model,
        ModelScan scan,
        @Nullable String backend) {
    QuantizationReport report(Assembly assembly, Map<String, Double> seconds) {
        var linears = new ArrayList<LinearOutcome>();
        for (BlockSpec spec : model.blocks()) {
            for (LinearReport linear : assembly.block(spec.index()).reports()) {
                linears.add(LinearOutcome.of(spec.index(), linear));
            }
        }
        QuantScheme scheme = settings.scheme();
        var calibration = settings.calibration();
        return new QuantizationReport(
                settings.program(),
                Runtime.version() + ", " + System.getProperty("java.vendor"),
                System.getProperty("os.name") + " " + System.getProperty("os.arch"),
                backend,
                modelFigures(),
                settings.method().name(),
                settings.method().settings(),
                settings.method().codes()
                        ? new QuantizationReport.Scheme(
                                scheme.bits(),
                                scheme.groupSize(),
                                scheme.symmetric(),
                                scheme.range().name(),
                                settings.widths().version().label())
                        : QuantizationReport.Scheme.PLAIN,
                calibration == null || !settings.method().calibrated() ? null : calibration.provenance(),
                result(assembly, linears),
                linears,
                experts(assembly),
                seconds,
                peakHeapBytes());
    }

    private List<ExpertTokens> experts(Assembly assembly) {
        var experts = new ArrayList<ExpertTokens>();
        if (!settings.method().calibrated()) {
            return experts;
        }
        for (BlockSpec spec : model.blocks()) {
            if (spec.mlp() instanceof Mlp.Experts mixture) {
                Map<String, LinearReport> reports = assembly.block(spec.index()).reports().stream()
                        .collect(Collectors.toMap(LinearReport::name, report -> report));
                List<LinearReport> each = mixture.experts().stream()
                        .map(expert ->
                                Objects.requireNonNull(reports.get(expert.down().name())))
                        .toList();
                experts.add(new ExpertTokens(
                        spec.index(),
                        each.stream().map(LinearReport::tokens).toList(),
                        IntStream.range(0, each.size())
                                .filter(e -> each.get(e).sawTooFew())
                                .boxed()
                                .toList()));
            }
        }
        return experts;
    }

    private QuantizationReport.Model modelFigures() {
        return new QuantizationReport.Model(
                String.valueOf(source.path().toAbsolutePath().normalize().getFileName()),
                source.config().texts("architectures").getFirst(),
                scan.sha256(),
                ParameterCount.of(model).total(),
                model.blocks().size(),
                scan.sizeBytes());
    }

    private QuantizationReport.Result result(Assembly assembly, List<LinearOutcome> linears) {
        long bytes = assembly.sources().stream().mapToLong(Source::sizeBytes).sum();
        return new QuantizationReport.Result(
                bytes,
                "F16",
                (int) linears.stream().filter(LinearOutcome::quantized).count(),
                linears.size(),
                assembly.notConverted(),
                (double) scan.sizeBytes() / bytes,
                QuantizationReport.meanLossReduction(linears));
    }

    private static long peakHeapBytes() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .map(MemoryPoolMXBean::getPeakUsage)
                .mapToLong(usage -> usage == null ? 0 : usage.getUsed())
                .sum();
    }
}
