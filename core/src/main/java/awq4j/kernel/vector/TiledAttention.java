package awq4j.kernel.vector;

import awq4j.kernel.AttentionShape;
import awq4j.kernel.CpuKvBuffer;
import awq4j.kernel.CpuKvBuffer.Memory;
import awq4j.kernel.Scratch;
import awq4j.kernel.scalar.ScalarRowKernels;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Attention of all queries that read one key/value head, by spans of positions with a running softmax (Milakov and
 * Gimelshein, 2018): both products are {@link MicroKernel}'s, on the blocks that the cache stores.
 */
final class TiledAttention {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;
    private static final int STRIDE = MicroKernel.STRIDE;

    private final float[] queries;
    private final AttentionShape shape;
    private final int kvHead;
    private final int[] positions;
    private final int from;
    private final int to;
    private final CpuKvBuffer cache;
    private final Scratch scratch;

    private final int shared;
    private final int rows;
    private final int height;
    private final int features;
    private final float[] panel;
    private final float[] weights;
    private final float[] tile;
    private final float[] sums;
    private final float[] state;

    TiledAttention(
            float[] queries,
            AttentionShape shape,
            int kvHead,
            int[] positions,
            int from,
            int to,
            CpuKvBuffer cache,
            Scratch scratch) {
        this.queries = queries;
        this.shape = shape;
        this.kvHead = kvHead;
        this.positions = positions;
        this.from = from;
        this.to = to;
        this.cache = cache;
        this.scratch = scratch;
        shared = shape.heads() / shape.kvHeads();
        rows = (to - from) * shared;
        height = (rows + MicroKernel.ROWS - 1) / MicroKernel.ROWS * MicroKernel.ROWS;
        features = (shape.headDim() + PAIR - 1) / PAIR;
        panel = scratch.floats(0, (shape.headDim() + STRIDE - 1) / STRIDE * height * STRIDE);
        weights = scratch.floats(1, height * STRIDE);
        tile = scratch.floats(2, height * PAIR);
        sums = scratch.floats(3, features * height * PAIR);
        state = scratch.floats(4, 2 * rows);
    }

    void run(float[] out) {
        gatherQueries();
        Arrays.fill(sums, 0, features * height * PAIR, 0);
        Arrays.fill(state, 0, rows, Float.NEGATIVE_INFINITY);
        Arrays.fill(state, rows, 2 * rows, 0);
        int last = positions[to - 1];
        int first = shape.window() == 0 ? 0 : Math.max(0, positions[from] - shape.window() + 1);
        for (int start = first / PAIR * PAIR; start <= last; start += STRIDE) {
            int end = Math.min(last + 1, start + STRIDE);
            score(start, end);
            for (int row = 0; row < rows; row++) {
                weigh(row, start, end);
            }
            average(start, end);
        }
        deliver(out);
    }

    /** Where the first value of a row's query, and of its result, stands. */
    private int place(int row) {
        int token = from + row / shared;
        int head = kvHead * shared + row % shared;
        return (token * shape.heads() + head) * shape.headDim();
    }

    private void gatherQueries() {
        for (int row = 0; row < rows; row++) {
            int at = place(row);
            for (int d = 0; d < shape.headDim(); d++) {
                panel[(d / STRIDE * height + row) * STRIDE + d % STRIDE] = queries[at + d] * shape.scale();
            }
        }
    }

    /** Scores of positions from {@code start} to before {@code end}, a row of {@code weights} a query. */
    @SuppressWarnings("ReferenceEquality") // whether the values lie in the cache or in a copy
    private void score(int start, int end) {
        for (int p = start; p < end; p += PAIR) {
            int at = cache.blockStart(p / PAIR, kvHead);
            float[] keys = floats(at, true);
            int keysAt = keys == cached(true) ? at : 0;
            Arrays.fill(tile, 0, height * PAIR, 0);
            for (int d = 0; d < shape.headDim(); d += STRIDE) {
                int count = Math.min(STRIDE, shape.headDim() - d);
                MicroKernel.run(keys, keysAt + d * PAIR, count, panel, d / STRIDE * height * STRIDE, tile, 0, rows);
            }
            for (int row = 0; row < rows; row++) {
                int weight = row * STRIDE + p - start;
                FloatVector.fromArray(F, tile, row * PAIR).intoArray(weights, weight);
                FloatVector.fromArray(F, tile, row * PAIR + L).intoArray(weights, weight + L);
            }
        }
    }

