package awq4j.runtime;

import awq4j.cache.SequenceCache;
import awq4j.kernel.Buffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.RopeScaling;
import awq4j.model.Rotary;
import awq4j.model.StepBatch;
import awq4j.model.Taps;
import awq4j.model.Transformer;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Tokens that ran through a model, with their keys and values, so that what follows them costs only itself. Knows
 * nothing of text. For one thread at a time, and one sequence of a model at a time.
 */
public final class Sequence {
    /** Most logits that are read at once where every position wants its row: 16 MiB. */
    private static final int LOGITS_AT_ONCE = 1 << 22;

    private final Transformer transformer;
    private final SequenceCache cache;
    /** The length beyond which LongRoPE turns all keys by other angles; no length for models without. */
    private final int turn;

    private int[] tokens = new int[64];
    private int length;

    /** Of the model's numbers that the stored keys and values were made with. */
    private int revision;

    /** Whether the keys that are stored were turned as those of a sequence beyond that length. */
    private boolean beyond;

    /**
     * An empty sequence.
     *
     * @param limit most tokens it may have
     */
    public Sequence(Transformer transformer, KvPrecision precision, int limit) {
        this.transformer = transformer;
        this.cache = transformer.newSequence(precision, limit);
        this.turn = transformer.spec().blocks().stream()
                .map(block -> block.attention().rotary())
                .map(rotary -> rotary != null && rotary.scaling() instanceof RopeScaling.LongRope stretched
                        ? stretched.originalPositions()
                        : Integer.MAX_VALUE)
                .min(Integer::compare)
                .orElse(Integer.MAX_VALUE);
    }

    /** Tokens that ran. */
    public int length() {
        return length;
    }

    /** Most tokens it may have. */
    public int limit() {
        return cache.limit();
    }

    /** Length of a row of logits. */
    public int vocabulary() {
        return transformer.spec().vocabulary();
    }

    /** Bytes that keys and values take now. */
    public long sizeBytes() {
        return cache.sizeBytes();
    }

    /**
     * Forgets what does not begin {@code wanted}, and always its last token, which has to run to say what comes next.
     *
     * @return how many tokens are left, all of them the first of {@code wanted}
     */
    public int keepPrefixOf(int[] wanted) {
        if (revision != transformer.revision()) {
            truncate(0);
            return 0;
        }
        int shared = 0;
        int most = Math.min(length, wanted.length - 1);
        while (shared < most && tokens[shared] == wanted[shared]) {
            shared++;
        }
        truncate(turnsWithLength(Math.max(wanted.length, cache.expected())) ? 0 : shared);
        return length;
    }

    /** Forgets everything; the memory is kept for what comes. */
    public void clear() {
        truncate(0);
    }

    /**
     * Runs tokens behind those that are there, a chunk at a time.
     *
     * @param from where in {@code added} to begin
     * @param logits receives the row of the last token, [vocabulary]; untouched if cancelled
     * @param cancelled asked between chunks
     * @return whether all ran; if not, those that did are part of the sequence
     * @throws IllegalArgumentException if a token is outside the vocabulary or the limit would be passed
     */
    public boolean append(int[] added, int from, float[] logits, BooleanSupplier cancelled) {
        announce(added.length - from);
        for (int at = from; at < added.length; at += transformer.chunk()) {
            if (cancelled.getAsBoolean()) {
                return false;
            }
            int end = Math.min(added.length, at + transformer.chunk());
            boolean last = end == added.length;
            Buffer row = run(Arrays.copyOfRange(added, at, end), last ? StepBatch.Logits.LAST : StepBatch.Logits.NONE);
            if (row != null) {
                transformer.backend().read(row, logits);
            }
        }
        return true;
    }

    /**
     * Runs tokens behind those that are there and shows the logits of every one.
     *
     * @throws IllegalArgumentException as {@link #append}
     */
    public void append(int[] added, LogitRows rows) {
        announce(added.length);
        int vocabulary = vocabulary();
        int chunk = Math.clamp(LOGITS_AT_ONCE / vocabulary, 1, transformer.chunk());
        float[] all = new float[Math.min(chunk, added.length) * vocabulary];
        float[] row = new float[vocabulary];
        for (int at = 0; at < added.length; at += chunk) {
            int[] part = Arrays.copyOfRange(added, at, Math.min(added.length, at + chunk));
            Buffer logits = run(part, StepBatch.Logits.ALL);
            if (logits == null) {
                throw new IllegalStateException("the forward pass gave no logits");
            }
            transformer.backend().read(logits, all);
            for (int i = 0; i < part.length; i++) {
                System.arraycopy(all, i * vocabulary, row, 0, vocabulary);
                rows.row(at + i, row);
            }
        }
    }

