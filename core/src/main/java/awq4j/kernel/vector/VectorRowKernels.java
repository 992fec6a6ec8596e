package awq4j.kernel.vector;

import awq4j.kernel.Activation;
import awq4j.kernel.AttentionShape;
import awq4j.kernel.CpuKvBuffer;
import awq4j.kernel.CpuWeight;
import awq4j.kernel.Precision;
import awq4j.kernel.RowKernels;
import awq4j.kernel.Scratch;
import awq4j.kernel.SpanAttention;
import awq4j.kernel.Split;
import awq4j.weight.PackedMatrix;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import java.util.Optional;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Row kernels on vectors of the machine's width, float32 throughout. */
public final class VectorRowKernels implements RowKernels {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int L = Lanes.COUNT;

    private static final SpanAttention SPANS = new TiledSpans();

    private final Precision precision;

    /** Exact arithmetic. */
    public VectorRowKernels() {
        this(Precision.W4A16);
    }

    /** Kernels of a precision. */
    public VectorRowKernels(Precision precision) {
        this.precision = precision;
    }

    @Override
    public String name() {
        String width = "vector " + F.vectorBitSize() + " bit";
        return precision == Precision.W4A16 ? width : width + " " + precision.label();
    }

    @Override
    public CpuWeight place(Weight weight, Split split) {
        return switch (weight.layout()) {
            case Dense dense -> new DenseWeight(weight, dense.dtype());
            case Grouped grouped -> new PackedWeight(weight, grouped, precision, split);
            case GgufBlock blocks -> BlockWeight.place(weight, blocks, precision, split);
        };
    }

    @Override
    public Optional<PackedMatrix> packed(CpuWeight placed) {
        return placed instanceof PackedWeight weight ? Optional.of(weight.toMatrix()) : Optional.empty();
    }

    @Override
    public boolean reads(String order) {
        return PackedWeight.reads(order);
    }

    @Override
    public CpuWeight place(PackedMatrix packed) {
        return new PackedWeight(packed, precision);
    }

    @Override
    public int kvBlock() {
        return Lanes.PAIR;
    }

    @Override
    public void rmsNorm(float[] x, int xAt, float[] gain, float epsilon, float[] out, int outAt, int n) {
        FloatVector s0 = FloatVector.zero(F);
        FloatVector s1 = FloatVector.zero(F);
        int i = 0;
        for (int end = n - 2 * L; i <= end; i += 2 * L) {
            FloatVector a = FloatVector.fromArray(F, x, xAt + i);
            FloatVector b = FloatVector.fromArray(F, x, xAt + i + L);
            s0 = a.fma(a, s0);
            s1 = b.fma(b, s1);
        }
        double squares = Lanes.sum(s0.add(s1));
        for (; i < n; i++) {
            squares += (double) x[xAt + i] * x[xAt + i];
        }
        float factor = (float) (1 / Math.sqrt(squares / n + epsilon));
        i = 0;
        for (int end = n - L; i <= end; i += L) {
            FloatVector.fromArray(F, x, xAt + i)
                    .mul(factor)
                    .mul(FloatVector.fromArray(F, gain, i))
                    .intoArray(out, outAt + i);
        }
        for (; i < n; i++) {
            out[outAt + i] = x[xAt + i] * factor * gain[i];
        }
    }

    @Override
    public void layerNorm(
            float[] x, int xAt, float[] gain, float[] bias, float epsilon, float[] out, int outAt, int n) {
        float mean = (float) (sum(x, xAt, n) / n);
        float factor = (float) (1 / Math.sqrt(squares(x, xAt, mean, n) / n + epsilon));
        int i = 0;
        for (int end = n - L; i <= end; i += L) {
            FloatVector normed =
                    FloatVector.fromArray(F, x, xAt + i).sub(mean).mul(factor).mul(FloatVector.fromArray(F, gain, i));
            (bias.length == 0 ? normed : normed.add(FloatVector.fromArray(F, bias, i))).intoArray(out, outAt + i);
        }
        for (; i < n; i++) {
            float normed = (x[xAt + i] - mean) * factor * gain[i];
            out[outAt + i] = bias.length == 0 ? normed : normed + bias[i];
        }
    }

    private static double sum(float[] x, int at, int n) {
        FloatVector sums = FloatVector.zero(F);
        int i = 0;
        for (int end = n - L; i <= end; i += L) {
            sums = sums.add(FloatVector.fromArray(F, x, at + i));
        }
        double sum = Lanes.sum(sums);
        for (; i < n; i++) {
            sum += x[at + i];
        }
        return sum;
    }

