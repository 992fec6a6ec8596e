package awq4j.eval;

import awq4j.eval.Logits.Comparison;
import awq4j.eval.Windows.Piece;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** One pass of a reference and other models over a text, all at the same place. */
final class DivergencePass {
    /** Rows that a thread takes at a time. */
    private static final int STRIPE = 32;

    private final Predictor reference;
    private final Windows text;
    private final int chunk;
    private final WindowMeans losses;
    private final List<Other> others;

    /** A model that is compared, and what was seen of it. */
    private record Other(
            Predictor model,
            WindowMeans losses,
            WindowMeans divergences,
            WindowMeans agreements,
            WindowMeans excesses) {
        Other(Predictor model, Windows text) {
            this(model, new WindowMeans(text), new WindowMeans(text), new WindowMeans(text), new WindowMeans(text));
        }

        void see(Comparison row, double loss, double referenceLoss) {
            losses.add(loss);
            excesses.add(loss - referenceLoss);
            divergences.add(row.divergence());
            agreements.add(row.sameLargest() ? 1 : 0);
        }
    }

    DivergencePass(Predictor reference, List<Predictor> models, Windows text) {
        this.reference = reference;
        this.text = text;
        chunk = models.stream().mapToInt(Predictor::chunk).reduce(reference.chunk(), Math::min);
        losses = new WindowMeans(text);
        others = models.stream().map(model -> new Other(model, text)).toList();
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
            compare(piece, logits, otherLogits);
            progress.at(
                    losses.done(),
                    text.predictions(),
                    others.isEmpty()
                            ? Double.NaN
                            : others.getFirst().divergences().soFar());
        }
    }

    /** Rows are compared side by side and counted in order, so that sums do not depend on threads. */
    private void compare(Piece piece, float[] logits, List<float[]> otherLogits) {
        int vocabulary = reference.vocabulary();
        double[] sums = new double[piece.length()];
        var compared = new Comparison[piece.length()][others.size()];
        IntStream.range(0, Math.ceilDiv(piece.length(), STRIPE)).parallel().forEach(stripe -> {
            var row = new Logits.Reference(vocabulary);
            int end = Math.min(piece.length(), (stripe + 1) * STRIPE);
            for (int i = stripe * STRIPE; i < end; i++) {
                if (!text.measures(piece, i)) {
                    continue;
                }
                row.take(logits, i * vocabulary);
                sums[i] = row.logSumExp();
                for (int m = 0; m < others.size(); m++) {
                    compared[i][m] = row.with(otherLogits.get(m));
                }
            }
        });
        for (int i = 0; i < piece.length(); i++) {
            if (!text.measures(piece, i)) {
                continue;
            }
            int target = i * vocabulary + piece.targets()[i];
            double loss = Logits.loss(sums[i], logits[target], piece, i);
            losses.add(loss);
            for (int m = 0; m < others.size(); m++) {
                Comparison row = compared[i][m];
                others.get(m).see(row, Logits.loss(row.logSumExp(), otherLogits.get(m)[target], piece, i), loss);
            }
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
                        Perplexity.Result.of(other.losses(), text),
                        other.excesses().estimate()))
                .toList();
    }
}
