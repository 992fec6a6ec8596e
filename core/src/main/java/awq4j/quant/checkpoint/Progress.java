package awq4j.quant.checkpoint;

import awq4j.quant.MemoryEstimate;

/** What a run tells while it goes on. */
public sealed interface Progress {
    /** The model's tensors are read once: hashed, and searched for numbers that cannot be. */
    record Checking(long bytesDone, long bytes) implements Progress {}

    /**
     * What lies ahead; nothing has been quantized yet.
     *
     * @param memory estimated peak
     * @param heapBytes what Java may use
     * @param diskBytes wanted beside the output at the peak, beyond what an unfinished run has there
     * @param resultBytes of the finished tensors
     * @param blocks of the model
     * @param finished blocks that an interrupted run left behind
     */
    record Planned(MemoryEstimate memory, long heapBytes, long diskBytes, long resultBytes, int blocks, int finished)
            implements Progress {}

    /**
     * How long the blocks that are left will take, about: arithmetic counted, over this machine's speed in a short probe.
     */
    record Timed(java.time.Duration estimate, int blocks) implements Progress {}

    /** Work on a block begins. */
    record BlockStarted(int index, int blocks) implements Progress {}

    /**
     * A block is done and on disk.
     *
     * @param seconds it took
     * @param quantized linears of it that were quantized
     * @param left how long the blocks that are left will take, about: as long as those of this run took, by the arithmetic
     *     in each
     */
    record BlockFinished(int index, int blocks, double seconds, int quantized, java.time.Duration left)
            implements Progress {}

    /** All blocks are done; the result is put together. */
    record Writing(long bytes) implements Progress {}

    /** The result is read back and compared. */
    record Verifying() implements Progress {}
}
