package awq4j.eval.speed;

import awq4j.kernel.KvBuffer.KvPrecision;

/**
 * What one measurement runs.
 *
 * @param promptTokens of the prompt, at least 1
 * @param replyTokens that are decoded behind the first one, at least 1
 * @param depth tokens that are in the context when decoding begins; equal to {@code promptTokens} for a reply to the
 *     prompt, 1 or less for an empty context
 * @param runs that count, at least 1; those that warm up come before
 * @param kv how keys and values are kept
 * @param leastRegionBytes memory, beside the model's, to measure reads from; more if a token reads more. It should be
 *     several times what the caches hold. At least a mebibyte
 * @param mostRegionBytes but never more than this
 */
public record SpeedSettings(
        int promptTokens,
        int replyTokens,
        int depth,
        int runs,
        KvPrecision kv,
        long leastRegionBytes,
        long mostRegionBytes) {
    /** Far more than most caches hold; of those that hold more, a core has only a part. */
    public static final long REGION_BYTES = 1L << 30;

    /** A prompt of 512 tokens, a reply of 128 to it, three times. */
    public static final SpeedSettings DEFAULT =
            new SpeedSettings(512, 128, 512, 3, KvPrecision.F16, REGION_BYTES, 4 * REGION_BYTES);

    /** @throws IllegalArgumentException if a number is outside its range */
    public SpeedSettings {
        positive("prompt", promptTokens);
        positive("generate", replyTokens);
        positive("runs", runs);
        if (Math.min(leastRegionBytes, mostRegionBytes) < 1 << 20) {
            throw new IllegalArgumentException(
                    "reads need a mebibyte of memory, were given " + Math.min(leastRegionBytes, mostRegionBytes));
        }
        if (depth < 0) {
            throw new IllegalArgumentException("depth must not be negative, was " + depth);
        }
        if ((long) Math.max(promptTokens, depth) + replyTokens >= Integer.MAX_VALUE) {
            throw new IllegalArgumentException("no model has a context of " + promptTokens + " + " + replyTokens);
        }
    }

    private static void positive(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be positive, was " + value);
        }
    }

    /** Less of both, for warming up. */
    SpeedSettings brief(int mostPrompt, int mostReply) {
        int prompt = Math.min(mostPrompt, promptTokens);
        return new SpeedSettings(
                prompt, Math.min(mostReply, replyTokens), prompt, 1, kv, leastRegionBytes, mostRegionBytes);
    }

    /** Whether decoding goes on behind the prompt. */
    boolean continues() {
        return depth == promptTokens;
    }

    /** Positions that a sequence has to hold. */
    public int positions() {
        return Math.max(promptTokens, depth) + replyTokens + 1;
    }
}
