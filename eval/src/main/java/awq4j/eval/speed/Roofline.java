package awq4j.eval.speed;

import awq4j.eval.speed.SpeedResult.Ceilings;
import java.util.List;
import java.util.function.Function;

/**
 * What a model's linears reach, beside what memory and arithmetic allow.
 *
 * @param parts one for each precision
 */
public record Roofline(ModelShape shape, List<Part> parts) {
    /**
     * Copies the list.
     *
     * @throws IllegalArgumentException if it is empty
     */
    public Roofline {
        parts = List.copyOf(parts);
        if (parts.isEmpty()) {
            throw new IllegalArgumentException("roofline: expected at least one precision, found none");
        }
    }

    /**
     * What was measured in one precision.
     *
     * @param backend what it ran on
     * @param threads that computed
     * @param points one for each kind of linear and batch, in that order
     * @param ceilings of the machine, measured before and after
     */
    public record Part(SpeedPrecision precision, String backend, int threads, List<Point> points, Ceilings ceilings) {
        /** Copies the list. */
        public Part {
            points = List.copyOf(points);
        }
    }

    /** The precisions, in the order in which they were measured. */
    public List<SpeedPrecision> precisions() {
        return parts.stream().map(Part::precision).toList();
    }

    /** Numbers of tokens that ran at once, ascending. */
    public List<Integer> batches() {
        return parts.getFirst().points().stream().map(Point::batch).distinct().toList();
    }

    /** The model's kinds of linears, in running order. */
    public List<LinearKind> kinds() {
        return LinearKind.of(shape.spec());
    }

    /** All points. */
    public List<Point> points() {
        return parts.stream().flatMap(part -> part.points().stream()).toList();
    }

    /** Threads that computed. */
    public int threads() {
        return parts.getFirst().threads();
    }

    /** The machine's limits: of those measured in all parts. */
    public Ceilings ceilings() {
        return new Ceilings(
                parts.getFirst().ceilings().regionBytes(),
                over(Ceilings::readBytesPerSecond),
                over(Ceilings::floatOperationsPerSecond),
                over(Ceilings::shortOperationsPerSecond));
    }

    private Spread over(Function<Ceilings, Spread> limit) {
        return Spread.of(parts.stream()
                .mapToDouble(part -> limit.apply(part.ceilings()).median())
                .toArray());
    }

    /**
     * Linears that ran.
     *
     * @param kind name of the kind of linear
     * @param seconds for one pass; of several measurements
     */
    public record Point(SpeedPrecision precision, String kind, int batch, Work work, Spread seconds) {
        /** Operations a second. */
        public double operationsPerSecond() {
            return work.operations() / seconds.median();
        }

        /** Bytes a second. */
        public double bytesPerSecond() {
            return work.bytes() / seconds.median();
        }
    }

    /** All linears of a model, with some tokens at once. */
    public record Whole(SpeedPrecision precision, int batch, Work work, double seconds) {
        /** Operations a second. */
        public double operationsPerSecond() {
            return work.operations() / seconds;
        }

        /** Bytes a second. */
        public double bytesPerSecond() {
            return work.bytes() / seconds;
        }

        /** Tokens a second, if there were nothing else than linears. */
        public double tokensPerSecond() {
            return batch / seconds;
        }
    }

    /** The point of a kind of linear. */
    public Point point(SpeedPrecision precision, String kind, int batch) {
        return points().stream()
                .filter(point -> point.precision() == precision && point.kind().equals(kind) && point.batch() == batch)
                .findFirst()
                .orElseThrow();
    }

    /** A whole model: each kind as often as it has it. */
    public Whole whole(SpeedPrecision precision, int batch) {
        Work work = Work.NONE;
        double seconds = 0;
        for (LinearKind kind : kinds()) {
            Point point = point(precision, kind.name(), batch);
            work = work.plus(point.work().times(kind.count()));
            seconds += kind.count() * point.seconds().median();
        }
        return new Whole(precision, batch, work, seconds);
    }

    /** The most operations a second in registers: floats, or 16-bit integers where activations are rounded, if more. */
    public double peak(SpeedPrecision precision) {
        double floats = ceilings().floatOperationsPerSecond().median();
        return precision == SpeedPrecision.W4A8
                ? Math.max(floats, ceilings().shortOperationsPerSecond().median())
                : floats;
    }

    /** The most operations a second of some intensity: as memory brings them, or the peak. */
    public double roof(SpeedPrecision precision, double intensity) {
        return Math.min(
                peak(precision), intensity * ceilings().readBytesPerSecond().median());
    }

    /** The part of the roof that a whole model reaches. */
    public double share(Whole whole) {
        return whole.operationsPerSecond()
                / roof(whole.precision(), whole.work().intensity());
    }
}
