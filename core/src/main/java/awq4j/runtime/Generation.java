package awq4j.runtime;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** The loop that turns a prompt's tokens into a reply's: run, choose, repeat. Knows nothing of text. */
public final class Generation {
    private final Sequence sequence;
    private final Sampling sampling;
    private final Set<Integer> endTokens;
    private final IntPredicate onToken;
    private final BooleanSupplier cancelled;
    private final BooleanSupplier afterPrompt;
    private final Largest largest = new Largest();
    private final List<TokenLogprob> logprobs = new ArrayList<>();
    private int[] reply = new int[64];
    private int count;
    private int chosen;
    private long first;
    private long last;

    /**
     * What came of it.
     *
     * @param tokens of the reply, without the end token
     * @param reusedTokens tokens of the prompt that did not have to run
     * @param logprobs one for each token of the reply, or empty if not asked for
     * @param seed that gives the same reply again; of no meaning to greedy choice
     */
    public record Outcome(
            int[] tokens,
            int reusedTokens,
            FinishReason finish,
            Timings timings,
            List<TokenLogprob> logprobs,
            long seed) {
        /** Copies the list. */
        public Outcome {
            logprobs = List.copyOf(logprobs);
        }
    }

    private Generation(
            Sequence sequence,
            Sampling sampling,
            Set<Integer> endTokens,
            IntPredicate onToken,
            BooleanSupplier cancelled,
            BooleanSupplier afterPrompt) {
        this.sequence = sequence;
        this.sampling = sampling;
        this.endTokens = endTokens;
        this.onToken = onToken;
        this.cancelled =
                () -> cancelled.getAsBoolean() || Thread.currentThread().isInterrupted();
        this.afterPrompt = afterPrompt;
    }

    /**
     * Generates a reply.
     *
     * @param sequence re-used as far as it begins with the prompt; holds prompt and reply afterwards, except the reply's
     *     last token
     * @param endTokens that end a reply, besides {@link Sampling#stopTokens}
     * @param onToken sees each token of the reply; false ends it behind that token ({@link FinishReason#STOP_STRING})
     * @param cancelled asked between tokens and between chunks of the prompt; an interrupt of the thread cancels, too
     * @throws IllegalArgumentException if the prompt is empty or leaves no room in the context, or if the model gives
     *     no usable logits
     */
    public static Outcome run(
            Sequence sequence,
            int[] prompt,
            Sampling sampling,
            Set<Integer> endTokens,
            IntPredicate onToken,
            BooleanSupplier cancelled) {
        return run(sequence, prompt, sampling, endTokens, onToken, cancelled, () -> false);
    }

    /**
     * The same with a look at the model between prompt and reply.
     *
     * @param afterPrompt whether the model's numbers were replaced: then the prompt runs again
     */
    public static Outcome run(
            Sequence sequence,
            int[] prompt,
            Sampling sampling,
            Set<Integer> endTokens,
            IntPredicate onToken,
            BooleanSupplier cancelled,
            BooleanSupplier afterPrompt) {
        check(prompt, sequence.limit());
        return new Generation(sequence, sampling, endTokens, onToken, cancelled, afterPrompt).run(prompt);
    }

    /** Complains about a prompt that is empty or leaves no room. */
    static void check(int[] prompt, int context) {
        if (prompt.length == 0) {
            throw new IllegalArgumentException("the prompt is empty: the model needs at least one token to go on from");
        }
        if (prompt.length >= context) {
            throw new IllegalArgumentException("the prompt has " + prompt.length + " tokens and the context holds "
                    + context + ", which leaves none for a reply: shorten the prompt, or open the model with a longer"
                    + " context");
        }
    }

    private Outcome run(int[] prompt) {
        long start = System.nanoTime();
        first = start;
        last = start;
        long seed = sampling.seed().orElseGet(Generation::freshSeed);
        int reused = sequence.keepPrefixOf(prompt);
        float[] logits = new float[sequence.vocabulary()];
        boolean ran = sequence.append(prompt, reused, logits, cancelled);
        if (ran && afterPrompt.getAsBoolean()) {
            reused = sequence.keepPrefixOf(prompt);
            ran = sequence.append(prompt, reused, logits, cancelled);
        }
        FinishReason finish = ran
                ? reply(logits, new Sampler(sampling, prompt, logits.length, seed), sequence.limit() - prompt.length)
                : FinishReason.CANCELLED;
        var timings = new Timings(
                prompt.length - reused, chosen, Duration.ofNanos(first - start), Duration.ofNanos(last - start));
        return new Outcome(Arrays.copyOf(reply, count), reused, finish, timings, logprobs, seed);
    }

    /**
     * Chooses token after token.
     *
     * @param logits of the prompt's last token; every later one's take their place
     * @param room tokens that fit into the context
     */
    private FinishReason reply(float[] logits, Sampler sampler, int room) {
        boolean scored = sampling.logprobs() != Sampling.NO_LOGPROBS;
        float[] raw =
                scored ? new float[logits.length] : logits; // penalties change what is chosen from, not what is told
        while (true) {
            if (scored) {
                System.arraycopy(logits, 0, raw, 0, logits.length);
            }
            int token = sampler.next(logits);
            last = System.nanoTime();
            first = chosen++ == 0 ? last : first;
            FinishReason finish = accept(token, raw, room);
            if (finish != null) {
                return finish;
            }
            if (cancelled.getAsBoolean()) {
                return FinishReason.CANCELLED;
            }
            sequence.append(new int[] {token}, 0, logits, () -> false);
        }
    }

    /** Why the reply ends with this token; null if it goes on. */
    private @Nullable FinishReason accept(int token, float[] logits, int room) {
        if (endTokens.contains(token) || sampling.stopTokens().contains(token)) {
            return FinishReason.END;
        }
        if (count == reply.length) {
            reply = Arrays.copyOf(reply, 2 * count);
        }
        reply[count++] = token;
        if (sampling.logprobs() != Sampling.NO_LOGPROBS) {
            logprobs.add(Logits.score(logits, token, sampling.logprobs(), largest));
        }
        if (!onToken.test(token)) {
            return FinishReason.STOP_STRING;
        }
        if (count >= sampling.maxTokens()) {
            return FinishReason.MAX_TOKENS;
        }
        return count >= room ? FinishReason.CONTEXT_FULL : null;
    }

    /** A seed nobody asked for; short, so that it can be typed. */
    private static long freshSeed() {
        return new SplitMix(System.nanoTime() ^ System.currentTimeMillis() << 20).nextLong() >>> 32;
    }
}
