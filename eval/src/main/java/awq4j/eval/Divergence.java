package awq4j.eval;

import java.util.List;

/**
 * How far model B is from model A, of the same vocabulary, on a text: the Kullback-Leibler divergence of what they
 * predict. Windows are those of {@link Perplexity}. It sees any change of any prediction, so it tells a quantized model
 * from its original where perplexities differ by less than their error.
 */
public final class Divergence {
    private Divergence() {}

    /**
     * What was measured.
     *
     * @param divergence mean of KL(A || B) over predictions, in nats
     * @param windows the same mean over each window, [windows]; for comparisons of models on the same text
     * @param agreement share of predictions for which both hold the same token for the likeliest
     * @param a of the first model, on the same tokens
     * @param b of the second
     * @param excess what a prediction costs the second more than the first, in nats: the logarithm of the ratio of their
     *     perplexities. Its error is that of differences on the same tokens, far less than that of either perplexity
     */
    public record Result(
            Estimate divergence,
            List<Double> windows,
            Estimate agreement,
            Perplexity.Result a,
            Perplexity.Result b,
            Estimate excess) {
        /** Copies the list. */
        public Result {
            windows = List.copyOf(windows);
        }

        /**
         * How much more this model diverges than another on the same windows; the error is that of the mean of their
         * differences, which is smaller than those of both as far as they suffer from the same windows.
         *
         * @throws IllegalArgumentException if there were other windows
         */
        public Estimate against(Result other) {
            if (other.windows.size() != windows.size()) {
                throw new IllegalArgumentException(
                        windows.size() + " windows and " + other.windows.size() + " are not the same");
            }
            double[] differences = new double[windows.size()];
            for (int i = 0; i < differences.length; i++) {
                differences[i] = windows.get(i) - other.windows.get(i);
            }
            return Estimate.of(differences);
        }

        /** By how many percent the second perplexity is above the first. */
        public Estimate rise() {
            Estimate ratio = excess.exp();
            return new Estimate(100 * (ratio.value() - 1), 100 * ratio.standardError());
        }
    }

    /**
     * Measures one model. Holds the logits of one chunk of each model at a time.
     *
     * @throws IllegalArgumentException if the vocabularies differ, a window is longer than a model's context, or it has
     *     tokens that they do not know
     * @throws IllegalStateException if a model's logits are not finite; the message says where
     */
    public static Result measure(Predictor a, Predictor b, Windows text, Progress progress) {
        return measure(a, List.of(b), text, progress).getFirst();
    }

    /**
     * Measures several models in one pass over the text.
     *
     * @return one result for each of {@code others}, in their order
     * @throws IllegalArgumentException as with one
     * @throws IllegalStateException as with one
     */
    public static List<Result> measure(Predictor a, List<Predictor> others, Windows text, Progress progress) {
        for (Predictor b : others) {
            requireSameVocabulary(a, b);
        }
        text.requireWithin(a.vocabulary());
        var pass = new DivergencePass(a, others, text);
        for (int window = 0; window < text.count(); window++) {
            pass.window(window, progress);
        }
        return pass.results();
    }

    private static void requireSameVocabulary(Predictor a, Predictor b) {
        if (a.vocabulary() != b.vocabulary()) {
            throw new IllegalArgumentException("the models have vocabularies of " + a.vocabulary() + " and "
                    + b.vocabulary() + " tokens; only models of one vocabulary can be compared");
        }
    }
}
