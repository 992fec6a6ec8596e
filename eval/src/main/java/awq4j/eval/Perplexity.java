package awq4j.eval;

import awq4j.eval.Windows.Piece;

/**
 * How well a model predicts a text: e to the mean loss, by the protocol that GPTQ, llm-awq and AutoAWQ share, so that
 * numbers compare.
 *
 * <p>The text is tokenized once and cut into windows; each is read by itself, positions from 0, without a beginning
 * token of its own. A window's loss is the mean over the tokens after its first; the result is e to the mean of these.
 */
public final class Perplexity {
    private Perplexity() {}

    /**
     * What was measured.
     *
     * @param perplexity e to the loss
     * @param loss mean negative log likelihood of a token, in nats
     * @param window tokens of a window
     * @param windows how many were measured
     * @param tokens how many were predicted in them
     */
    public record Result(Estimate perplexity, Estimate loss, int window, int windows, long tokens) {
        static Result of(WindowMeans losses, Windows text) {
            Estimate loss = losses.estimate();
            return new Result(loss.exp(), loss, text.size(), text.count(), text.predictions());
        }
    }

    /**
     * Measures. Holds the logits of one chunk at a time.
     *
     * @throws IllegalArgumentException if a window is longer than the model's context, or has tokens it does not know
     * @throws IllegalStateException if the model's logits are not finite; the message says where
     */
    public static Result measure(Predictor model, Windows text, Progress progress) {
        int vocabulary = model.vocabulary();
        text.requireWithin(vocabulary);
        var losses = new WindowMeans(text);
        for (int window = 0; window < text.count(); window++) {
            model.begin(text.size());
            for (Piece piece : text.pieces(window, model.chunk())) {
                float[] logits = model.next(piece.tokens());
                for (int i = 0; i < piece.length(); i++) {
                    if (!text.measures(piece, i)) {
                        continue;
                    }
                    double total = Logits.logSumExp(logits, i * vocabulary, vocabulary);
                    losses.add(Logits.loss(total, logits[i * vocabulary + piece.targets()[i]], piece, i));
                }
                progress.at(losses.done(), text.predictions(), Math.exp(losses.soFar()));
            }
        }
        return Result.of(losses, text);
    }
}
