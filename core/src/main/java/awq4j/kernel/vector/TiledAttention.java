package awq4j.kernel.vector;

import awq4j.kernel.AttentionShape;
import awq4j.kernel.CpuKvBuffer;
import awq4j.kernel.Scratch;
import awq4j.kernel.scalar.ScalarRowKernels;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Attention of all queries that read one key/value head, by spans of positions whose results are merged in order (Milakov
 * and Gimelshein, 2018; Dao et al., 2022). Spans begin at fixed positions and a query's sums know nothing of the queries
 * beside it: so its result is the same, bit for bit, whether it comes alone or in a prompt, and whether one thread does
 * all spans or each is done by another.
 *
 * <p>The state of a span: sums of values [features / PAIR, rows, PAIR], not yet divided by the sum of weights; then each
 * row's greatest score, then its sum of weights. An object serves one thread, call after call, and keeps its memory.
 */
final class TiledAttention {
    /** Positions of a span. */
    static final int SPAN = AttentionProduct.STRIDE;

    /** Queries that a call should have if it can: they share the conversion of keys and values to floats. */
    private static final int QUERIES = 64;

    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;
    private static final int STRIDE = AttentionProduct.STRIDE;
    private static final int ROWS = AttentionProduct.ROWS;
    private static final float[] EMPTY = {};

    /** Scores are kept times this: weights are then powers of two, which cost less than those of e. */
    private static final float LOG2_E = 0x1.715476p0f;

    private final KvBlock block = new KvBlock();
    private float[] panel = EMPTY;
    private float[] weights = EMPTY;
    private float[] states = EMPTY;
    private float[] factors = EMPTY;
    private final float[] sums = new float[L];

    /** By row: its position, and where its query and its result begin. */
    private int[] position = {};

    private int[] place = {};

    private AttentionShape shape = new AttentionShape(1, 1, 1, 1, 0, null);
    private int kvHead;
    private int shared;
    private int rows;
    private int height;
    private int features;
    private int most;
    private int total;

    TiledAttention() {}

    /** The one that works in a thread's memory. */
    static TiledAttention of(Scratch scratch) {
        return scratch.held(TiledAttention.class, TiledAttention::new);
    }

    /** Tokens whose queries make a call worth its while. */
    static int tokens(AttentionShape shape) {
        return Math.max(1, QUERIES * shape.kvHeads() / shape.heads());
    }

    /** Floats of a span's state. */
    static int stateSize(AttentionShape shape, int tokens) {
        int rows = tokens * (shape.heads() / shape.kvHeads());
        return (shape.headDim() + PAIR - 1) / PAIR * PAIR * padded(rows, ROWS) + 2 * padded(rows, PAIR);
    }

    private static int padded(int n, int multiple) {
        return (n + multiple - 1) / multiple * multiple;
    }

    /** All spans, as {@link awq4j.kernel.RowKernels#attend} says. */
    void attend(
            float[] queries,
            AttentionShape shape,
            int kvHead,
            int[] positions,
            int from,
            int to,
            CpuKvBuffer cache,
            float[] out) {
        begin(shape, kvHead, positions, from, to);
        arrange(queries);
        int size = stateSize(shape, to - from);
        states = grown(states, 2 * size);
        int last = position[rows - 1] / SPAN;
        int first = lowest(0) / SPAN;
        span(cache, first, states, 0);
        for (int span = first + 1; span <= last; span++) {
            span(cache, span, states, size);
            merge(states, 0, size);
        }
        deliver(states, 0, queries, positions, from, to, cache, out);
    }

    /** One span. */
    void attendSpan(
            float[] queries,
            AttentionShape shape,
            int kvHead,
            int[] positions,
            int from,
            int to,
            CpuKvBuffer cache,
            int span,
            float[] result,
            int at) {
        begin(shape, kvHead, positions, from, to);
        arrange(queries);
        span(cache, span, result, at);
    }

