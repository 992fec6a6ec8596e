package awq4j.runtime;

import java.util.Arrays;

/**
 * The k largest logits and their tokens without sorting the rest: a heap of k whose root is the worst that is kept, so
 * one pass over the vocabulary with few exchanges. Of equal logits the lower token id is the larger.
 */
final class Largest {
    private int[] heap = new int[0];
    private long[] keys = new long[0];
    private int size;

    /**
     * Selects.
     *
     * @param logits without NaN
     * @return tokens from the largest logit down, the first {@link #size} of the array are valid until the next call;
     *     fewer than k if the vocabulary is smaller or other logits are -infinity
     */
    int[] of(float[] logits, int k) {
        int wanted = begin(logits, k);
        see(logits, 0, logits.length, wanted);
        return sorted(logits);
    }

    /**
     * The same, faster.
     *
     * @param peaks of these logits
     */
    int[] of(float[] logits, Peaks peaks, int k) {
        int wanted = begin(logits, k);
        float least = Float.NEGATIVE_INFINITY;
        if (wanted > 0 && wanted <= peaks.count()) {
            // k stretches have logits as large as the k-th largest peak: no smaller one is among the k largest
            see(peaks.values(), 0, peaks.count(), wanted);
            least = size == wanted ? peaks.values()[heap[0]] : least;
            size = 0;
        }
        for (int s = 0; s < peaks.count(); s++) {
            float peak = peaks.values()[s];
            if (peak >= least && (size < wanted || (wanted > 0 && peak > logits[heap[0]]))) {
                see(logits, peaks.start(s), peaks.end(s), wanted);
            }
        }
        return sorted(logits);
    }

    /**
     * All logits from a bound on, by sorting: faster than a heap where they are many.
     *
     * @param peaks of these logits
     * @return tokens as {@link #of(float[], int)} orders them
     */
    int[] atLeast(float[] logits, Peaks peaks, double bound) {
        size = 0;
        for (int s = 0; s < peaks.count(); s++) {
            if (peaks.values()[s] >= bound) {
                if (keys.length < size + Peaks.STRETCH) {
                    keys = Arrays.copyOf(keys, Math.max(2 * keys.length, size + Peaks.STRETCH));
                }
                for (int token = peaks.start(s); token < peaks.end(s); token++) {
                    if (logits[token] >= bound) {
                        keys[size++] = key(logits[token], token);
                    }
                }
            }
        }
        Arrays.sort(keys, 0, size);
        if (heap.length < size) {
            heap = new int[size];
        }
        for (int i = 0; i < size; i++) {
            heap[i] = (int) keys[i];
        }
        return heap;
    }

    /** Ascends as logits descend, and as tokens ascend among equals. */
    private static long key(float logit, int token) {
        int bits = Float.floatToRawIntBits(logit + 0f); // which makes a negative zero a zero
        int ascending = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
        return (long) ~ascending << 32 | token;
    }

    private int begin(float[] logits, int k) {
        int wanted = Math.min(k, logits.length);
        if (heap.length < wanted) {
            heap = new int[wanted];
        }
        size = 0;
        return wanted;
    }

    private void see(float[] logits, int from, int to, int wanted) {
        for (int token = from; wanted > 0 && token < to; token++) {
            float logit = logits[token];
            if (size < wanted) {
                if (logit > Float.NEGATIVE_INFINITY) {
                    up(logits, token);
                }
            } else if (logit > logits[heap[0]]) {
                down(logits, token, size);
            }
        }
    }

    /** Sorts what the heap has: the worst goes last. */
    private int[] sorted(float[] logits) {
        for (int end = size - 1; end > 0; end--) {
            int worst = heap[0];
            down(logits, heap[end], end);
            heap[end] = worst;
        }
        return heap;
    }

    /** How many the last call selected. */
    int size() {
        return size;
    }

    private void up(float[] logits, int token) {
        int at = size++;
        while (at > 0) {
            int parent = (at - 1) >>> 1;
            if (!worse(logits, token, heap[parent])) {
                break;
            }
            heap[at] = heap[parent];
            at = parent;
        }
        heap[at] = token;
    }

    /** Puts {@code token} in the root's place and lets it sink among the first {@code end}. */
    private void down(float[] logits, int token, int end) {
        int at = 0;
        for (int child = 1; child < end; child = 2 * at + 1) {
            if (child + 1 < end && worse(logits, heap[child + 1], heap[child])) {
                child++;
            }
            if (!worse(logits, heap[child], token)) {
                break;
            }
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = token;
    }

    private static boolean worse(float[] logits, int a, int b) {
        return logits[a] < logits[b] || (logits[a] == logits[b] && a > b);
    }
}
