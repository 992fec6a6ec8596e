package awq4j.runtime;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The search for the likeliest reply that follows several at once, as transformers 5 does it: of all tokens behind all
 * beams the best go on, those that end are set aside with their scores. Knows nothing of text. Of equal scores the one
 * of the better beam comes first, then the lower token.
 */
public final class BeamSearch {
    private static final Comparator<Beam> LIKELIEST =
            Comparator.comparingDouble(Beam::sum).reversed();
    private static final Comparator<Complete> BEST =
            Comparator.comparingDouble(Complete::score).reversed();

    private final Supplier<Sequence> fresh;
    private final Beams beams;
    private final Set<Integer> endTokens;
    /** Candidates of a step: so many that {@code beams} are left when every beam offers each end token. */
    private final int kept;

    private final Largest largest = new Largest();
    private final ArrayDeque<Sequence> spare = new ArrayDeque<>();
    private List<Beam> candidates = new ArrayList<>();
    /** Those that go on; [i] is what the i-th of {@code sequences} holds, except its last token. */
    private List<Beam> running = List.of();

    private List<Sequence> sequences = new ArrayList<>();
    private List<Complete> complete = new ArrayList<>();

    /**
     * What was found.
     *
     * @param tokens of the best reply, without the end token
     * @param score of the best reply, see {@link Beams#lengthPenalty}; 0 if it was cancelled before the first token
     * @param logprobs one for each token, without alternatives
     */
    public record Outcome(
            int[] tokens, double score, FinishReason finish, Timings timings, List<TokenLogprob> logprobs) {
        /** Copies the list. */
        public Outcome {
            logprobs = List.copyOf(logprobs);
        }
    }

    /**
     * A reply, last token first: replies that begin alike share their beginnings.
     *
     * @param parent place among {@code sequences} of the one that holds {@code before}
     */
    private record Beam(@Nullable Beam before, int parent, int token, double logprob, double sum, int length) {}

    private record Complete(Beam beam, double score, FinishReason finish) {}

    private BeamSearch(Supplier<Sequence> fresh, Beams beams, Set<Integer> endTokens) {
        this.fresh = fresh;
        this.beams = beams;
        this.endTokens = endTokens;
        this.kept = Math.multiplyExact(Math.max(2, 1 + endTokens.size()), beams.count());
    }

    /**
     * Searches for a reply.
     *
     * @param fresh makes empty sequences of one model, as many as there are beams
     * @param endTokens that end a reply
     * @param cancelled asked between tokens and between chunks of the prompt; an interrupt of the thread cancels, too.
     *     The outcome is then the best there is
     * @throws IllegalArgumentException as {@link Generation#run}
     */
    public static Outcome run(
            Supplier<Sequence> fresh, int[] prompt, Beams beams, Set<Integer> endTokens, BooleanSupplier cancelled) {
        return new BeamSearch(fresh, beams, endTokens)
                .run(
                        prompt,
                        () -> cancelled.getAsBoolean() || Thread.currentThread().isInterrupted());
    }

    private Outcome run(int[] prompt, BooleanSupplier cancelled) {
        long start = System.nanoTime();
        Sequence first = fresh.get();
        Generation.check(prompt, first.limit());
        int room = first.limit() - prompt.length;
        float[] logits = new float[first.vocabulary()];
        if (!first.append(prompt, 0, logits, cancelled)) {
            return outcome(null, FinishReason.CANCELLED, prompt.length, start, start);
        }
        sequences.add(first);
        expand(null, 0, logits);
        long chosen = System.nanoTime();
        int most = Math.min(beams.maxTokens(), room);
        FinishReason full = beams.maxTokens() <= room ? FinishReason.MAX_TOKENS : FinishReason.CONTEXT_FULL;
        for (int length = 1; ; length++) {
            sort(length < most ? null : full);
            if (length == most || settled(length)) {
                break;
            }
            if (cancelled.getAsBoolean()) {
                Beam best = complete.isEmpty()
                        ? running.getFirst()
                        : complete.getFirst().beam();
                return outcome(best, FinishReason.CANCELLED, prompt.length, start, chosen);
            }
            step();
        }
        Complete best = complete.getFirst();
        return outcome(best.beam(), best.finish(), prompt.length, start, chosen);
    }