    private static double squares(float[] x, int at, float mean, int n) {
        FloatVector sums = FloatVector.zero(F);
        int i = 0;
        for (int end = n - L; i <= end; i += L) {
            FloatVector a = FloatVector.fromArray(F, x, at + i).sub(mean);
            sums = a.fma(a, sums);
        }
        double sum = Lanes.sum(sums);
        for (; i < n; i++) {
            float a = x[at + i] - mean;
            sum += (double) a * a;
        }
        return sum;
    }

    @Override
    public void rotate(float[] x, int at, int pairs, float[] cos, float[] sin, int angle) {
        int d = 0;
        for (int end = pairs - L; d <= end; d += L) {
            FloatVector first = FloatVector.fromArray(F, x, at + d);
            FloatVector second = FloatVector.fromArray(F, x, at + pairs + d);
            FloatVector c = FloatVector.fromArray(F, cos, angle + d);
            FloatVector s = FloatVector.fromArray(F, sin, angle + d);
            first.mul(c).sub(second.mul(s)).intoArray(x, at + d);
            second.mul(c).add(first.mul(s)).intoArray(x, at + pairs + d);
        }
        for (; d < pairs; d++) {
            float first = x[at + d];
            float second = x[at + pairs + d];
            x[at + d] = first * cos[angle + d] - second * sin[angle + d];
            x[at + pairs + d] = second * cos[angle + d] + first * sin[angle + d];
        }
    }

    @Override
    public void activate(Activation activation, float[] x, int from, int to) {
        Elementwise.activate(activation, x, from, to);
    }

    @Override
    public void gate(Activation activation, float[] gate, float[] up, int from, int to) {
        Elementwise.gate(activation, gate, up, from, to);
    }

    @Override
    public void add(float[] x, int xAt, float[] to, int toAt, int n) {
        int i = 0;
        for (int end = n - L; i <= end; i += L) {
            FloatVector.fromArray(F, to, toAt + i)
                    .add(FloatVector.fromArray(F, x, xAt + i))
                    .intoArray(to, toAt + i);
        }
        for (; i < n; i++) {
            to[toAt + i] += x[xAt + i];
        }
    }

    @Override
    public void addScaled(float[] x, int xAt, float factor, float[] to, int toAt, int n) {
        int i = 0;
        for (int end = n - L; i <= end; i += L) {
            FloatVector.fromArray(F, to, toAt + i)
                    .add(FloatVector.fromArray(F, x, xAt + i).mul(factor))
                    .intoArray(to, toAt + i);
        }
        for (; i < n; i++) {
            to[toAt + i] += factor * x[xAt + i];
        }
    }

    @Override
    public void multiply(float[] x, int xAt, float[] to, int toAt, int n) {
        int i = 0;
        for (int end = n - L; i <= end; i += L) {
            FloatVector.fromArray(F, to, toAt + i)
                    .mul(FloatVector.fromArray(F, x, xAt + i))
                    .intoArray(to, toAt + i);
        }
        for (; i < n; i++) {
            to[toAt + i] *= x[xAt + i];
        }
    }

    @Override
    public void scale(float factor, float[] x, int from, int to) {
        int i = from;
        for (int end = to - L; i <= end; i += L) {
            FloatVector.fromArray(F, x, i).mul(factor).intoArray(x, i);
        }
        for (; i < to; i++) {
            x[i] *= factor;
        }
    }

    @Override
    public void clamp(float limit, float[] x, int from, int to) {
        int i = from;
        for (int end = to - L; i <= end; i += L) {
            FloatVector.fromArray(F, x, i).min(limit).max(-limit).intoArray(x, i);
        }
        for (; i < to; i++) {
            x[i] = Math.max(-limit, Math.min(limit, x[i]));
        }
    }

    @Override
    public void softcap(float cap, float[] x, int from, int to) {
        Elementwise.softcap(cap, x, from, to);
    }

    @Override
    public int attendTokens(AttentionShape shape) {
        return TiledAttention.tokens(shape);
    }

    @Override
    public void attend(
            float[] queries,
            AttentionShape shape,
            int kvHead,
            int[] positions,
            int from,
            int to,
            CpuKvBuffer cache,
            float[] out,
            Scratch scratch) {
        TiledAttention.of(scratch).attend(queries, shape, kvHead, positions, from, to, cache, out);
    }

    @Override
    public SpanAttention spans() {
        return SPANS;
    }
}
