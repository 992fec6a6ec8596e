package awq4j.format.pickle;

import awq4j.format.MalformedFileException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A position in part of a mapped file; reading beyond the part is answered with the place. */
final class FileBytes {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble BIG_ENDIAN_DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final Path file;
    private final MemorySegment all;
    private final long end;
    private final String part;
    private long at;

    /**
     * @param all the whole file, so that positions are places in it
     * @param part what ends at {@code end}, for messages
     */
    FileBytes(Path file, MemorySegment all, long from, long end, String part) {
        this.file = file;
        this.all = all;
        this.at = from;
        this.end = end;
        this.part = part;
    }

    /** The place of the next byte in the file. */
    long position() {
        return at;
    }

    /** Bytes that are left. */
    long remaining() {
        return end - at;
    }

    /** Moves on; @throws MalformedFileException if the part has not so many bytes. */
    void skip(long bytes) {
        at = advanced(bytes) + bytes;
    }

    int unsigned8() {
        return all.get(ValueLayout.JAVA_BYTE, next(1)) & 0xff;
    }

    int unsigned16() {
        return all.get(SHORT, next(2)) & 0xffff;
    }

    int signed32() {
        return all.get(INT, next(4));
    }

    long unsigned32() {
        return all.get(INT, next(4)) & 0xffff_ffffL;
    }

    long signed64() {
        return all.get(LONG, next(8));
    }

    double float64BigEndian() {
        return all.get(BIG_ENDIAN_DOUBLE, next(8));
    }

    /** A view of the next bytes. */
    MemorySegment slice(long bytes) {
        long from = advanced(bytes);
        at = from + bytes;
        return all.asSlice(from, bytes);
    }

    /** A copy of the next bytes, whose number the caller has bounded. */
    byte[] copy(long bytes) {
        return slice(bytes).toArray(ValueLayout.JAVA_BYTE);
    }

    /** The next bytes as UTF-8; what is none becomes a replacement character. */
    String text(long bytes) {
        return new String(copy(bytes), StandardCharsets.UTF_8);
    }

    /** Text up to a line feed, which is skipped. */
    String line(int mostBytes) {
        long limit = Math.min(end, at + mostBytes);
        for (long i = at; i < limit; i++) {
            if (all.get(ValueLayout.JAVA_BYTE, i) == '\n') {
                String text = text(i - at);
                at++;
                return text;
            }
        }
        throw new MalformedFileException(file, at, "expected a line of at most " + mostBytes + " bytes");
    }

    private long next(int bytes) {
        long from = advanced(bytes);
        at = from + bytes;
        return from;
    }

    /** The present position, from which so many bytes can be read. */
    private long advanced(long bytes) {
        if (bytes < 0 || bytes > end - at) {
            throw new MalformedFileException(
                    file,
                    at,
                    "expected " + Long.toUnsignedString(bytes) + " bytes, " + part + " has " + (end - at) + " more");
        }
        return at;
    }
}
