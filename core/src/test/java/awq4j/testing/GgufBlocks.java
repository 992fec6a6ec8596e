package awq4j.testing;

import awq4j.weight.GgufType;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.GgufBlock;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/** Writes blocks as GGUF files have them, byte after byte: the other way round than the codec, which goes by columns. */
public final class GgufBlocks {
    private final byte[] out;
    private int at;

    private GgufBlocks(int size) {
        out = new byte[size];
    }

    /**
     * A block.
     *
     * @param scale float16 bits, as is {@code least}
     * @param codes unsigned, [columns]
     * @param factors [groups], with their sign
     * @param lifts [groups]; types without minima ignore them
     */
    public static byte[] encode(GgufType type, short scale, short least, int[] codes, int[] factors, int[] lifts) {
        var block = new GgufBlocks(type.blockBytes());
        switch (type) {
            case Q5_0, Q5_1 -> {
                block.half(scale);
                if (type == GgufType.Q5_1) {
                    block.half(least);
                }
                for (int i = 0; i < 4; i++) {
                    block.bits(1, 8 * i, 1, 8, codes, 4);
                }
                for (int i = 0; i < 16; i++) {
                    block.bits(4, i, 16, 2, codes, 0);
                }
            }
            case Q2_K -> {
                for (int g = 0; g < 16; g++) {
                    block.put(factors[g] | (lifts[g] << 4));
                }
                block.quarters(codes);
                block.half(scale);
                block.half(least);
            }
            case Q3_K -> {
                for (int i = 0; i < 32; i++) {
                    block.bits(1, i, 32, 8, codes, 2);
                }
                block.quarters(codes);
                int[] raised = new int[16];
                for (int g = 0; g < 16; g++) {
                    raised[g] = factors[g] + 32;
                }
                for (int g = 0; g < 8; g++) {
                    block.bits(4, g, 8, 2, raised, 0);
                }
                for (int g = 0; g < 4; g++) {
                    block.bits(2, g, 4, 4, raised, 4);
                }
                block.half(scale);
            }
            case Q4_K, Q5_K -> {
                block.half(scale);
                block.half(least);
                for (int[] six : new int[][] {factors, lifts}) {
                    for (int g = 0; g < 4; g++) {
                        block.put(six[g] | (six[g + 4] >> 4 << 6));
                    }
                }
                for (int g = 4; g < 8; g++) {
                    block.put((factors[g] & 15) | (lifts[g] & 15) << 4);
                }
                for (int i = 0; type == GgufType.Q5_K && i < 32; i++) {
                    block.bits(1, i, 32, 8, codes, 4);
                }
                for (int quarter = 0; quarter < 256; quarter += 64) {
                    for (int i = 0; i < 32; i++) {
                        block.bits(4, quarter + i, 32, 2, codes, 0);
                    }
                }
            }
            case Q6_K -> {
                for (int half = 0; half < 256; half += 128) {
                    for (int i = 0; i < 64; i++) {
                        block.bits(4, half + i, 64, 2, codes, 0);
                    }
                }
                for (int half = 0; half < 256; half += 128) {
                    for (int i = 0; i < 32; i++) {
                        block.bits(2, half + i, 32, 4, codes, 4);
                    }
                }
                for (int g = 0; g < 16; g++) {
                    block.put(factors[g]);
                }
                block.half(scale);
            }
        }
        if (block.at != block.out.length) {
            throw new IllegalStateException(type + " has " + block.at + " bytes");
        }
        return block.out;
    }

    private void put(int value) {
        out[at++] = (byte) value;
    }

    private void half(short bits) {
        put(bits);
        put(bits >> 8);
    }

    /** A byte of {@code count} fields: bits of the codes at {@code first}, {@code first + step}, ..., from low to high. */
    private void bits(int width, int first, int step, int count, int[] codes, int from) {
        int value = 0;
        for (int i = 0; i < count; i++) {
            value |= ((codes[first + i * step] >> from) & ((1 << width) - 1)) << (i * width);
        }
        put(value);
    }

    private void quarters(int[] codes) {
        for (int half = 0; half < 256; half += 128) {
            for (int i = 0; i < 32; i++) {
                bits(2, half + i, 32, 4, codes, 0);
            }
        }
    }

    /** The byte of a block where its scale begins. */
    public static int scaleAt(GgufType type) {
        return switch (type) {
            case Q5_0, Q5_1, Q4_K, Q5_K -> 0;
            case Q2_K -> 80;
            case Q3_K -> 108;
            case Q6_K -> 208;
        };
    }

    /** The least and the greatest factor of a type. */
    public static int[] factorRange(GgufType type) {
        return switch (type) {
            case Q5_0, Q5_1 -> new int[] {1, 1};
            case Q2_K -> new int[] {0, 15};
            case Q3_K -> new int[] {-32, 31};
            case Q4_K, Q5_K -> new int[] {0, 63};
            case Q6_K -> new int[] {-128, 127};
        };
    }

    /** The greatest lift of a type. */
    public static int greatestLift(GgufType type) {
        return switch (type) {
            case Q5_0, Q3_K, Q6_K -> 0;
            case Q5_1 -> -1;
            case Q2_K -> 15;
            case Q4_K, Q5_K -> 63;
        };
    }

    /**
     * A weight, on the heap: random codes and scales; rows 0 to 3, as far as there are, have all codes least, all greatest,
     * all factors and lifts greatest, and scales of zero.
     */
    public static Weight weight(long seed, int rows, int columns, GgufType type) {
        var random = new SplittableRandom(seed);
        var layout = new GgufBlock(type);
        byte[] values = new byte[Math.toIntExact(layout.sizeBytes(rows, columns))];
        int[] range = factorRange(type);
        int greatestLift = greatestLift(type);
        int[] codes = new int[type.blockColumns()];
        int[] factors = new int[type.groups()];
        int[] lifts = new int[type.groups()];
        for (int r = 0, at = 0; r < rows; r++) {
            for (int k = 0; k < columns; k += type.blockColumns(), at += type.blockBytes()) {
                for (int i = 0; i < codes.length; i++) {
                    int code = random.nextInt(1 << type.bits());
                    codes[i] = r == 0 ? 0 : r == 1 ? (1 << type.bits()) - 1 : code;
                }
                for (int g = 0; g < factors.length; g++) {
                    factors[g] = r == 2 ? range[1] : random.nextInt(range[0], range[1] + 1);
                    lifts[g] = greatestLift < 0 ? -1 : r == 2 ? greatestLift : random.nextInt(greatestLift + 1);
                }
                double middle = 0.1 / range[1];
                double scale = r == 3 ? 0 : middle * (random.nextDouble() + 0.5) * (random.nextInt(4) == 0 ? -1 : 1);
                double least = r == 3 ? 0 : middle * 8 * (random.nextDouble() - 0.25);
                short scaleBits = Float.floatToFloat16((float) scale);
                short leastBits = Float.floatToFloat16((float) least);
                byte[] block = encode(type, scaleBits, leastBits, codes, factors, lifts);
                System.arraycopy(block, 0, values, at, block.length);
            }
        }
        return new Weight("blocks", rows, columns, layout, MemorySegment.ofArray(values), null, null);
    }
}