    /**
     * Runs one token behind each of several sequences of one model, all at once.
     *
     * @param tokens one for each sequence
     * @param rows sees the logits behind each token; its index is that of the sequence
     * @throws IllegalArgumentException as {@link #append}
     */
    static void step(List<Sequence> sequences, int[] tokens, LogitRows rows) {
        Transformer transformer = sequences.getFirst().transformer;
        int vocabulary = transformer.spec().vocabulary();
        sequences.forEach(sequence -> sequence.announce(1));
        float[] row = new float[vocabulary];
        for (int at = 0; at < tokens.length; at += transformer.chunk()) {
            int n = Math.min(transformer.chunk(), tokens.length - at);
            List<Sequence> some = sequences.subList(at, at + n);
            int[] places = IntStream.range(0, n).toArray();
            int[] positions = some.stream().mapToInt(Sequence::length).toArray();
            var batch = new StepBatch(Arrays.copyOfRange(tokens, at, at + n), positions, places, places);
            List<SequenceCache> caches = some.stream().map(it -> it.cache).toList();
            Buffer logits = Objects.requireNonNull(transformer.forward(batch, caches, Taps.NONE));
            float[] all = new float[n * vocabulary];
            transformer.backend().read(logits, all);
            for (int i = 0; i < n; i++) {
                some.get(i).add(new int[] {tokens[at + i]});
                System.arraycopy(all, i * vocabulary, row, 0, vocabulary);
                rows.row(at + i, row);
            }
        }
    }

    /** Takes over what another sequence of the same model holds, in place of what it held. */
    void copyFrom(Sequence other) {
        cache.copyFrom(other.cache);
        tokens = other.tokens.clone();
        length = other.length;
        revision = other.revision;
        beyond = other.beyond;
    }

    /** Sees the logits of tokens that run, in order. */
    @FunctionalInterface
    public interface LogitRows {
        /**
         * Sees one row.
         *
         * @param index of the token among those that run; the row speaks of the token after it
         * @param logits [vocabulary], valid during the call only; may be changed
         */
        void row(int index, float[] logits);
    }

    private void announce(int more) {
        if (cache.length() != length) {
            truncate(length); // a call that failed midway left positions that nobody counts
        }
        if (length + (long) more > limit()) {
            throw new IllegalArgumentException(
                    (length + (long) more) + " tokens are more than the context holds, which is " + limit()
                            + ": shorten the text, or open the model with a longer context");
        }
        boolean reaches = length + more > turn;
        if (reaches != beyond || revision != transformer.revision()) {
            beyond = reaches;
            revision = transformer.revision();
            runAgain(length + more);
        }
        cache.expect(length + more);
    }

    /** Runs the tokens that are there once more, as the first of a sequence of {@code reached} tokens. */
    private void runAgain(int reached) {
        int[] again = Arrays.copyOf(tokens, length);
        truncate(0);
        cache.expect(reached);
        for (int at = 0; at < again.length; at += transformer.chunk()) {
            run(Arrays.copyOfRange(again, at, Math.min(again.length, at + transformer.chunk())), StepBatch.Logits.NONE);
        }
    }

    private @Nullable Buffer run(int[] part, StepBatch.Logits wanted) {
        Buffer logits = transformer.forward(StepBatch.of(part, length, wanted), List.of(cache), Taps.NONE);
        add(part);
        return logits;
    }

    /** Counts tokens that ran. */
    private void add(int[] part) {
        if (length + part.length > tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.max(2 * tokens.length, length + part.length));
        }
        System.arraycopy(part, 0, tokens, length, part.length);
        length += part.length;
    }

    private void truncate(int positions) {
        cache.truncate(positions);
        length = positions;
    }

    /** Dynamic scaling turns earlier keys by angles that depend on the whole length: then none of them can stay. */
    private boolean turnsWithLength(int reached) {
        for (BlockSpec block : transformer.spec().blocks()) {
            Rotary rotary = block.attention().rotary();
            if (rotary != null
                    && rotary.scaling() instanceof RopeScaling.DynamicNtk dynamic
                    && reached > dynamic.maxPositions()) {
                return true;
            }
        }
        return false;
    }
}
