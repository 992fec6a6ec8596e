package awq4j.format.tinychat;

import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The orders in which TinyChatEngine stores codes of 4 bits, one for each kind of processor: a run of 2 n codes takes n
 * bytes, byte e has code e in its low nibble and code n + e in its high one. Runs go over the whole matrix, rows one after
 * the other.
 */
public enum BlockOrder {
    /** For AVX2: two blocks share their bytes. */
    QM_X86("QM_x86", 32),
    /** For NEON. */
    QM_ARM("QM_ARM", 16),
    /** For Apple's GPUs. */
    QM_METAL("QM_METAL", 4);

    /** Columns that share a scale. */
    public static final int COLUMNS = 32;

    /** What all of them become, code for code; scales are float32 as stored. */
    public static final Grouped LAYOUT = new Grouped(4, COLUMNS, ZeroPoint.MIDDLE);

    /** Runs that a thread takes at a time. */
    private static final int TOGETHER = 1 << 15;

    /** Enough to tell orders apart: in a wrong one every fourth block or so has no least code. */
    private static final int LOOKED_AT = 1024;

    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String label;
    private final int bytes;

    BlockOrder(String label, int bytes) {
        this.label = label;
        this.bytes = bytes;
    }

    /** What TinyChatEngine calls it. */
    public String label() {
        return label;
    }

    /** Bytes of a run. */
    int runBytes() {
        return bytes;
    }

    /** The order of a name, empty if it is none. */
    public static Optional<BlockOrder> of(String label) {
        return Arrays.stream(values())
                .filter(order -> order.label.equalsIgnoreCase(label))
                .findFirst();
    }

    /** Whether matrices of this shape can be stored: whole blocks in a row, whole runs in all. */
    public boolean fits(int rows, int columns) {
        return rows > 0 && columns > 0 && columns % COLUMNS == 0 && (long) rows * columns % (2L * bytes) == 0;
    }

    /**
     * Codes in their natural order, nibbles with the low one first.
     *
     * @param stored whole runs of codes
     * @throws IllegalArgumentException if they are not whole runs, or more than an array holds
     */
    public byte[] natural(MemorySegment stored) {
        byte[] codes = new byte[whole(stored)];
        overRuns(codes.length, at -> {
            for (int e = 0; e < bytes; e += 2) {
                int first = stored.get(ValueLayout.JAVA_BYTE, at + e);
                int second = stored.get(ValueLayout.JAVA_BYTE, at + e + 1);
                codes[at + e / 2] = (byte) ((first & 15) | (second << 4));
                codes[at + (bytes + e) / 2] = (byte) (((first >> 4) & 15) | (second & 0xf0));
            }
        });
        return codes;
    }

    /**
     * The inverse of {@link #natural}: a weight's codes as they are stored.
     *
     * @throws IllegalArgumentException if the weight is not of {@link #LAYOUT}, has its columns in another order, or does
     *     not {@link #fits fit}
     */
    public byte[] stored(Weight weight) {
        if (!weight.layout().equals(LAYOUT) || weight.inputOrder() != null || !fits(weight.rows(), weight.columns())) {
            throw new IllegalArgumentException(label + " holds 4 bits in groups of 32 with the zero 8, whole runs of "
                    + 2 * bytes + "; weight " + weight.name() + " is " + weight.layout() + ", [" + weight.rows() + ", "
                    + weight.columns() + "]");
        }
        MemorySegment natural = weight.values();
        byte[] codes = new byte[whole(natural)];
        overRuns(codes.length, at -> {
            for (int e = 0; e < bytes; e += 2) {
                int low = natural.get(ValueLayout.JAVA_BYTE, at + e / 2);
                int high = natural.get(ValueLayout.JAVA_BYTE, at + (bytes + e) / 2);
                codes[at + e] = (byte) ((low & 15) | (high << 4));
                codes[at + e + 1] = (byte) (((low >> 4) & 15) | (high & 0xf0));
            }
        });
        return codes;
    }

    private int whole(MemorySegment codes) {
        if (codes.byteSize() % bytes != 0 || codes.byteSize() > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(
                    label + " holds whole runs of " + bytes + " bytes, found " + codes.byteSize());
        }
        return (int) codes.byteSize();
    }

    /** One run of bytes, by where it starts. */
    @FunctionalInterface
    private interface Run {
        void at(int start);
    }

    private void overRuns(int length, Run run) {
        int chunk = TOGETHER * bytes;
        IntStream.range(0, Math.ceilDiv(length, chunk)).parallel().forEach(part -> {
            int end = (int) Math.min(length, (part + 1L) * chunk);
            for (int at = part * chunk; at < end; at += bytes) {
                run.at(at);
            }
        });
    }

    /**
     * Whether the codes can be in this order. TinyChatEngine's scale is an eighth of the value of greatest magnitude, with
     * the sign turned, so each block has a code 0, unless its scale is 0. In a wrong order many blocks have none; QM_ARM
     * and QM_METAL differ within blocks only and cannot be told apart.
     *
     * @param stored codes, of which the first thousand blocks are looked at
     * @param scales one a block
     */
    boolean explains(MemorySegment stored, MemorySegment scales) {
        long runs = Math.min(stored.byteSize(), LOOKED_AT * COLUMNS / 2) / bytes;
        byte[] codes = natural(stored.asSlice(0, runs * bytes));
        for (int block = 0; block < codes.length / (COLUMNS / 2); block++) {
            if (scales.get(FLOAT, (long) block * Float.BYTES) != 0 && !hasLeast(codes, block)) {
                return false;
            }
        }
        return true;
    }

    private static boolean hasLeast(byte[] codes, int block) {
        int from = block * (COLUMNS / 2);
        for (int i = from; i < from + COLUMNS / 2; i++) {
            if ((codes[i] & 15) == 0 || (codes[i] & 0xf0) == 0) {
                return true;
            }
        }
        return false;
    }
}
