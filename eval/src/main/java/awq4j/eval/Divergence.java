package awq4j.eval;

import awq4j.eval.Logits.Comparison;
import awq4j.eval.Windows.Piece;
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
     * @param agreement share of predictions for which both hold the same token for the likeliest
     * @param a of the first model, on the same tokens
     * @param b of the second
     */
    public record Result(Estimate divergence, Estimate agreement, Perplexity.Result a, Perplexity.Result b) {}

    /**
     * Measures. Holds the logits of one chunk of each model at a time.
     *
     * @throws IllegalArgumentException if the vocabularies differ, a window is longer than a model's context, or it has
     *     tokens that they do not know
     * @throws IllegalStateException if a model's logits are not finite; the message says where
     */
    public static Result measure(Predictor a, Predictor b, Windows text, Progress progress) {
        int vocabulary = sharedVocabulary(a, b);
        text.requireWithin(vocabulary);
        var divergences = new WindowMeans(text);
        var agreements = new WindowMeans(text);
        var lossesA = new WindowMeans(text);
        var lossesB = new WindowMeans(text);
        int chunk = Math.min(a.chunk(), b.chunk());
        for (int window = 0; window < text.count(); window++) {
            for (Predictor model : List.of(a, b)) {
                model.begin(text.size());
            }
            for (Piece piece : text.pieces(window, chunk)) {
                float[] logitsA = a.next(piece.tokens());
                float[] logitsB = b.next(piece.tokens());
                for (int i = 0; i < piece.length(); i++) {
                    int target = i * vocabulary + piece.targets()[i];
                    Comparison row = Logits.compare(logitsA, logitsB, i * vocabulary, vocabulary);
                    lossesA.add(Logits.loss(row.logSumExpA(), logitsA[target], piece, i));
                    lossesB.add(Logits.loss(row.logSumExpB(), logitsB[target], piece, i));
                    divergences.add(row.divergence());
                    agreements.add(row.sameLargest() ? 1 : 0);
                }
                progress.at(divergences.done(), text.predictions(), divergences.soFar());
            }
        }
        return new Result(
                divergences.estimate(),
                agreements.estimate(),
                Perplexity.Result.of(lossesA, text),
                Perplexity.Result.of(lossesB, text));
    }

    private static int sharedVocabulary(Predictor a, Predictor b) {
        if (a.vocabulary() != b.vocabulary()) {
            throw new IllegalArgumentException("the models have vocabularies of " + a.vocabulary() + " and "
                    + b.vocabulary() + " tokens; only models of one vocabulary can be compared");
        }
        return a.vocabulary();
    }
}
