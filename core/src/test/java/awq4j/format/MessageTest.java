package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class MessageTest {
    /** Names in files come from strangers, and messages go to terminals. */
    @Test
    void controlCharactersStayOutOfMessages() {
        assertThat(new MalformedFileException(Path.of("a\u001b[2J"), 3, "tensor x\ny\u009b1m\u007f"))
                .hasMessage("a?[2J @ 3: tensor x?y?1m?");
        assertThat(new UnsupportedModelException("tensor \u001b]0;é\u0007")).hasMessage("tensor ?]0;é?");
    }
}
