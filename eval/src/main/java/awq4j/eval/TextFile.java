package awq4j.eval;

import awq4j.format.MalformedFileException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Text to measure on. */
public final class TextFile {
    private TextFile() {}

    /**
     * The whole text of a file, nothing left out or changed.
     *
     * @throws MalformedFileException if it is not UTF-8, with the offset of the first byte that cannot be
     * @throws IOException if it cannot be read
     */
    public static String read(Path file) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file));
        CharBuffer text = CharBuffer.allocate(bytes.remaining()); // never more characters than bytes
        CoderResult result = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)
                .decode(bytes, text, true);
        if (result.isError()) {
            int offset = bytes.position();
            throw new MalformedFileException(
                    file,
                    offset,
                    String.format(Locale.ROOT, "expected UTF-8 text, found byte 0x%02X", bytes.get(offset) & 0xFF));
        }
        return text.flip().toString();
    }
}
