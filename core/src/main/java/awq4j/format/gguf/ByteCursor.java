package awq4j.format.gguf;

import awq4j.format.MalformedFileException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Reads a file from its beginning; never past its end, and never more than a message can bear. */
final class ByteCursor {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Path path;
    private final MemorySegment file;
    private long at;

    ByteCursor(Path path, MemorySegment file, long at) {
        this.path = path;
        this.file = file;
        this.at = at;
    }

    long position() {
        return at;
    }

    long remaining() {
        return file.byteSize() - at;
    }

    byte int8(String what) {
        return file.get(ValueLayout.JAVA_BYTE, take(1, what));
    }

    short int16(String what) {
        return file.get(SHORT, take(2, what));
    }

    int int32(String what) {
        return file.get(INT, take(4, what));
    }

    long int64(String what) {
        return file.get(LONG, take(8, what));
    }

    /** A number of things that each take some bytes; more than the file has room for are refused. */
    long count(long least, String what) {
        long start = at;
        long count = int64("the number of " + what);
        if (count < 0 || count > remaining() / least) {
            throw new MalformedFileException(
                    path,
                    start,
                    Long.toUnsignedString(count) + " " + what + " are promised, file has room for at most "
                            + remaining() / least);
        }
        return count;
    }

    /**
     * Text behind its length in 8 bytes.
     *
     * @param most bytes that it may take
     */
    String text(String what, int most) {
        long start = at;
        long length = length(what);
        if (length > most) {
            throw new MalformedFileException(
                    path, start, what + " takes " + length + " bytes; at most " + most + " are read");
        }
        byte[] bytes = file.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
        at += length;
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new MalformedFileException(path, start + 8, what + " is not UTF-8");
        }
    }

    /** Passes by a text. */
    void skipText(String what) {
        long length = length(what);
        at += length;
    }

    private long length(String what) {
        long start = at;
        long length = int64("the length of " + what);
        if (length < 0 || length > remaining()) {
            throw new MalformedFileException(
                    path,
                    start,
                    what + " takes " + Long.toUnsignedString(length) + " bytes, file has " + remaining()
                            + " behind its length");
        }
        return length;
    }

    void skip(long bytes, String what) {
        take(bytes, what);
    }

    private long take(long bytes, String what) {
        if (bytes > remaining()) {
            throw new MalformedFileException(
                    path, at, what + " takes " + bytes + " bytes, file has " + remaining() + " from here on");
        }
        long from = at;
        at += bytes;
        return from;
    }

    /** Part of a text that a file chose, fit for a message. */
    static String shown(String text) {
        String safe = text.codePoints()
                .limit(60)
                .map(c -> Character.isISOControl(c) || Character.getType(c) == Character.FORMAT ? '?' : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
        return safe.length() < text.length() ? safe + "..." : safe;
    }
}
