package awq4j.quant;

import awq4j.model.Linear;

/**
 * Some of the calibration sequences, spread evenly over the set.
 *
 * @param chosen their numbers, ascending
 */
record TokenSubset(BlockCapture capture, int[] chosen) {
    /** As many whole sequences as have about {@code tokens} tokens, at least one. */
    static TokenSubset of(BlockCapture capture, int tokens) {
        int count = Math.clamp(tokens / Math.max(1, capture.length()), 1, Math.max(1, capture.sequences()));
        int[] chosen = new int[count];
        for (int i = 0; i < count; i++) {
            chosen[i] = (int) ((long) i * capture.sequences() / count);
        }
        return new TokenSubset(capture, chosen);
    }

    /**
     * The rows of these sequences; of an expert's linear, which saw some tokens only, about as many of what it saw.
     *
     * @param linear whose input is wanted, with its number of columns
     * @return [rows, columns]; the captured array itself if all are chosen
     * @throws IllegalArgumentException if the input was not captured, or in another shape
     */
    float[] input(Linear linear) {
        float[] all = capture.input(linear.name());
        int columns = linear.columns();
        int seen = all.length / columns;
        if (capture.tokens() == 0 || all.length % columns != 0 || seen > capture.tokens()) {
            throw new IllegalArgumentException("calibration input of " + linear.name() + ": expected ["
                    + capture.tokens() + ", " + columns + "], found " + all.length + " values");
        }
        int rows = chosen.length * capture.length();
        if ((seen <= rows && seen < capture.tokens()) || chosen.length == capture.sequences()) {
            return all;
        }
        float[] some = new float[rows * columns];
        for (int i = 0; i < rows; i++) {
            int row = seen == capture.tokens()
                    ? chosen[i / capture.length()] * capture.length() + i % capture.length()
                    : (int) ((long) i * seen / rows);
            System.arraycopy(all, row * columns, some, i * columns, columns);
        }
        return some;
    }
}
