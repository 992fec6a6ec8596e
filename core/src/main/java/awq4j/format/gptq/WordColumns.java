package awq4j.format.gptq;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/**
 * Words of whole codes, [words of a row, rows], put row after row. Nothing is done to the words: a row's codes follow each
 * other in the file's words as they do in {@link awq4j.weight.Weight}.
 */
final class WordColumns {
    /** In the machine's order: words are moved, not looked at. */
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

    /** Lines that are copied together: their words fill a cache line of each row. */
    private static final int LINES = 16;

    /** Rows whose words are copied at once. */
    private static final int ROWS = 128;

    /** Ints from one line to the next: no power of two, so that caches hold all of them. */
    private static final int STRIDE = ROWS + 16;

    private WordColumns() {}

    /**
     * Transposes [lines, rows] words.
     *
     * @return [rows, lines] words, bytes as in the file
     */
    static MemorySegment transposed(MemorySegment source, int lines, int rows) {
        int[] target = new int[Math.multiplyExact(rows, lines)];
        IntStream.range(0, Math.ceilDiv(rows, ROWS)).parallel().forEach(part -> {
            int[] block = new int[LINES * STRIDE];
            int row = part * ROWS;
            int width = Math.min(ROWS, rows - row);
            for (int line = 0; line < lines; line += LINES) {
                int height = Math.min(LINES, lines - line);
                for (int i = 0; i < height; i++) {
                    long at = ((long) (line + i) * rows + row) * Integer.BYTES;
                    MemorySegment.copy(source, INT, at, block, i * STRIDE, width);
                }
                for (int r = 0; r < width; r++) {
                    put(block, r, height, target, (row + r) * lines + line);
                }
            }
        });
        return MemorySegment.ofArray(target);
    }

    private static void put(int[] block, int at, int count, int[] target, int to) {
        for (int i = 0; i < count; i++) {
            target[to + i] = block[at + i * STRIDE];
        }
    }
}
