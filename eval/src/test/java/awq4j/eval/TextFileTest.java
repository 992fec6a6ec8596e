package awq4j.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextFileTest {
    @TempDir
    private Path folder;

    @Test
    void textIsReadAsItIs() throws IOException {
        String text = "\uFEFF one\r\ntwo\u0000 \u20ac \uD83D\uDE00\n\n";
        assertThat(TextFile.read(Files.writeString(folder.resolve("a.txt"), text)))
                .isEqualTo(text);
        assertThat(TextFile.read(Files.createFile(folder.resolve("empty.txt")))).isEmpty();
    }

    @Test
    void otherEncodingsAreRefusedWithTheByteAndItsPlace() throws IOException {
        Path latin = Files.write(folder.resolve("a.txt"), "d\u00e9j\u00e0".getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> TextFile.read(latin))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("a.txt @ 1: expected UTF-8 text, found byte 0xE9");
    }

    @Test
    void textThatEndsInHalfACharacterIsRefused() throws IOException {
        Path cut = Files.write(folder.resolve("a.txt"), new byte[] {'a', 'b', (byte) 0xE2, (byte) 0x82});
        assertThatThrownBy(() -> TextFile.read(cut)).hasMessage("a.txt @ 2: expected UTF-8 text, found byte 0xE2");
    }

    @Test
    void aMissingFileIsNamed() {
        assertThatThrownBy(() -> TextFile.read(folder.resolve("none.txt"))).isInstanceOf(NoSuchFileException.class);
    }
}
