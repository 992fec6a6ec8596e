package awq4j.eval.speed;

/**
 * What is computed and what has to be moved for it: Williams, Waterman and Patterson's roofline (2009) asks for no more.
 *
 * @param operations of floats or integers; a multiply-add counts as two
 * @param bytes weights, scales and zeros as they lie in memory, activations in and out in float32; each once
 */
public record Work(double operations, double bytes) {
    /** Nothing. */
    public static final Work NONE = new Work(0, 0);

    /**
     * Of linears with some tokens at once.
     *
     * @param weightBytes that their matrices take
     * @param tokens rows of activations
     */
    public static Work of(LinearKind kind, long weightBytes, int tokens) {
        return new Work(
                2.0 * tokens * kind.weights(),
                weightBytes + (double) tokens * Float.BYTES * (kind.inputs() + kind.outputs()));
    }

    /** Operations a byte. */
    public double intensity() {
        return operations / bytes;
    }

    /** Both, so often. */
    public Work times(int count) {
        return new Work(count * operations, count * bytes);
    }

    /** The sum of two. */
    public Work plus(Work other) {
        return new Work(operations + other.operations, bytes + other.bytes);
    }
}
