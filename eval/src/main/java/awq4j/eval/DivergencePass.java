package awq4j.eval;

import awq4j.eval.Logits.Comparison;
import awq4j.eval.Windows.Piece;
import java.util.ArrayList;
import java.util.List;

/** One pass of a reference and other models over a text, all at the same place. */
final class DivergencePass {
    private final Predictor reference;
    private final Windows text;
    private final int chunk;
    private final WindowMeans losses;
    private final Logits.Reference row;
    private final List<Other> others;

    /** A model that is compared, and what was seen of it. */
    private record Other(Predictor model, WindowMeans losses, WindowMeans divergences, WindowMeans agreements) {
        void see(Comparison row, double loss) {
            losses.add(loss);
            divergences.add(row.divergence());
            agreements.add(row.sameLargest() ? 1 : 0);
        }
    }

    DivergencePass(Predictor reference, List<Predictor> models, Windows text) {
        this.reference = reference;
        this.text = text;
        chunk = models.stream().mapToInt(Predictor::chunk).reduce(reference.chunk(), Math::min);
        losses = new WindowMeans(text);
        row = new Logits.Reference(reference.vocabulary());
        others = models.stream()
                .map(model -> new Other(model, new WindowMeans(text), new WindowMeans(text), new WindowMeans(text)))
                .toList();
    }

    void window(int window, Progress progress) {
        reference.begin(text.size());
        others.forEach(other -> other.model().begin(text.size()));
        for (Piece piece : text.pieces(window, chunk)) {
            float[] logits = reference.next(piece.tokens());
            var otherLogits = new ArrayList<float[]>();
            for (Other other : others) {
                otherLogits.add(other.model().next(piece.tokens()));
            }
            for (int i = 0; i < piece.length(); i++) {
                if (text.measures(piece, i)) {
                    row(piece, i, logits, otherLogits);
                }
            }
            progress.at(
                    losses.done(),
                    text.predictions(),
                    others.isEmpty()
                            ? Double.NaN
                            : others.getFirst().divergences().soFar());
        }
    }

    private void row(Piece piece, int i, float[] logits, List<float[]> otherLogits) {
        int offset = i * reference.vocabulary();
        int target = offset + piece.targets()[i];
        row.take(logits, offset);
        losses.add(Logits.loss(row.logSumExp(), logits[target], piece, i));
        for (int m = 0; m < others.size(); m++) {
            float[] other = otherLogits.get(m);
            Comparison compared = row.with(other);
            others.get(m).see(compared, Logits.loss(compared.logSumExp(), other[target], piece, i));
        }
    }

    List<Divergence.Result> results() {
        Perplexity.Result a = Perplexity.Result.of(losses, text);
        return others.stream()
                .map(other -> new Divergence.Result(
                        other.divergences().estimate(),
                        other.divergences().windows(),
                        other.agreements().estimate(),
                        a,
                        Perplexity.Result.of(other.losses(), text)))
                .toList();
    }
}
