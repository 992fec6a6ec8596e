package awq4j.quant;

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
     * The rows of these sequences.
     *
     * @param linear whose input is wanted, with its number of columns
     * @return [chosen.length * length, columns]; the captured array itself if all are chosen
     * @throws IllegalArgumentException if the input was not captured, or in another shape
     */
    float[] input(awq4j.model.Linear linear) {
        float[] all = capture.input(linear.name());
        int size = Math.multiplyExact(capture.length(), linear.columns());
        if (capture.tokens() == 0 || all.length != Math.multiplyExact(capture.sequences(), size)) {
            throw new IllegalArgumentException("calibration input of " + linear.name() + ": expected ["
                    + capture.tokens() + ", " + linear.columns() + "], found " + all.length + " values");
        }
        if (chosen.length == capture.sequences()) {
            return all;
        }
        float[] some = new float[chosen.length * size];
        for (int i = 0; i < chosen.length; i++) {
            System.arraycopy(all, chosen[i] * size, some, i * size, size);
        }
        return some;
    }
}