    /** The best tokens behind one beam become candidates; no other can be among the best of all beams. */
    private void expand(@Nullable Beam before, int parent, float[] logits) {
        double logSumExp = Logits.logSumExp(logits);
        int[] tokens = largest.of(logits, kept);
        double sum = before == null ? 0 : before.sum();
        int length = before == null ? 1 : before.length() + 1;
        for (int i = 0; i < largest.size(); i++) {
            double logprob = logits[tokens[i]] - logSumExp;
            candidates.add(new Beam(before, parent, tokens[i], logprob, sum + logprob, length));
        }
    }

    /**
     * Sets those aside that are complete and lets the best others go on.
     *
     * @param full why all of them are complete; null if only an end token makes them so
     */
    private void sort(@Nullable FinishReason full) {
        candidates.sort(LIKELIEST);
        var next = new ArrayList<Beam>();
        for (int rank = 0; rank < Math.min(kept, candidates.size()); rank++) {
            Beam beam = candidates.get(rank);
            FinishReason finish = endTokens.contains(beam.token()) ? FinishReason.END : full;
            if (finish == null && next.size() < beams.count()) {
                next.add(beam);
            } else if (finish != null && rank < beams.count()) {
                complete.add(new Complete(beam, beams.score(beam.sum(), beam.length()), finish));
            }
        }
        complete.sort(BEST);
        complete = new ArrayList<>(complete.subList(0, Math.min(beams.count(), complete.size())));
        running = next;
        candidates = new ArrayList<>();
    }

    /** Whether nothing that goes on is worth it. */
    private boolean settled(int length) {
        if (running.isEmpty()) {
            return true;
        }
        return complete.size() == beams.count()
                && (beams.earlyStopping()
                        || beams.score(running.getFirst().sum(), length)
                                <= complete.getLast().score());
    }

    /** Runs the last tokens of those that go on, each behind keys and values of its own. */
    private void step() {
        follow();
        int[] tokens = running.stream().mapToInt(Beam::token).toArray();
        Sequence.step(sequences, tokens, (i, row) -> expand(running.get(i), i, row));
    }

    /** The first to go on from a beam takes its sequence over, the others copies. */
    private void follow() {
        var parents = new HashSet<Integer>();
        running.forEach(beam -> parents.add(beam.parent()));
        for (int i = 0; i < sequences.size(); i++) {
            if (!parents.contains(i)) {
                spare.add(sequences.get(i));
            }
        }
        var next = new ArrayList<Sequence>();
        for (Beam beam : running) {
            Sequence parent = sequences.get(beam.parent());
            if (parents.remove(beam.parent())) {
                next.add(parent);
            } else {
                Sequence copy = spare.isEmpty() ? fresh.get() : spare.remove();
                copy.copyFrom(parent);
                next.add(copy);
            }
        }
        sequences = next;
    }

    private Outcome outcome(@Nullable Beam best, FinishReason finish, int promptTokens, long start, long chosen) {
        long end = best == null ? start : System.nanoTime();
        int length = best == null ? 0 : best.length();
        var timings =
                new Timings(promptTokens, length, Duration.ofNanos(chosen - start), Duration.ofNanos(end - start));
        boolean ended = best != null && endTokens.contains(best.token());
        int[] tokens = new int[length];
        var logprobs = new ArrayList<TokenLogprob>();
        for (Beam beam = best; beam != null; beam = beam.before()) {
            tokens[beam.length() - 1] = beam.token();
            logprobs.addFirst(new TokenLogprob(beam.token(), beam.logprob(), List.of()));
        }
        double score = best == null ? 0 : beams.score(best.sum(), length);
        return ended
                ? new Outcome(
                        Arrays.copyOf(tokens, length - 1), score, finish, timings, logprobs.subList(0, length - 1))
                : new Outcome(tokens, score, finish, timings, logprobs);
    }
}
