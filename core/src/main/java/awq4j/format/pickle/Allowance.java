package awq4j.format.pickle;

import awq4j.format.MalformedFileException;
import java.nio.file.Path;

/**
 * The memory that reading a file's structure may take, counted before it is taken: one byte of a pickle can ask for a
 * dictionary. The figures are estimates of what Java takes, on the high side.
 */
final class Allowance {
    /** For a small file of many names; a real checkpoint's tensors outweigh its names by far. */
    static final long SPARE_BYTES = 16 << 20;

    private final Path file;
    private long left;

    /** Twice the file's size, and what small files need. */
    Allowance(Path file, long fileBytes) {
        this.file = file;
        this.left = 2 * fileBytes + SPARE_BYTES;
    }

    void take(long bytes, long offset) {
        left -= bytes;
        if (left < 0) {
            throw new MalformedFileException(
                    file, offset, "its structure takes more memory than twice the file, which no checkpoint needs");
        }
    }
}
