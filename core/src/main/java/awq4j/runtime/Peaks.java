package awq4j.runtime;

/** The largest logit of each stretch of a row, so that whoever looks for large logits can pass over most of it. */
final class Peaks {
    /** Logits of a stretch, except perhaps the last. */
    static final int STRETCH = 256;

    private float[] peaks = new float[0];
    private int count;
    private int tokens;

    /**
     * Looks at a row.
     *
     * @return the largest logit
     * @throws IllegalArgumentException as {@link Logits#largest}
     */
    float of(float[] logits) {
        tokens = logits.length;
        count = Math.ceilDiv(tokens, STRETCH);
        if (peaks.length < count) {
            peaks = new float[count];
        }
        float largest = Float.NEGATIVE_INFINITY;
        for (int s = 0; s < count; s++) {
            peaks[s] = Logits.peak(logits, start(s), end(s));
            largest = Math.max(largest, peaks[s]);
        }
        if (largest == Float.NEGATIVE_INFINITY) {
            throw Logits.nonePossible(tokens);
        }
        return largest;
    }

    /** How many stretches the row has. */
    int count() {
        return count;
    }

    /** The largest logits, by stretch; the first {@link #count} are valid until the next row. */
    float[] values() {
        return peaks;
    }

    /** The first token of a stretch. */
    int start(int stretch) {
        return stretch * STRETCH;
    }

    /** The token behind the last of a stretch. */
    int end(int stretch) {
        return Math.min(tokens, (stretch + 1) * STRETCH);
    }
}
