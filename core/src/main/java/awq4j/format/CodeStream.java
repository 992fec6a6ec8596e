package awq4j.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Codes that follow each other without gaps in 32-bit words, low bits first; a code may lie across two words. With 2, 4
 * and 8 bits a word holds 16, 8 or 4 whole codes.
 */
public final class CodeStream {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private CodeStream() {}

    /** Words that {@code codes} codes take. */
    public static int words(int codes, int bits) {
        return Math.toIntExact(((long) codes * bits + 31) / 32);
    }

    /**
     * A code of a stream that begins at a word.
     *
     * @param stride words from one word of the stream to the next, 1 if they are neighbours
     */
    public static int get(MemorySegment words, long start, long stride, int bits, int index) {
        long bit = (long) index * bits;
        long word = start + bit / 32 * stride;
        int shift = (int) (bit % 32);
        long low = words.get(INT, word * Integer.BYTES) & 0xffff_ffffL;
        long high = shift + bits > 32 ? words.get(INT, (word + stride) * Integer.BYTES) & 0xffff_ffffL : 0;
        return (int) (((high << 32 | low) >>> shift) & ((1 << bits) - 1));
    }

    /** Puts a code into a stream whose bits are zero there. */
    public static void put(int[] words, int start, int stride, int bits, int index, int code) {
        long bit = (long) index * bits;
        int word = start + (int) (bit / 32) * stride;
        int shift = (int) (bit % 32);
        words[word] |= code << shift;
        if (shift + bits > 32) {
            words[word + stride] |= code >>> (32 - shift);
        }
    }
}
