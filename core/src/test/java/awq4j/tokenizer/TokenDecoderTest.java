package awq4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenDecoderTest {
    @TempDir
    Path folder;

    private Tokenizer bytes;
    private Tokenizer pieces;

    @BeforeEach
    void open() throws Exception {
        Fixtures.copy("tokenizer.json", folder);
        Path spm = Files.createDirectory(folder.resolve("spm"));
        Files.write(spm.resolve("tokenizer.model"), Fixtures.bytes("bpe.model"));
        bytes = Tokenizer.open(folder);
        pieces = Tokenizer.open(spm);
    }

    @Test
    void characterAppearsWithItsLastByte() {
        int[] emoji = bytes.encode("😁", false);
        TokenDecoder decoder = bytes.decoder();
        for (int i = 0; i < emoji.length - 1; i++) {
            assertThat(decoder.next(emoji[i])).isEmpty();
        }
        assertThat(decoder.next(emoji[emoji.length - 1])).isEqualTo("😁");
    }

    @Test
    void flushShowsWhatIsIncomplete() {
        int[] emoji = bytes.encode("😁", false);
        assertThat(emoji).hasSizeGreaterThan(1);
        TokenDecoder decoder = bytes.decoder();
        assertThat(decoder.next(emoji[0])).isEmpty();
        assertThat(decoder.flush()).isEqualTo("\uFFFD");
        assertThat(decoder.flush()).isEmpty();
    }

    @Test
    void specialTokensAreLeftOutOrShown() {
        int[] ids = bytes.encode("a<|end_of_text|>b", false);
        assertThat(stream(bytes.decoder(), ids)).isEqualTo("ab");
        assertThat(stream(bytes.decoder(new int[0], false), ids)).isEqualTo("a<|end_of_text|>b");
    }

    @Test
    void firstSpaceIsTextOnlyAfterContext() {
        int[] prompt = pieces.encode("Once upon", true);
        int[] reply = pieces.encode("a time", false);
        assertThat(stream(pieces.decoder(), reply)).isEqualTo("a time");
        assertThat(stream(pieces.decoder(prompt, true), reply)).isEqualTo(" a time");
    }

    @Test
    void leadingSpacesAddUp() {
        for (String text : List.of("   x", " ", "a  b   c", "x ", "  \n  y")) {
            assertThat(stream(pieces.decoder(), pieces.encode(text)))
                    .as("\"%s\"", text)
                    .isEqualTo(text);
        }
    }

    @Test
    void garbageIsReturnedInTheEndAndTextAfterItIsWhole() {
        var ids = new ArrayList<Integer>();
        for (int i = 0; i < 50; i++) {
            ids.add(pieces.id("<0xFF>").getAsInt());
        }
        for (int id : pieces.encode(" then text", false)) {
            ids.add(id);
        }
        String text = stream(pieces.decoder(), ids.stream().mapToInt(i -> i).toArray());
        assertThat(text).endsWith("then text").startsWith("\uFFFD\uFFFD");
    }

    @Test
    void tokensWithoutTextDoNotPileUp() {
        TokenDecoder decoder = bytes.decoder();
        int beyond = bytes.vocabularySize() + 1;
        for (int i = 0; i < 10_000; i++) {
            assertThat(decoder.next(beyond)).isEmpty();
        }
        assertThat(stream(decoder, bytes.encode("done", false))).isEqualTo("done");
        assertThat(decoder.windowLength()).isLessThan(40);
    }

    @Test
    void windowStaysShortOnLongTexts() {
        String text = "The dog 😁 ran to the park. ".repeat(500);
        for (Tokenizer tokenizer : List.of(bytes, pieces)) {
            TokenDecoder decoder = tokenizer.decoder();
            assertThat(stream(decoder, tokenizer.encode(text))).isEqualTo(text);
            assertThat(decoder.windowLength()).isLessThan(40);
        }
    }

    @Test
    void everyTextInEveryCutIsWhole() {
        String text = "é日😁\u200d🌫️ﬁ";
        assertThat(text.getBytes(StandardCharsets.UTF_8)).hasSizeGreaterThan(15);
        for (Tokenizer tokenizer : List.of(bytes, pieces)) {
            assertThat(stream(tokenizer.decoder(), tokenizer.encode(text))).isEqualTo(text);
        }
    }

    private static String stream(TokenDecoder decoder, int[] ids) {
        var text = new StringBuilder();
        for (int id : ids) {
            text.append(decoder.next(id));
        }
        return text.append(decoder.flush()).toString();
    }
}
