package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;

/** The intermediate values of a mixture of experts, for the largest batch; all blocks with such experts share one. */
final class ExpertRoom {
    /** What blocks must have in common to share a room. */
    record Shape(int hidden, int experts, int chosen, int width, int sharedWidth) {
        static Shape of(Mlp.Experts mlp) {
            return new Shape(
                    mlp.router().columns(),
                    mlp.experts().size(),
                    mlp.chosen(),
                    mlp.width(),
                    mlp.shared() == null ? 0 : mlp.shared().mlp().up().rows());
        }
    }

    private final Backend backend;
    private final Routing routing;
    private final float[] outputs;
    private final Buffer scores;
    private final Rows all;
    private final Rows shared;
    private final Buffer sharedScore;
    private final float[] sharedWeights;
    private final int[] everyRow;
    private Rows latest;
    private Rows latestShared;

    /** Buffers for the tokens of one expert. */
    record Rows(int count, Buffer in, Buffer wide, Buffer wideUp, Buffer out) {
        private Rows view(int wanted) {
            return new Rows(wanted, in.view(wanted), wide.view(wanted), wideUp.view(wanted), out.view(wanted));
        }
    }

    ExpertRoom(Backend backend, Shape shape, int maxRows) {
        this.backend = backend;
        routing = new Routing(maxRows, shape.experts(), shape.chosen());
        outputs = new float[Math.multiplyExact(maxRows, shape.experts())];
        scores = backend.allocate(maxRows, shape.experts());
        all = new Rows(
                maxRows,
                backend.allocate(maxRows, shape.hidden()),
                backend.allocate(maxRows, shape.width()),
                backend.allocate(maxRows, shape.width()),
                backend.allocate(maxRows, shape.hidden()));
        shared = new Rows(
                maxRows,
                all.in(),
                backend.allocate(maxRows, shape.sharedWidth()),
                backend.allocate(maxRows, shape.sharedWidth()),
                all.out());
        sharedScore = backend.allocate(maxRows, 1);
        sharedWeights = new float[maxRows];
        everyRow = new int[maxRows];
        java.util.Arrays.setAll(everyRow, i -> i);
        latest = all;
        latestShared = shared;
    }

    /** Where the router's outputs go. */
    Buffer scores(int tokens) {
        return scores.view(tokens);
    }

    /** Chooses by what lies in {@link #scores}. */
    Routing route(int tokens, boolean renormalized) {
        backend.read(scores.view(tokens), outputs);
        routing.choose(outputs, tokens, renormalized);
        return routing;
    }

    /** Buffers for an expert's tokens; the same as last time if those were as many. */
    Rows rows(int count) {
        if (latest.count() != count) {
            latest = all.view(count);
        }
        return latest;
    }

    /** The same for the shared expert. */
    Rows shared(int count) {
        if (latestShared.count() != count) {
            latestShared = shared.view(count);
        }
        return latestShared;
    }

    /** Where the output of the shared expert's gate goes, [tokens, 1]. */
    Buffer sharedScore(int tokens) {
        return sharedScore.view(tokens);
    }

    /** The sigmoids of what lies in {@link #sharedScore}. */
    float[] sharedWeights(int tokens) {
        backend.read(sharedScore.view(tokens), sharedWeights);
        for (int i = 0; i < tokens; i++) {
            sharedWeights[i] = (float) (1 / (1 + Math.exp(-sharedWeights[i])));
        }
        return sharedWeights;
    }

    /** The numbers from 0 on. */
    int[] everyRow() {
        return everyRow;
    }
}
