package awq4j.kernel.vector;

import awq4j.kernel.AttentionShape;
import awq4j.kernel.CpuKvBuffer;
import awq4j.kernel.Scratch;
import awq4j.kernel.SpanAttention;

/** {@link TiledAttention} in parts. */
final class TiledSpans implements SpanAttention {
    @Override
    public int length() {
        return TiledAttention.SPAN;
    }

    @Override
    public int resultSize(AttentionShape shape, int tokens) {
        return TiledAttention.stateSize(shape, tokens);
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
            int index,
            float[] results,
            int at,
            Scratch scratch) {
        TiledAttention.of(scratch).attendSpan(queries, shape, kvHead, positions, from, to, cache, index, results, at);
    }

    @Override
    public void merge(
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
            Scratch scratch) {
        TiledAttention.of(scratch).merge(queries, shape, kvHead, positions, from, to, cache, results, at, spans, out);
    }
}
