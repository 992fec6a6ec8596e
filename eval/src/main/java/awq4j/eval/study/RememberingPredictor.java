package awq4j.eval.study;

import awq4j.eval.Predictor;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A predictor that keeps the logits of texts it has read, as far as memory allows: the points of a study compare one
 * model after another with the same original on the same text. It answers what the predictor behind it answers.
 */
final class RememberingPredictor implements Predictor {
    private static final float[] FORGOTTEN = {};

    private final Predictor predictor;
    private final long room;
    private final Map<Integer, Step> starts = new HashMap<>();
    private final List<int[]> read = new ArrayList<>();
    private Step here = new Step(FORGOTTEN);
    private int length;
    private int caughtUp; // pieces of the text that the predictor behind has read as well, -1 if it has not begun
    private long held;
    private boolean full;

    /** The logits behind some tokens, and what is known of the pieces that were read next. */
    private record Step(float[] logits, Map<IntBuffer, Step> next) {
        Step(float[] logits) {
            this(logits, new HashMap<>());
        }
    }

    /** @param room bytes of logits to keep at most */
    RememberingPredictor(Predictor predictor, long room) {
        this.predictor = predictor;
        this.room = room;
    }

    @Override
    public int vocabulary() {
        return predictor.vocabulary();
    }

    @Override
    public int contextLength() {
        return predictor.contextLength();
    }

    @Override
    public int chunk() {
        return predictor.chunk();
    }

    @Override
    public void begin(int tokens) {
        if (tokens > contextLength()) {
            predictor.begin(tokens); // says what is wrong
        }
        length = tokens;
        here = starts.computeIfAbsent(tokens, key -> new Step(FORGOTTEN));
        read.clear();
        caughtUp = -1;
    }

    @Override
    public float[] next(int[] tokens) {
        int[] piece = tokens.clone();
        read.add(piece);
        Step known = here.next.get(IntBuffer.wrap(piece));
        if (known != null) {
            here = known;
            return known.logits;
        }
        float[] logits = catchUp();
        int count = Math.multiplyExact(piece.length, vocabulary());
        long bytes = (long) Float.BYTES * count;
        Step step = new Step(FORGOTTEN);
        full |= held + bytes > room; // from then on nothing is kept, so what follows something forgotten is not either
        if (!full) {
            held += bytes;
            step = new Step(Arrays.copyOf(logits, count));
            here.next.put(IntBuffer.wrap(piece), step);
        }
        here = step;
        return logits;
    }

    /** Has the predictor behind read what it has not, and answers its last. */
    private float[] catchUp() {
        if (caughtUp < 0) {
            predictor.begin(length);
            caughtUp = 0;
        }
        float[] logits = FORGOTTEN;
        while (caughtUp < read.size()) {
            logits = predictor.next(read.get(caughtUp));
            caughtUp++;
        }
        return logits;
    }
}
