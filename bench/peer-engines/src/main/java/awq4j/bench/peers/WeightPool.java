package awq4j.bench.peers;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;

/**
 * Encoded blocks of normally distributed weights, from which matrices of any size are cut: encoding a thousand million
 * weights one by one would take minutes and change no timing.
 *
 * <p>Weights of a matrix have variance 1 / columns, so that its outputs are as large as its inputs and activations stay
 * finite through any number of layers.
 */
final class WeightPool {
    /** Weights in a pool: two million and a bit, so that rows of a matrix are cut at ever other places. */
    private static final int WEIGHTS = 256 * 8191;

    private static final int CODE_BYTES = BlockFormat.Q4_0.bytes - 2;

    private final BlockFormat format;
    private final byte[] blocks;

    WeightPool(BlockFormat format, int columns) {
        this.format = format;
        var random = new SplittableRandom(columns);
        double deviation = 1 / Math.sqrt(columns);
        float[] values = new float[format.weights];
        blocks = new byte[WEIGHTS / format.weights * format.bytes];
        ByteBuffer out = ByteBuffer.wrap(blocks).order(ByteOrder.LITTLE_ENDIAN);
        while (out.hasRemaining()) {
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (random.nextGaussian() * deviation);
            }
            format.encode(values, 0, out);
        }
    }

    BlockFormat format() {
        return format;
    }

    int blockCount() {
        return blocks.length / format.bytes;
    }

    /** The blocks, back to back; not to be changed. */
    byte[] blocks() {
        return blocks;
    }

    /** The codes of Q4_0 blocks without their scales, in the same order. */
    byte[] codes() {
        byte[] codes = new byte[q4Blocks() * CODE_BYTES];
        for (int i = 0; i < blockCount(); i++) {
            System.arraycopy(blocks, i * format.bytes + 2, codes, i * CODE_BYTES, CODE_BYTES);
        }
        return codes;
    }

    /** The scales of Q4_0 blocks without their codes, in the same order, as float32. */
    byte[] scales() {
        ByteBuffer from = ByteBuffer.wrap(blocks).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer scales = ByteBuffer.allocate(q4Blocks() * 4).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < blockCount(); i++) {
            scales.putFloat(Float.float16ToFloat(from.getShort(i * format.bytes)));
        }
        return scales.array();
    }

    private int q4Blocks() {
        if (format != BlockFormat.Q4_0) {
            throw new IllegalArgumentException("codes and scales: expected a pool of Q4_0, found " + format);
        }
        return blockCount();
    }
}
