package awq4j.format.gguf;

import awq4j.format.MalformedFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** Types of metadata values; a file names them by their position here. */
enum ValueKind {
    UINT8(1),
    INT8(1),
    UINT16(2),
    INT16(2),
    UINT32(4),
    INT32(4),
    FLOAT32(4),
    BOOL(1),
    STRING(8),
    ARRAY(12),
    UINT64(8),
    INT64(8),
    FLOAT64(8);

    private final int leastBytes;

    ValueKind(int leastBytes) {
        this.leastBytes = leastBytes;
    }

    /** The number by which a file names it. */
    int number() {
        return List.of(values()).indexOf(this);
    }

    /** Bytes that a value takes, or takes at least. */
    int leastBytes() {
        return leastBytes;
    }

    /** Whether all values take as many bytes, and any bytes are a value. */
    boolean isFixed() {
        return switch (this) {
            case UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, UINT64, INT64, FLOAT64 -> true;
            case BOOL, STRING, ARRAY -> false;
        };
    }

    boolean isWhole() {
        return isFixed() && !isReal();
    }

    boolean isReal() {
        return this == FLOAT32 || this == FLOAT64;
    }

    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Passes by a value, checking that it is one. */
    void pass(Path file, ByteCursor cursor, String what) {
        switch (this) {
            case STRING -> cursor.skipText(what);
            case BOOL -> {
                byte value = cursor.int8(what);
                if (value != 0 && value != 1) {
                    throw new MalformedFileException(
                            file, cursor.position() - 1, what + " should be 0 or 1, is " + (value & 0xff));
                }
            }
            case ARRAY -> throw new IllegalStateException("an array is no single value");
            case UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, UINT64, INT64, FLOAT64 ->
                cursor.skip(leastBytes, what);
        }
    }

    /** The value of a whole number or a boolean; what does not fit a long becomes the greatest one. */
    long whole(ByteCursor cursor) {
        return switch (this) {
            case UINT8 -> cursor.int8(label()) & 0xff;
            case INT8, BOOL -> cursor.int8(label());
            case UINT16 -> cursor.int16(label()) & 0xffff;
            case INT16 -> cursor.int16(label());
            case UINT32 -> cursor.int32(label()) & 0xffff_ffffL;
            case INT32 -> cursor.int32(label());
            case INT64 -> cursor.int64(label());
            case UINT64 -> {
                long value = cursor.int64(label());
                yield value < 0 ? Long.MAX_VALUE : value;
            }
            case FLOAT32, STRING, ARRAY, FLOAT64 -> throw new IllegalStateException(label() + " is no whole number");
        };
    }

    /** The value of a float; a float32 as the shortest decimal number that means it. */
    double real(ByteCursor cursor) {
        return this == FLOAT32
                ? Double.parseDouble(Float.toString(Float.intBitsToFloat(cursor.int32(label()))))
                : Double.longBitsToDouble(cursor.int64(label()));
    }

    /** A value that is neither text nor array. */
    String shown(ByteCursor cursor) {
        if (this == BOOL) {
            return whole(cursor) == 0 ? "false" : "true";
        }
        return isReal() ? String.valueOf(real(cursor)) : String.valueOf(whole(cursor));
    }
}
