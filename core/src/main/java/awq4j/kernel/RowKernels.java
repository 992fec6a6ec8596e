package awq4j.kernel;

import awq4j.weight.PackedMatrix;
import awq4j.weight.Weight;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The CPU's leaf arithmetic: what one thread does to a few rows. Splitting, threads and checks of shapes live above it,
 * in {@link CpuBackend}; so an implementation trusts its arguments.
 *
 * <p>Implementations keep no state and serve all threads of the team at once.
 */
public interface RowKernels {
    /** For reports, for example {@code vector 256 bit}. */
    String name();

    /**
     * Takes a weight in; dense values stay where they are, codes are copied into the order the kernels read.
     *
     * @param split shares the copying out
     */
    CpuWeight place(Weight weight, Split split);

    /** What {@link #place} made of codes, to be kept; empty if it made nothing. */
    default Optional<PackedMatrix> packed(CpuWeight placed) {
        return Optional.empty();
    }

    /** Whether {@link #place(PackedMatrix)} takes matrices of this order in. */
    default boolean reads(String order) {
        return false;
    }

    /**
     * Takes in what {@link #packed} gave.
     *
     * @throws IllegalArgumentException if the order is not one that is read, or the memory has not its size
     */
    default CpuWeight place(PackedMatrix packed) {
        throw new IllegalArgumentException(
                "matrix " + packed.name() + ": " + name() + " kernels do not read the order " + packed.order());
    }

    /** Positions of a cache that the kernels compute at once, which therefore lie together. */
    int kvBlock();

    /** One segment: {@code out = x / sqrt(mean(x^2) + epsilon) * gain}; the two may be the same place. */
    void rmsNorm(float[] x, int xAt, float[] gain, float epsilon, float[] out, int outAt, int n);

    /** One row: {@code out = (x - mean) / sqrt(variance + epsilon) * gain + bias}; {@code bias} may be empty. */
    void layerNorm(float[] x, int xAt, float[] gain, float[] bias, float epsilon, float[] out, int outAt, int n);

    /** Turns the pairs (x[d], x[d + pairs]) of one head by the angles whose cosines and sines start at {@code angle}. */
    void rotate(float[] x, int at, int pairs, float[] cos, float[] sin, int angle);

    /** Turns the pairs (x[2d], x[2d + 1]) of one head. */
    default void rotateNeighbours(float[] x, int at, int pairs, float[] cos, float[] sin, int angle) {
        for (int d = 0; d < pairs; d++) {
            float first = x[at + 2 * d];
            float second = x[at + 2 * d + 1];
            x[at + 2 * d] = first * cos[angle + d] - second * sin[angle + d];
            x[at + 2 * d + 1] = second * cos[angle + d] + first * sin[angle + d];
        }
    }

    /** {@code x = f(x)} from {@code from} to before {@code to}. */
    void activate(Activation activation, float[] x, int from, int to);

    /** {@code gate = f(gate) * up} from {@code from} to before {@code to}. */
    void gate(Activation activation, float[] gate, float[] up, int from, int to);

    /** {@code to[toAt + i] += x[xAt + i]} for i below n. */
    void add(float[] x, int xAt, float[] to, int toAt, int n);

    /** {@code to[toAt + i] *= x[xAt + i]} for i below n. */
    void multiply(float[] x, int xAt, float[] to, int toAt, int n);

    /** {@code x = factor * x} from {@code from} to before {@code to}. */
    void scale(float factor, float[] x, int from, int to);

    /** {@code x} kept within {@code limit} and {@code -limit}, from {@code from} to before {@code to}; NaN stays. */
    void clamp(float limit, float[] x, int from, int to);

    /** {@code x = cap * tanh(x / cap)} from {@code from} to before {@code to}. */
    void softcap(float cap, float[] x, int from, int to);

    /** {@code to[toAt + i] += factor * x[xAt + i]} for i below n; the product is rounded before it is added. */
    void addScaled(float[] x, int xAt, float factor, float[] to, int toAt, int n);

    /** Tokens of one sequence that one call of {@link #attend} should take if there are as many. */
    int attendTokens(AttentionShape shape);

    /**
     * Causal attention of the query heads that share one key/value head, for tokens of one sequence.
     *
     * @param queries [tokens, heads * headDim]
     * @param positions of all tokens
     * @param from first token of this call; those to before {@code to} have ascending positions, and all read the same
     *     positions as codes if the cache has {@link KvBuffer.KvPrecision#I4}
     * @param out [tokens, heads * headDim]
     */
    void attend(
            float[] queries,
            AttentionShape shape,
            int kvHead,
            int[] positions,
            int from,
            int to,
            CpuKvBuffer cache,
            float[] out,
            Scratch scratch);

    /** How {@link #attend} is done in parts, null if it cannot be. */
    default @Nullable SpanAttention spans() {
        return null;
    }
}