    /** Turns a row's scores into unnormalized weights, and what the row has summed so far to the same scale. */
    private void weigh(int row, int start, int end) {
        int position = positions[from + row / shared];
        int low = shape.window() == 0 ? start : Math.max(start, position - shape.window() + 1);
        int high = Math.min(end, position + 1);
        int at = row * STRIDE;
        int width = (end - start + PAIR - 1) / PAIR * PAIR;
        if (low >= high) {
            Arrays.fill(weights, at, at + width, 0);
            return;
        }
        if (shape.alibiSlopes() != null) {
            float slope = shape.alibiSlopes()[kvHead * shared + row % shared];
            for (int p = low; p < high; p++) {
                weights[at + p - start] += slope * (p - position);
            }
        }
        Arrays.fill(weights, at, at + low - start, Float.NEGATIVE_INFINITY);
        Arrays.fill(weights, at + high - start, at + width, Float.NEGATIVE_INFINITY);
        FloatVector most = FloatVector.broadcast(F, state[row]);
        for (int i = at; i < at + width; i += L) {
            most = most.max(FloatVector.fromArray(F, weights, i));
        }
        float greatest = most.reduceLanes(VectorOperators.MAX);
        FloatVector total = FloatVector.zero(F);
        for (int i = at; i < at + width; i += L) {
            Elementwise.exp(FloatVector.fromArray(F, weights, i).sub(greatest)).intoArray(weights, i);
        }
        // what is masked has weight zero, not the least that exp gives
        Arrays.fill(weights, at, at + low - start, 0);
        Arrays.fill(weights, at + high - start, at + width, 0);
        for (int i = at; i < at + width; i += L) {
            total = total.add(FloatVector.fromArray(F, weights, i));
        }
        float before = state[row];
        float factor = before == greatest ? 1 : (float) Math.exp((double) before - greatest);
        state[row] = greatest;
        state[rows + row] = state[rows + row] * factor + Lanes.sum(total);
        if (factor != 1) {
            for (int f = 0; f < features; f++) {
                int sum = (f * height + row) * PAIR;
                FloatVector.fromArray(F, sums, sum).mul(factor).intoArray(sums, sum);
                FloatVector.fromArray(F, sums, sum + L).mul(factor).intoArray(sums, sum + L);
            }
        }
    }

    @SuppressWarnings("ReferenceEquality") // whether the values lie in the cache or in a copy
    private void average(int start, int end) {
        for (int p = start; p < end; p += PAIR) {
            int at = cache.blockStart(p / PAIR, kvHead);
            float[] values = floats(at, false);
            int valuesAt = values == cached(false) ? at : 0;
            int count = Math.min(PAIR, end - p);
            for (int f = 0; f < features; f++) {
                MicroKernel.run(
                        values, valuesAt + f * PAIR * PAIR, count, weights, p - start, sums, f * height * PAIR, rows);
            }
        }
    }

    private void deliver(float[] out) {
        for (int row = 0; row < rows; row++) {
            int at = place(row);
            float total = state[rows + row];
            float check = 0;
            for (int d = 0; d < shape.headDim(); d++) {
                float value = sums[(d / PAIR * height + row) * PAIR + d % PAIR] / total;
                out[at + d] = value;
                check += value;
            }
            if (Float.isNaN(check)) {
                // a masked neighbour's NaN or infinity times weight zero is NaN: this token must not see it
                int token = from + row / shared;
                new ScalarRowKernels()
                        .attend(queries, shape, kvHead, positions, token, token + 1, cache, out, new Scratch());
            }
        }
    }

    /** The cache's own array where it holds floats. */
    private float[] cached(boolean keys) {
        return cache.memory() instanceof Memory.Floats(float[] k, float[] v) ? keys ? k : v : EMPTY;
    }

    private static final float[] EMPTY = new float[0];

    /** A block of keys or values as floats: the cache's own array, or a converted copy that starts at 0. */
    private float[] floats(int at, boolean keys) {
        return switch (cache.memory()) {
            case Memory.Floats(float[] k, float[] v) -> keys ? k : v;
            case Memory.Halves(short[] k, short[] v) -> {
                int size = features * PAIR * PAIR;
                float[] converted = scratch.floats(5, size);
                HalfFloats.fromF16(keys ? k : v, at, converted, 0, size);
                yield converted;
            }
        };
    }
}
