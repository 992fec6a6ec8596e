package awq4j.kernel.scalar;

import awq4j.kernel.Activation;
import awq4j.kernel.AttentionShape;
import awq4j.kernel.CpuKvBuffer;
import awq4j.kernel.CpuWeight;
import awq4j.kernel.Precision;
import awq4j.kernel.RowKernels;
import awq4j.kernel.Scratch;
import awq4j.kernel.Split;
import awq4j.weight.Weight;

/** Plain loops, sums in double. */
public final class ScalarRowKernels implements RowKernels {
    private final Precision precision;

    /** Exact arithmetic. */
    public ScalarRowKernels() {
        this(Precision.W4A16);
    }

    /** Kernels of a precision. */
    public ScalarRowKernels(Precision precision) {
        this.precision = precision;
    }

    @Override
    public String name() {
        return precision == Precision.W4A16 ? "scalar" : "scalar " + precision.label();
    }

    @Override
    public CpuWeight place(Weight weight, Split split) {
        return new ScalarWeight(weight, precision);
    }

    @Override
    public int kvBlock() {
        return 16;
    }

    @Override
    public void rmsNorm(float[] x, int xAt, float[] gain, float epsilon, float[] out, int outAt, int n) {
        double squares = 0;
        for (int i = 0; i < n; i++) {
            squares += (double) x[xAt + i] * x[xAt + i];
        }
        float factor = (float) (1 / Math.sqrt(squares / n + epsilon));
        for (int i = 0; i < n; i++) {
            out[outAt + i] = x[xAt + i] * factor * gain[i];
        }
    }

    @Override
    public void layerNorm(
            float[] x, int xAt, float[] gain, float[] bias, float epsilon, float[] out, int outAt, int n) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
            sum += x[xAt + i];
        }
        double mean = sum / n;
        double squares = 0;
        for (int i = 0; i < n; i++) {
            squares += (x[xAt + i] - mean) * (x[xAt + i] - mean);
        }
        double factor = 1 / Math.sqrt(squares / n + epsilon);
        for (int i = 0; i < n; i++) {
            float normed = (float) ((x[xAt + i] - mean) * factor) * gain[i];
            out[outAt + i] = bias.length == 0 ? normed : normed + bias[i];
        }
    }

    @Override
    public void rotate(float[] x, int at, int pairs, float[] cos, float[] sin, int angle) {
        for (int d = 0; d < pairs; d++) {
            float first = x[at + d];
            float second = x[at + pairs + d];
            x[at + d] = first * cos[angle + d] - second * sin[angle + d];
            x[at + pairs + d] = second * cos[angle + d] + first * sin[angle + d];
        }
    }

    @Override
    public void activate(Activation activation, float[] x, int from, int to) {
        for (int i = from; i < to; i++) {
            x[i] = Activations.apply(activation, x[i]);
        }
    }

    @Override
    public void gate(Activation activation, float[] gate, float[] up, int from, int to) {
        for (int i = from; i < to; i++) {
            gate[i] = Activations.apply(activation, gate[i]) * up[i];
        }
    }

    @Override
    public void add(float[] x, int xAt, float[] to, int toAt, int n) {
        for (int i = 0; i < n; i++) {
            to[toAt + i] += x[xAt + i];
        }
    }

    @Override
    public void addScaled(float[] x, int xAt, float factor, float[] to, int toAt, int n) {
        for (int i = 0; i < n; i++) {
            to[toAt + i] += factor * x[xAt + i];
        }
    }

    @Override
    public void multiply(float[] x, int xAt, float[] to, int toAt, int n) {
        for (int i = 0; i < n; i++) {
            to[toAt + i] *= x[xAt + i];
        }
    }

    @Override
    public void scale(float factor, float[] x, int from, int to) {
        for (int i = from; i < to; i++) {
            x[i] *= factor;
        }
    }

    @Override
    public void clamp(float limit, float[] x, int from, int to) {
        for (int i = from; i < to; i++) {
            x[i] = Math.max(-limit, Math.min(limit, x[i]));
        }
    }

    @Override
    public void softcap(float cap, float[] x, int from, int to) {
        for (int i = from; i < to; i++) {
            x[i] = softcap(cap, x[i]);
        }
    }

    private static float softcap(float cap, float x) {
        return (float) (cap * Math.tanh((double) x / cap));
    }

    @Override
    public int attendTokens(AttentionShape shape) {
        return 1;
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
        int shared = shape.heads() / shape.kvHeads();
        for (int token = from; token < to; token++) {
            for (int head = kvHead * shared; head < (kvHead + 1) * shared; head++) {
                int at = (token * shape.heads() + head) * shape.headDim();
                int position = positions[token];
                int first = shape.window() == 0 ? 0 : Math.max(0, position - shape.window() + 1);
                float[] weights = scratch.floats(0, position + 1);
                score(queries, at, shape, cache, kvHead, first, position, weights);
                for (int p = first; p <= position; p++) {
                    float score = shape.softcap() == 0 ? weights[p] : softcap(shape.softcap(), weights[p]);
                    weights[p] = score + shape.bias(head, p, position);
                }
                softmax(weights, first, position + 1);
                average(weights, first, position, cache, kvHead, out, at);
            }
        }
    }

    private static void score(
            float[] queries,
            int at,
            AttentionShape shape,
            CpuKvBuffer cache,
            int kvHead,
            int first,
            int last,
            float[] scores) {
        for (int p = first; p <= last; p++) {
            double sum = 0;
            for (int d = 0; d < shape.headDim(); d++) {
                sum += (double) queries[at + d] * cache.key(p, kvHead, d, last);
            }
            scores[p] = (float) (sum * shape.scale());
        }
    }

    /** In place, from {@code from} to before {@code to}. */
    private static void softmax(float[] x, int from, int to) {
        float most = Float.NEGATIVE_INFINITY;
        for (int i = from; i < to; i++) {
            most = Math.max(most, x[i]);
        }
        double sum = 0;
        for (int i = from; i < to; i++) {
            x[i] = (float) Math.exp((double) x[i] - most);
            sum += x[i];
        }
        for (int i = from; i < to; i++) {
            x[i] = (float) (x[i] / sum);
        }
    }

    private static void average(
            float[] weights, int first, int last, CpuKvBuffer cache, int kvHead, float[] out, int at) {
        for (int d = 0; d < cache.headDim(); d++) {
            double sum = 0;
            for (int p = first; p <= last; p++) {
                sum += (double) weights[p] * cache.value(p, kvHead, d, last);
            }
            out[at + d] = (float) sum;
        }
    }
}
