package awq4j.cli;

import awq4j.eval.speed.Roofline;
import awq4j.eval.speed.SpeedPrecision;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.annotation.JsonNaming;

/**
 * A roofline as it stands in {@code --json} and in the page: GB and GOP are powers of ten, a multiply-add counts as two
 * operations.
 *
 * @param whole all linears of the model together
 * @param points each kind of linear by itself
 * @param shift what 4 bits change for a single token
 * @param labels names of the precisions for people
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record RooflineJson(
        BenchMachine machine,
        String shape,
        int groupSize,
        int threads,
        List<String> backends,
        List<String> precisions,
        Map<String, String> labels,
        List<Integer> batches,
        Ceilings ceilings,
        List<Entry> whole,
        List<Point> points,
        Shift shift) {
    private static final double GIGA = 1e9;
    private static final double MEGA = 1e6;

    /** The machine's limits. */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    record Ceilings(double readRegionMb, double readGbps, double fmaGflops, double int16Gops) {}

    /** All linears. */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    record Entry(
            String precision,
            int batch,
            double intensity,
            double gops,
            double gbps,
            double roofShare,
            double tokensPerSecond) {}

    /** Linears of a kind. */
    @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
    record Point(
            String precision,
            String kind,
            int batch,
            double operations,
            double bytes,
            double intensity,
            double seconds,
            double secondsMin,
            double secondsMax,
            double gops,
            double gbps) {}

    /**
     * From the first precision to the last, with one token.
     *
     * @param intensity how many times as many operations a byte
     * @param speed how many times as fast
     */
    record Shift(Entry from, Entry to, double intensity, double speed) {}

    static RooflineJson of(Roofline roofline, int groupSize, BenchMachine machine) {
        var labels = new TreeMap<String, String>();
        var whole = new ArrayList<Entry>();
        for (SpeedPrecision precision : roofline.precisions()) {
            labels.put(precision.label(), RooflinePage.label(precision));
            for (int batch : roofline.batches()) {
                whole.add(entry(roofline, precision, batch));
            }
        }
        Entry from = entry(roofline, roofline.precisions().getFirst(), 1);
        Entry to = entry(roofline, roofline.precisions().getLast(), 1);
        return new RooflineJson(
                machine,
                roofline.shape().name(),
                groupSize,
                roofline.threads(),
                roofline.parts().stream().map(Roofline.Part::backend).toList(),
                roofline.precisions().stream().map(SpeedPrecision::label).toList(),
                labels,
                roofline.batches(),
                new Ceilings(
                        roofline.ceilings().regionBytes() / MEGA,
                        roofline.ceilings().readBytesPerSecond().median() / GIGA,
                        roofline.ceilings().floatOperationsPerSecond().median() / GIGA,
                        roofline.ceilings().shortOperationsPerSecond().median() / GIGA),
                whole,
                roofline.points().stream().map(RooflineJson::point).toList(),
                new Shift(from, to, to.intensity() / from.intensity(), to.tokensPerSecond() / from.tokensPerSecond()));
    }

    private static Entry entry(Roofline roofline, SpeedPrecision precision, int batch) {
        Roofline.Whole whole = roofline.whole(precision, batch);
        return new Entry(
                precision.label(),
                batch,
                whole.work().intensity(),
                whole.operationsPerSecond() / GIGA,
                whole.bytesPerSecond() / GIGA,
                roofline.share(whole),
                whole.tokensPerSecond());
    }

    private static Point point(Roofline.Point point) {
        return new Point(
                point.precision().label(),
                point.kind(),
                point.batch(),
                point.work().operations(),
                point.work().bytes(),
                point.work().intensity(),
                point.seconds().median(),
                point.seconds().least(),
                point.seconds().most(),
                point.operationsPerSecond() / GIGA,
                point.bytesPerSecond() / GIGA);
    }
}
