package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.quant.checkpoint.ConversionPlan.PlannedMatrix;
import awq4j.quant.checkpoint.ConversionPlan.PlannedTensor;
import awq4j.quant.checkpoint.ConversionSource.Matrix;
import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.Grouped;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Writes the weights of a model in another form: {@link #plan} finds what that loses, {@link #write} does it. Memory
 * holds one matrix at a time. The result appears when it is whole and has been read back.
 */
public final class Conversion {
    /** Small files, headers, and what a file system needs for itself. */
    private static final long DISK_MARGIN = 4 << 20;

    private static final int PIECE = 1 << 16;

    private static final String BESIDE = "low-rank matrices beside codes, left out";

    private final ConversionSource source;
    private final ConversionTarget target;
    private final Path named;
    private final ConversionOutput output;

    /** Of what each matrix will be held as, by name: what reads back alike need not be made once more. */
    private final Map<String, Digest> digests = new HashMap<>();

    private Conversion(ConversionSource source, ConversionTarget target, Path named, ConversionOutput output) {
        this.source = source;
        this.target = target;
        this.named = named;
        this.output = output;
    }

    /** Told how far it is; what it throws ends the conversion, and nothing is left behind. */
    @FunctionalInterface
    public interface Watch {
        /**
         * Before each matrix or tensor.
         *
         * @param step a word: checking, writing or verifying
         */
        void at(String step, int done, int all);
    }

    /**
     * Looks whether a model can be converted, and whether the result may go where it should.
     *
     * @param checkpoint open until all is written
     * @param label one of {@link ConversionTargets#labels}
     * @param force whether a model that lies at {@code output} may be replaced
     * @throws IllegalArgumentException if there is no such form, or the output would touch the source, or replace what
     *     must not be replaced
     * @throws awq4j.format.UnsupportedModelException if the model has nothing that the form is for
     */
    public static Conversion of(Checkpoint checkpoint, String label, Path output, boolean force) {
        ConversionSource source = ConversionSource.of(checkpoint);
        ConversionTarget target = ConversionTargets.of(label, source);
        return new Conversion(source, target, output, ConversionOutput.of(target, output, checkpoint.path(), force));
    }

    /** What it is converted to. */
    public ConversionTarget target() {
        return target;
    }

    /** Reads all weights, and says what will become of each; nothing is written. */
    public ConversionPlan plan(Watch watch) {
        List<Matrix> all = source.matrices();
        var matrices = new ArrayList<PlannedMatrix>();
        for (Matrix matrix : all) {
            watch.at("checking", matrices.size(), all.size());
            matrices.add(planned(matrix));
        }
        Set<String> used = ModelScan.used(source.model());
        var tensors = new ArrayList<PlannedTensor>();
        for (String name : source.tensors()) {
            tensors.add(planned(name, used.contains(name)));
        }
        return new ConversionPlan(source, matrices, tensors);
    }

    private PlannedMatrix planned(Matrix matrix) {
        Weight weight = target.read(source, matrix);
        Held held = target.hold(matrix, weight);
        if (!held.weight().equals(weight)) {
            digests.put(matrix.name(), Digest.of(held.weight()));
        }
        if (source.isCorrected(matrix) && !(weight.layout() instanceof Dense)) {
            weight = source.readCorrected(matrix); // what the model computes with
            held = new Held(held.weight(), held.loss().isEmpty() ? BESIDE : BESIDE + "; " + held.loss());
        }
        Change change = held.loss().isEmpty() ? Change.NONE : Change.between(weight, held.weight());
        Weight result = held.weight();
        var zeros = Zeros.of(result);
        return new PlannedMatrix(
                matrix,
                weight.rows(),
                weight.columns(),
                result.layout(),
                held.loss().isEmpty() && weight.layout() instanceof Dense && result.layout() instanceof Dense,
                result.inputOrder() != null,
                zeros.middle(),
                zeros.lowest(),
                change.error() == 0 ? "" : held.loss(),
                change.error(),
                change.norm());
    }

    private PlannedTensor planned(String name, boolean used) {
        Tensor tensor = source.checkpoint().tensor(name);
        DType dtype = tensor.dtype();
        // what the model does not use (old files store rotary frequencies) is nobody's to round
        DType wanted = used && dtype.isFloat() ? target.hold(name, dtype) : dtype;
        Change change = wanted == dtype ? Change.NONE : Change.of(tensor, wanted);
        return new PlannedTensor(name, wanted, change.error(), change.norm());
    }

    /**
     * Writes the result, and reads it back.
     *
     * @param plan of this conversion
     * @return about how many bytes it has
     * @throws IllegalArgumentException if the disk has not enough space, or somebody put something there meanwhile
     * @throws java.io.UncheckedIOException if the disk is full or not writable
     */
    public long write(ConversionPlan plan, Watch watch) {
        output.removeUnfinished(); // of a process that was killed
        long bytes = target.sizeBytes(plan);
        long free = output.usableBytes();
        if (bytes + DISK_MARGIN > free) {
            throw new IllegalArgumentException("not enough disk space for " + named + ": about "
                    + mebibytes(bytes + DISK_MARGIN) + " MiB are needed, " + mebibytes(free)
                    + " are free; free some, or choose another place");
        }
        int all = plan.matrices().size() + plan.tensors().size();
        try {
            if (!target.isFile()) {
                WorkFolder.create(output.unfinished());
            }
            int[] done = {0};
            target.write(plan, output.unfinished(), () -> watch.at("writing", Math.min(all, done[0]++), all));
            verify(plan, watch);
            output.publish();
            return bytes;
        } finally {
            output.removeUnfinished();
        }
    }

    /** Removes what an interrupted {@link #write} has so far. */
    public void removeUnfinished() {
        output.removeUnfinished();
    }

    private static long mebibytes(long bytes) {
        return (bytes + (1 << 20) - 1) >> 20;
    }

    private void verify(ConversionPlan plan, Watch watch) {
        try (Checkpoint result = Checkpoints.open(output.unfinished())) {
            ConversionSource reread = ConversionSource.of(result);
            int done = 0;
            for (PlannedMatrix planned : plan.matrices()) {
                watch.at("verifying", done++, plan.matrices().size());
                Matrix matrix = planned.matrix();
                Weight found = reread.read(matrix);
                Digest digest = digests.get(matrix.name());
                if (digest != null && digest.equals(Digest.of(found))) {
                    continue;
                }
                Weight meant =
                        target.hold(matrix, target.read(source, matrix)).weight(); // values may be equal all the same
                if (!same(meant, found)) {
                    throw new IllegalStateException(named + ": " + matrix.name()
                            + " reads back differently from what was written; is the disk failing?");
                }
            }
        }
    }

    private static boolean same(Weight meant, Weight found) {
        if (meant.rows() != found.rows() || meant.columns() != found.columns()) {
            return false;
        }
        return (meant.layout().equals(found.layout())
                        && Objects.equals(meant.inputOrder(), found.inputOrder())
                        && meant.values().mismatch(found.values()) < 0
                        && (meant.scales() == null
                                || meant.scales().mismatch(Objects.requireNonNull(found.scales())) < 0)
                        && (meant.zeros() == null || meant.zeros().mismatch(Objects.requireNonNull(found.zeros())) < 0))
                || Change.between(meant, found).error() == 0;
    }

    /** Sums of squares: of what values change by, and of the values. */
    private record Change(double error, double norm) {
        static final Change NONE = new Change(0, 0);

        Change plus(Change other) {
            return new Change(error + other.error, norm + other.norm);
        }

        static Change between(Weight before, Weight after) {
            return IntStream.range(0, before.rows())
                    .parallel()
                    .mapToObj(row -> {
                        float[] old = new float[before.columns()];
                        float[] now = new float[before.columns()];
                        WeightCodec.decodeRow(before, row, old);
                        WeightCodec.decodeRow(after, row, now);
                        return of(old, now, old.length);
                    })
                    .reduce(NONE, Change::plus);
        }

        static Change of(Tensor tensor, DType dtype) {
            long elements = tensor.shape().elements();
            float[] old = new float[(int) Math.min(PIECE, elements)];
            float[] now = new float[old.length];
            Change sum = NONE;
            for (long from = 0; from < elements; from += old.length) {
                int count = (int) Math.min(old.length, elements - from);
                tensor.copyTo(from, old, 0, count);
                for (int i = 0; i < count; i++) {
                    now[i] = FloatFormats.round(old[i], dtype);
                }
                sum = sum.plus(of(old, now, count));
            }
            return sum;
        }

        private static Change of(float[] old, float[] now, int count) {
            double error = 0;
            double norm = 0;
            for (int i = 0; i < count; i++) {
                double difference = (double) now[i] - old[i];
                error += difference * difference;
                norm += (double) old[i] * old[i];
            }
            return new Change(error, norm);
        }
    }

    /** What the zeros of a matrix of codes are; of others nothing. */
    private record Zeros(boolean middle, boolean lowest) {
        static Zeros of(Weight weight) {
            if (!(weight.layout() instanceof Grouped layout)) {
                return new Zeros(false, false);
            }
            int groups = layout.groups(weight.columns());
            int half = 1 << (layout.bits() - 1);
            boolean middle = true;
            boolean lowest = false;
            switch (layout.zeroPoint()) {
                case MIDDLE -> {}
                case FLOAT -> middle = false;
                case INTEGER -> {
                    for (int row = 0; row < weight.rows(); row++) {
                        for (int g = 0; g < groups; g++) {
                            int zero = WeightCodec.zero(weight, layout, row, g);
                            middle &= zero == half;
                            lowest |= zero == 0;
                        }
                    }
                }
            }
            return new Zeros(middle, lowest);
        }
    }
}
