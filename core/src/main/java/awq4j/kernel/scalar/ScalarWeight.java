package awq4j.kernel.scalar;

import awq4j.kernel.ActivationRounding;
import awq4j.kernel.CpuWeight;
import awq4j.kernel.Precision;
import awq4j.kernel.Prepared;
import awq4j.kernel.Scratch;
import awq4j.weight.InputOrder;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * A weight as it came; a row at a time becomes floats. Sums are double, in order, rounded once. Where the precision rounds
 * activations they are replaced by what their 8-bit codes stand for.
 */
final class ScalarWeight implements CpuWeight {
    private static final int TOGETHER = 4;

    private final Weight weight;
    private final int roundedGroup;

    ScalarWeight(Weight weight, Precision precision) {
        this.roundedGroup = precision.roundedGroup(weight.layout());
        this.weight = switch (weight.layout()) {
            case Dense ignored -> weight;
            case Grouped ignored -> onHeap(weight);
            case GgufBlock ignored -> onHeap(weight);
        };
    }

    private static Weight onHeap(Weight weight) {
        return new Weight(
                weight.name(),
                weight.rows(),
                weight.columns(),
                weight.layout(),
                onHeap(weight.values()),
                weight.scales() == null ? null : onHeap(weight.scales()),
                weight.zeros() == null ? null : onHeap(weight.zeros()),
                weight.inputOrder());
    }

    private static MemorySegment onHeap(MemorySegment memory) {
        return memory.isNative() ? MemorySegment.ofArray(memory.toArray(ValueLayout.JAVA_BYTE)) : memory;
    }

    @Override
    public String name() {
        return weight.name();
    }

    @Override
    public int rows() {
        return weight.rows();
    }

    @Override
    public int columns() {
        return weight.columns();
    }

    @Override
    public WeightLayout layout() {
        return weight.layout();
    }

    @Override
    public long sizeBytes() {
        return weight.sizeBytes();
    }

    @Override
    public @Nullable InputOrder inputOrder() {
        return weight.inputOrder();
    }

    @Override
    public int rowStep() {
        return TOGETHER;
    }

    @Override
    public int panelRows() {
        return TOGETHER;
    }

    @Override
    public int preparedFloats(int n) {
        return roundedGroup == 0 ? 0 : Math.multiplyExact(n, weight.columns());
    }

    @Override
    public int preparedInts(int n) {
        return 0;
    }

    @Override
    public void prepare(float[] x, int n, int from, int to, Prepared prepared) {
        if (roundedGroup == 0) {
            return;
        }
        int columns = weight.columns();
        for (int t = from; t < to; t++) {
            for (int start = 0; start < columns; ) {
                int groupEnd = Math.min(columns, start - start % roundedGroup + roundedGroup);
                int end = Math.min(groupEnd, start + Precision.ACTIVATION_GROUP);
                round(x, t * columns + start, end - start, prepared.floats());
                start = end;
            }
        }
    }

    private static void round(float[] x, int at, int n, float[] rounded) {
        float greatest = ActivationRounding.greatest(x, at, n);
        float scale = ActivationRounding.scale(greatest);
        float inverse = ActivationRounding.inverse(greatest);
        for (int i = at; i < at + n; i++) {
            rounded[i] = scale * (float) Math.rint(x[i] * inverse);
        }
    }

    @Override
    public void decodeRow(int row, float[] out, int at) {
        switch (weight.layout()) {
            case Dense ignored -> WeightCodec.decodeStored(weight, row, out, at);
            case GgufBlock ignored -> WeightCodec.decodeStored(weight, row, out, at);
            case Grouped grouped -> decodeRow(grouped, row, out, at);
        }
    }

    private void decodeRow(Grouped layout, int row, float[] out, int at) {
        int columns = weight.columns();
        for (int group = 0, k = 0; k < columns; group++) {
            float scale = WeightCodec.scale(weight, layout, row, group);
            int end = Math.min(columns, k + layout.groupSize());
            if (layout.zeroPoint() == ZeroPoint.FLOAT) {
                float bias = WeightCodec.bias(weight, layout, row, group);
                for (; k < end; k++) {
                    out[at + k] = Math.fma(scale, WeightCodec.code(weight, layout, row, k), bias);
                }
                continue;
            }
            int zero = WeightCodec.zero(weight, layout, row, group);
            for (; k < end; k++) {
                out[at + k] = scale * (WeightCodec.code(weight, layout, row, k) - zero);
            }
        }
    }

    @Override
    public void multiply(
            float[] x,
            Prepared prepared,
            int n,
            float @Nullable [] bias,
            float[] out,
            int rowFrom,
            int rowTo,
            Scratch scratch) {
        int columns = weight.columns();
        float[] decoded = scratch.floats(0, TOGETHER * columns);
        double[] sums = new double[TOGETHER];
        for (int first = rowFrom; first < rowTo; first += TOGETHER) {
            int height = Math.min(TOGETHER, rowTo - first);
            for (int r = 0; r < height; r++) {
                decodeRow(first + r, decoded, r * columns);
            }
            for (int t = 0; t < n; t++) {
                dots(roundedGroup == 0 ? x : prepared.floats(), t * columns, decoded, columns, sums);
                for (int r = 0; r < height; r++) {
                    double shift = bias == null ? 0 : bias[first + r];
                    out[t * weight.rows() + first + r] = (float) (sums[r] + shift);
                }
            }
        }
    }

    /** Four rows at once: four sums that need not wait for each other. */
    private static void dots(float[] x, int at, float[] rows, int n, double[] sums) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        for (int k = 0; k < n; k++) {
            double value = x[at + k];
            s0 += value * rows[k];
            s1 += value * rows[n + k];
            s2 += value * rows[2 * n + k];
            s3 += value * rows[3 * n + k];
        }
        sums[0] = s0;
        sums[1] = s1;
        sums[2] = s2;
        sums[3] = s3;
    }
}
