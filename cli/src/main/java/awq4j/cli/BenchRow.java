package awq4j.cli;

import awq4j.eval.speed.SpeedPrecision;
import awq4j.eval.speed.SpeedResult;
import awq4j.eval.speed.Spread;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.annotation.JsonNaming;

/**
 * One configuration's figures as they stand in {@code --json}: MB and GB are powers of ten, shares are parts of 1, of
 * several runs the median counts.
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record BenchRow(
        String shape,
        String weights,
        String precision,
        int groupSize,
        int threads,
        String backend,
        String kv,
        int prompt,
        int generate,
        int depth,
        int runs,
        double loadS,
        double prefillTps,
        double prefillTpsMin,
        double prefillTpsMax,
        double decodeTps,
        double decodeTpsMin,
        double decodeTpsMax,
        double ttftMs,
        double peakRssMb,
        String peakRssSource,
        double allocBytesPerToken,
        long gcMs,
        long gcCount,
        double weightMbPerToken,
        double kvMbPerToken,
        double readRegionMb,
        double readGbps,
        double decodeGbps,
        double decodeBandwidthShare,
        double fmaGflops,
        double int16Gops,
        double prefillGops,
        double prefillFmaShare,
        double prefillInt16Share,
        @Nullable Double processorShare,
        int warmUpRuns) {
    private static final double MEGA = 1e6;
    private static final double GIGA = 1e9;

    /**
     * The figures of one measurement.
     *
     * @param weights {@code random} or {@code file}; it becomes {@code packed file} if that was used
     * @param groupSize of 4-bit weights, 0 of plain ones
     */
    static BenchRow of(String shape, String weights, SpeedPrecision precision, int groupSize, SpeedResult result) {
        var settings = result.settings();
        SpeedResult.Ceilings ceilings = result.ceilings();
        return new BenchRow(
                shape,
                result.packed() ? "packed " + weights : weights,
                precision.label(),
                groupSize,
                result.threads(),
                result.backend(),
                settings.kv().name().toLowerCase(Locale.ROOT),
                settings.promptTokens(),
                settings.replyTokens(),
                settings.depth(),
                settings.runs(),
                result.loadSeconds(),
                result.prefill().median(),
                result.prefill().least(),
                result.prefill().most(),
                result.decode().median(),
                result.decode().least(),
                result.decode().most(),
                result.firstTokenMillis().median(),
                result.memory().bytes() / MEGA,
                result.memory().resident() ? "VmHWM" : "java",
                result.allocatedBytesPerToken(),
                result.gcMillis(),
                result.gcCount(),
                result.weightBytesPerToken() / MEGA,
                result.kvBytesPerToken() / MEGA,
                ceilings.regionBytes() / MEGA,
                ceilings.readBytesPerSecond().median() / GIGA,
                result.decodeBytesPerSecond() / GIGA,
                result.decodeBandwidthShare(),
                ceilings.floatOperationsPerSecond().median() / GIGA,
                ceilings.shortOperationsPerSecond().median() / GIGA,
                result.prefillOperationsPerSecond() / GIGA,
                result.prefillFloatShare(),
                result.prefillShortShare(),
                Double.isNaN(result.processorShare()) ? null : result.processorShare(),
                result.warmUps());
    }

    /** The prompt's speed over the runs. */
    Spread prefill() {
        return new Spread(prefillTps, prefillTpsMin, prefillTpsMax);
    }

    /** The reply's. */
    Spread decode() {
        return new Spread(decodeTps, decodeTpsMin, decodeTpsMax);
    }
}
