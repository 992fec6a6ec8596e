package awq4j.eval.speed;

/**
 * How fast a model ran, and what the machine could do meanwhile.
 *
 * @param backend what it ran on, for example {@code cpu/vector 512 bit, 2 threads}
 * @param threads that computed
 * @param settings what was run
 * @param packed whether the weights came from a file of packed ones
 * @param loadSeconds from opening until the model could run
 * @param prefill tokens of the prompt a second, by the time until the first token of the reply was chosen
 * @param decode tokens of the reply a second, from the second one on, choosing them included
 * @param firstTokenMillis from prompt to the first token of the reply
 * @param memory most that the process took while it loaded and ran the model
 * @param allocatedBytesPerToken that Java code allocated while it decoded, on all threads
 * @param gcMillis that the garbage collector took in all runs that count
 * @param gcCount how often it ran
 * @param weightBytesPerToken weights and scales that a token's pass reads
 * @param kvBytesPerToken keys and values that it reads, the mean over the reply
 * @param work of the linears
 * @param ceilings of the machine, measured between the runs
 * @param processorShare of the threads' time in which they had a processor, 0 to 1; less than 1 where others had it, or
 *     where threads wait for each other; NaN of runs too short to tell
 * @param warmUps runs until two of them agreed
 */
public record SpeedResult(
        String backend,
        int threads,
        SpeedSettings settings,
        boolean packed,
        double loadSeconds,
        Spread prefill,
        Spread decode,
        Spread firstTokenMillis,
        MemoryPeak memory,
        double allocatedBytesPerToken,
        long gcMillis,
        long gcCount,
        long weightBytesPerToken,
        double kvBytesPerToken,
        ModelWork work,
        Ceilings ceilings,
        double processorShare,
        int warmUps) {
    /**
     * The machine's limits.
     *
     * @param regionBytes memory that was read
     * @param readBytesPerSecond from memory
     * @param floatOperationsPerSecond in registers, a multiply-add counts as two
     * @param shortOperationsPerSecond of 16-bit integers, likewise
     */
    public record Ceilings(
            long regionBytes,
            Spread readBytesPerSecond,
            Spread floatOperationsPerSecond,
            Spread shortOperationsPerSecond) {}

    /** Bytes that decoding a token reads. */
    public double bytesPerToken() {
        return weightBytesPerToken + kvBytesPerToken;
    }

    /** Bytes a second that decoding reads. */
    public double decodeBytesPerSecond() {
        return decode.median() * bytesPerToken();
    }

    /** The part of the memory's bandwidth that decoding reaches. */
    public double decodeBandwidthShare() {
        return decodeBytesPerSecond() / ceilings.readBytesPerSecond().median();
    }

    /** Operations a second of the linears while the prompt runs. */
    public double prefillOperationsPerSecond() {
        return work.promptOperations(settings.promptTokens()) / (settings.promptTokens() / prefill.median());
    }

    /** The part of the floats' limit that the prompt reaches; more than 1 is possible in integers. */
    public double prefillFloatShare() {
        return prefillOperationsPerSecond()
                / ceilings.floatOperationsPerSecond().median();
    }

    /** The part of the 16-bit integers' limit that the prompt reaches. */
    public double prefillShortShare() {
        return prefillOperationsPerSecond()
                / ceilings.shortOperationsPerSecond().median();
    }
}
