package awq4j.runtime;

/**
 * The k largest logits and their tokens without sorting the rest: a heap of k whose root is the worst that is kept, so
 * one pass over the vocabulary with few exchanges. Of equal logits the lower token id is the larger.
 */
final class Largest {
    private int[] heap = new int[0];
    private int size;

    /**
     * Selects.
     *
     * @param logits without NaN
     * @return tokens from the largest logit down, the first {@link #size} of the array are valid until the next call;
     *     fewer than k if the vocabulary is smaller or other logits are -infinity
     */
    int[] of(float[] logits, int k) {
        int wanted = Math.min(k, logits.length);
        if (heap.length < wanted) {
            heap = new int[wanted];
        }
        size = 0;
        if (wanted <= 0) {
            return heap;
        }
        for (int token = 0; token < logits.length; token++) {
            float logit = logits[token];
            if (size < wanted) {
                if (logit > Float.NEGATIVE_INFINITY) {
                    up(logits, token);
                }
            } else if (logit > logits[heap[0]]) {
                down(logits, token, size);
            }
        }
        for (int end = size - 1; end > 0; end--) { // the worst goes last
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
