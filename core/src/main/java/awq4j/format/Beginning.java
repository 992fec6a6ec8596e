package awq4j.format;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;

/** What the first bytes of a file say that it is: for messages about files whose names say something else. */
public final class Beginning {
    private static final int WORD = 4;

    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** As much as a safetensors file may have. */
    private static final long MOST_HEADER_BYTES = 100_000_000;

    private Beginning() {}

    /** The first four bytes, or as many as there are, as hexadecimal numbers. */
    public static String bytes(MemorySegment file) {
        byte[] first = file.asSlice(0, Math.min(WORD, file.byteSize())).toArray(ValueLayout.JAVA_BYTE);
        return first.length == 0
                ? "nothing"
                : "the bytes " + HexFormat.ofDelimiter(" ").formatHex(first);
    }

    /** The end of a message: {@code "; it looks like a GGUF file"}, say; empty if it looks like nothing that is known. */
    public static String hint(MemorySegment file) {
        return kind(file).map(kind -> "; it looks like " + kind).orElse("");
    }

    private static Optional<String> kind(MemorySegment file) {
        if (file.byteSize() < 2 * Long.BYTES) {
            return Optional.empty();
        }
        String word = new String(file.asSlice(0, WORD).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1);
        if (word.equals("GGUF")) {
            return Optional.of("a GGUF file");
        }
        if (word.equals("PK\3\4")) {
            return Optional.of("a zip, as PyTorch's files are");
        }
        if (word.startsWith("\u0080\2\u008a\n")) {
            return Optional.of("a file of PyTorch");
        }
        if (word.startsWith("{\"") || word.startsWith("{\n")) {
            return Optional.of("JSON");
        }
        if (word.startsWith("<!") || word.startsWith("<h")) {
            return Optional.of("a web page, which a failed download leaves");
        }
        long header = file.get(LENGTH, 0);
        boolean safetensors =
                header > 1 && header < MOST_HEADER_BYTES && file.get(ValueLayout.JAVA_BYTE, Long.BYTES) == '{';
        return safetensors ? Optional.of("a safetensors file") : Optional.empty();
    }
}