    /** The whole from its spans. */
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
            float[] out) {
        begin(shape, kvHead, positions, from, to);
        int size = stateSize(shape, to - from);
        for (int span = 1; span < spans; span++) {
            merge(results, at, at + span * size);
        }
        deliver(results, at, queries, positions, from, to, cache, out);
    }

    private void begin(AttentionShape shape, int kvHead, int[] positions, int from, int to) {
        this.shape = shape;
        this.kvHead = kvHead;
        shared = shape.heads() / shape.kvHeads();
        rows = (to - from) * shared;
        height = padded(rows, ROWS);
        features = (shape.headDim() + PAIR - 1) / PAIR;
        most = features * height * PAIR;
        total = most + padded(rows, PAIR);
        factors = grown(factors, 2 * padded(rows, PAIR));
        if (position.length < rows) {
            position = new int[rows];
            place = new int[rows];
        }
        int row = 0;
        for (int token = from; token < to; token++) {
            int at = (token * shape.heads() + kvHead * shared) * shape.headDim();
            for (int i = 0; i < shared; i++) {
                position[row] = positions[token];
                place[row++] = at + i * shape.headDim();
            }
        }
    }

    private static float[] grown(float[] array, int size) {
        return array.length < size ? new float[size] : array;
    }

    /** The queries times the scale and {@link #LOG2_E}, in rows of the product, {@link #STRIDE} features of all rows after the next. */
    private void arrange(float[] queries) {
        int headDim = shape.headDim();
        panel = grown(panel, padded(headDim, STRIDE) * height);
        weights = grown(weights, height * STRIDE);
        float scale = shape.scale() * LOG2_E;
        for (int d = 0; d < headDim; d += STRIDE) {
            int n = Math.min(STRIDE, headDim - d);
            for (int row = 0; row < height; row++) {
                int at = (d / STRIDE * height + row) * STRIDE;
                if (row >= rows) {
                    Arrays.fill(panel, at, at + n, 0);
                    continue;
                }
                int query = place[row] + d;
                int i = 0;
                for (int end = n - L; i <= end; i += L) {
                    FloatVector.fromArray(F, queries, query + i).mul(scale).intoArray(panel, at + i);
                }
                for (; i < n; i++) {
                    panel[at + i] = queries[query + i] * scale;
                }
            }
        }
    }

    /** The first position that a row sees. */
    private int lowest(int row) {
        return shape.window() == 0 ? 0 : Math.max(0, position[row] - shape.window() + 1);
    }

    /** The last row of a group. */
    private int last(int group) {
        return Math.min(group + ROWS, rows) - 1;
    }

    private void span(CpuKvBuffer cache, int span, float[] state, int at) {
        int start = Math.max(span * SPAN, lowest(0) / PAIR * PAIR);
        int end = Math.min((span + 1) * SPAN, position[rows - 1] + 1);
        int coded = cache.precision().codedBefore(position[0]); // of all rows
        Arrays.fill(state, at, at + most, 0);
        Arrays.fill(state, at + most, at + total, Float.NEGATIVE_INFINITY);
        Arrays.fill(state, at + total, at + total + padded(rows, PAIR), 0);
        Arrays.fill(weights, 0, height * STRIDE, 0);
        for (int p = start; p < end; p += PAIR) {
            block.keys(cache, p / PAIR, kvHead, coded);
            score(p);
        }
        for (int group = 0; group < rows; group += ROWS) {
            int low = Math.max(start, lowest(group) / PAIR * PAIR);
            int high = Math.min(padded(end, PAIR), padded(position[last(group)] + 1, PAIR));
            for (int row = group; low < high && row <= last(group); row++) {
                weigh(row, span * SPAN, low, high, state, at);
            }
        }
        for (int p = start; p < end; p += PAIR) {
            block.values(cache, p / PAIR, kvHead, coded);
            average(p, Math.min(PAIR, end - p), state, at);
        }
        block.release();
    }

    /** Scores of a block's positions, for the groups of rows that see any of them. */
    private void score(int p) {
        int headDim = shape.headDim();
        for (int group = 0; group < rows; group += ROWS) {
            int last = last(group);
            if (position[last] < p || lowest(group) >= p + PAIR) {
                continue;
            }
            for (int d = 0; d < headDim; d += STRIDE) {
                AttentionProduct.run(
                        block.floats,
                        block.at + d * PAIR,
                        Math.min(STRIDE, headDim - d),
                        panel,
                        (d / STRIDE * height + group) * STRIDE,
                        weights,
                        group * STRIDE + p % SPAN,
                        STRIDE,
                        last - group + 1);
            }
        }
    }

    /** Turns a row's scores of positions {@code from} to before {@code to}, whole blocks, into weights. */
    private void weigh(int row, int origin, int from, int to, float[] state, int at) {
        int start = row * STRIDE + from - origin;
        int end = row * STRIDE + to - origin;
        int low = Math.max(start, row * STRIDE + lowest(row) - origin);
        int high = Math.min(end, row * STRIDE + position[row] + 1 - origin);
        if (low >= high) {
            Arrays.fill(weights, start, end, 0);
            return;
        }
        if (shape.softcap() != 0) {
            Elementwise.softcap(LOG2_E * shape.softcap(), weights, start, end); // the scores are in powers of two
        }
        if (shape.alibiSlopes() != null) {
            float slope = shape.alibiSlopes()[kvHead * shared + row % shared];
            if (shape.alibiRounded()) {
                SpanWeights.step(weights, start, end, slope, LOG2_E * shape.scale(), from);
            } else {
                SpanWeights.incline(weights, start, end, LOG2_E * slope, from - position[row]);
            }
        }
        Arrays.fill(weights, start, low, Float.NEGATIVE_INFINITY);
        Arrays.fill(weights, high, end, Float.NEGATIVE_INFINITY);
        float greatest = SpanWeights.greatest(weights, start, end);
        state[at + most + row] = greatest;
        state[at + total + row] = SpanWeights.weigh(weights, start, end, greatest, sums);
    }

    /** Adds the first {@code count} values of a block times their weights. */
    private void average(int p, int count, float[] state, int at) {
        for (int group = 0; group < rows; group += ROWS) {
            int last = last(group);
            int seen = Math.min(count, position[last] + 1 - p);
            if (seen <= 0 || lowest(group) >= p + PAIR) {
                continue;
            }
            for (int f = 0; f < features; f++) {
                AttentionProduct.run(
                        block.floats,
                        block.at + f * PAIR * PAIR,
                        seen,
                        weights,
                        group * STRIDE + p % SPAN,
                        state,
                        at + (f * height + group) * PAIR,
                        PAIR,
                        last - group + 1);
            }
        }
    }

    /** Takes the state of a later span into that of all before it. */
    private void merge(float[] state, int at, int later) {
        int half = factors.length / 2;
        for (int row = 0; row < rows; row += L) {
            FloatVector before = FloatVector.fromArray(F, state, at + most + row);
            FloatVector after = FloatVector.fromArray(F, state, later + most + row);
            FloatVector greatest = before.max(after);
            // 2^0 where nothing was seen before nor now
            before.sub(greatest)
                    .blend(0, before.compare(VectorOperators.EQ, greatest))
                    .intoArray(factors, row);
            after.sub(greatest)
                    .blend(0, after.compare(VectorOperators.EQ, greatest))
                    .intoArray(factors, half + row);
            greatest.intoArray(state, at + most + row);
        }
        int end = Math.ceilDiv(rows, L) * L;
        Elementwise.exp2(factors, 0, end, 0);
        Elementwise.exp2(factors, half, half + end, 0);
        for (int row = 0; row < rows; row += L) {
            FloatVector.fromArray(F, state, at + total + row)
                    .mul(FloatVector.fromArray(F, factors, row))
                    .add(FloatVector.fromArray(F, state, later + total + row)
                            .mul(FloatVector.fromArray(F, factors, half + row)))
                    .intoArray(state, at + total + row);
        }
        for (int f = 0; f < features; f++) {
            for (int row = 0; row < rows; row++) {
                int i = (f * height + row) * PAIR;
                scale(state, at + i, factors[row], later + i, factors[half + row]);
                scale(state, at + i + L, factors[row], later + i + L, factors[half + row]);
            }
        }
    }

    private static void scale(float[] state, int at, float kept, int later, float added) {
        FloatVector.fromArray(F, state, at)
                .mul(kept)
                .add(FloatVector.fromArray(F, state, later).mul(added))
                .intoArray(state, at);
    }

    /** Divides the sums by their weights' sum. */
    private void deliver(
            float[] state, int at, float[] queries, int[] positions, int from, int to, CpuKvBuffer cache, float[] out) {
        int headDim = shape.headDim();
        FloatVector check = FloatVector.zero(F);
        float rest = 0;
        for (int row = 0; row < rows; row++) {
            float sum = state[at + total + row];
            for (int f = 0; f < features; f++) {
                int source = at + (f * height + row) * PAIR;
                int target = place[row] + f * PAIR;
                int n = Math.min(PAIR, headDim - f * PAIR);
                if (n == PAIR) {
                    FloatVector first = FloatVector.fromArray(F, state, source).div(sum);
                    FloatVector second =
                            FloatVector.fromArray(F, state, source + L).div(sum);
                    first.intoArray(out, target);
                    second.intoArray(out, target + L);
                    check = check.add(first.mul(0)).add(second.mul(0));
                } else {
                    for (int i = 0; i < n; i++) {
                        out[target + i] = state[source + i] / sum;
                        rest += out[target + i] * 0;
                    }
                }
            }
        }
        if (!(Lanes.sum(check) + rest == 0)) {
            repair(queries, positions, from, to, cache, out);
        }
    }

    /** A masked neighbour's NaN or infinity times weight zero is NaN: tokens before it must not see it. */
    private void repair(float[] queries, int[] positions, int from, int to, CpuKvBuffer cache, float[] out) {
        for (int token = from; token < to; token++) {
            float check = 0;
            int start = (token * shape.heads() + kvHead * shared) * shape.headDim();
            for (int i = start; i < start + shared * shape.headDim(); i++) {
                check += out[i] * 0;
            }
            if (!(check == 0)) {
                new ScalarRowKernels()
                        .attend(queries, shape, kvHead, positions, token, token + 1, cache, out, new Scratch());
            }
        }
    }
}
