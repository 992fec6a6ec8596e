package awq4j.eval;

/** A model by hand: what follows depends on the last token only, by a table. Counts what it is asked for. */
final class BigramPredictor implements Predictor {
    private final double[][] probabilities;
    private final int chunk;
    int begun;
    int read;
    int largestCall;

    /** @param probabilities [vocabulary, vocabulary], of the column's token after the row's */
    BigramPredictor(double[][] probabilities, int chunk) {
        this.probabilities = probabilities;
        this.chunk = chunk;
    }

    @Override
    public int vocabulary() {
        return probabilities.length;
    }

    @Override
    public int contextLength() {
        return 64;
    }

    @Override
    public int chunk() {
        return chunk;
    }

    @Override
    public void begin(int length) {
        begun++;
    }

    /** Logits shifted by another number in each row, which must not matter. */
    @Override
    public float[] next(int[] tokens) {
        var logits = new float[tokens.length * vocabulary() + 3];
        for (int i = 0; i < tokens.length; i++) {
            for (int t = 0; t < vocabulary(); t++) {
                logits[i * vocabulary() + t] = (float) (Math.log(probabilities[tokens[i]][t]) + 50 * i - 200);
            }
        }
        read += tokens.length;
        largestCall = Math.max(largestCall, tokens.length);
        return logits;
    }
}
