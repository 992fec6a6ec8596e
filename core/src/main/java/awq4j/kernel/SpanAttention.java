package awq4j.kernel;

/**
 * {@link RowKernels#attend} in parts: a context's positions in spans that different threads may take, merged in order.
 * The result is that of the whole, bit for bit.
 */
public interface SpanAttention {
    /** Positions of a span; spans begin at its multiples. */
    int length();

    /** Floats of a span's result. */
    int resultSize(AttentionShape shape, int tokens);

    /**
     * One span. What is not said here is as in {@link RowKernels#attend}.
     *
     * @param index of the span: it has positions from {@code index * length} on; the tokens see some of them
     * @param results receives its result from {@code at} on
     */
    void attend(
            float[] queries,
            AttentionShape shape,
            int kvHead,
            int[] positions,
            int from,
            int to,
            CpuKvBuffer cache,
            int index,
            float[] results,
            int at,
            Scratch scratch);

    /**
     * The whole, from the results of all spans that the tokens see.
     *
     * @param results of {@code spans} spans, in order, one behind the other from {@code at} on; overwritten
     */
    void merge(
            float[] queries,
            AttentionShape shape,
            int kvHead,
            int[] positions,
            int from,
            int to,
            CpuKvBuffer cache,
            float[] results,
            int at,
            int spans,
            float[] out,
            Scratch scratch);
}
