package awq4j.tokenizer.sentencepiece;

import awq4j.format.MalformedFileException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Reads the fields of one Protocol Buffers message in wire format. */
final class ProtobufReader {
    static final int VARINT = 0;
    static final int FIXED64 = 1;
    static final int BYTES = 2;
    static final int FIXED32 = 5;

    private static final int MOST_VARINT_BYTES = 10;

    private final Path file;
    private final ByteBuffer bytes;
    private final int start;
    private int wireType;

    /** @param start byte offset of {@code bytes} in the file, for messages */
    private ProtobufReader(Path file, ByteBuffer bytes, int start) {
        this.file = file;
        this.bytes = bytes.order(ByteOrder.LITTLE_ENDIAN);
        this.start = start;
    }

    static ProtobufReader of(Path file, byte[] content) {
        return new ProtobufReader(file, ByteBuffer.wrap(content), 0);
    }

    boolean hasMore() {
        return bytes.hasRemaining();
    }

    /** Moves to the next field and answers its number; its value must be read or skipped next. */
    int field() {
        long key = varint();
        wireType = (int) (key & 7);
        long number = key >>> 3;
        if (number < 1 || number > 0x1FFF_FFFF) {
            throw malformed("field number " + number + " is not one of Protocol Buffers");
        }
        return (int) number;
    }

    /** Whether the value of the current field has this form. */
    boolean is(int type) {
        return wireType == type;
    }

    /** This reader, if the value of the current field has this form. */
    ProtobufReader expect(int type, String what) {
        if (wireType != type) {
            throw malformed(what + " has wire type " + wireType + ", expected " + type);
        }
        return this;
    }

    long varint() {
        long value = 0;
        for (int i = 0; i < MOST_VARINT_BYTES; i++) {
            require(1);
            byte b = bytes.get();
            value |= (long) (b & 0x7F) << (7 * i);
            if (b >= 0) {
                return value;
            }
        }
        throw malformed("a number has more than " + MOST_VARINT_BYTES + " bytes");
    }

    float fixed32() {
        require(Float.BYTES);
        return bytes.getFloat();
    }

    /** The message inside the current field. */
    ProtobufReader message() {
        int length = length();
        ProtobufReader inner =
                new ProtobufReader(file, bytes.slice(bytes.position(), length), start + bytes.position());
        bytes.position(bytes.position() + length);
        return inner;
    }

    byte[] content() {
        var content = new byte[length()];
        bytes.get(content);
        return content;
    }

    String text() {
        int at = bytes.position();
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(content()))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new MalformedFileException(file, start + at, "a text is not UTF-8");
        }
    }

    void skip() {
        switch (wireType) {
            case VARINT -> varint();
            case FIXED64 -> advance(Long.BYTES);
            case BYTES -> advance(length());
            case FIXED32 -> advance(Integer.BYTES);
            default -> throw malformed("wire type " + wireType + " is not one of Protocol Buffers");
        }
    }

    private void advance(int count) {
        require(count);
        bytes.position(bytes.position() + count);
    }

    private int length() {
        long length = varint();
        if (length < 0 || length > bytes.remaining()) {
            throw malformed("a field of " + length + " bytes, " + bytes.remaining() + " are left");
        }
        return (int) length;
    }

    private void require(int count) {
        if (bytes.remaining() < count) {
            throw malformed("expected " + count + " more bytes, " + bytes.remaining() + " are left");
        }
    }

    MalformedFileException malformed(String message) {
        return new MalformedFileException(file, start + bytes.position(), "not a SentencePiece model: " + message);
    }
}
