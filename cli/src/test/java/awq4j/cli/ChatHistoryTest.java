package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatHistoryTest {
    @TempDir
    private Path home;

    @Test
    void liesWhereTheEnvironmentSays() {
        assertThat(ChatHistory.file(Map.of(), home)).isEqualTo(home.resolve(".local/state/awq4j/chat-history"));
        Path state = home.resolve("state");
        assertThat(ChatHistory.file(Map.of("XDG_STATE_HOME", state.toString()), home))
                .isEqualTo(state.resolve("awq4j/chat-history"));
        assertThat(ChatHistory.file(Map.of("XDG_STATE_HOME", "relative"), home))
                .isEqualTo(home.resolve(".local/state/awq4j/chat-history"));
    }

    @Test
    void nobodyElseMayReadIt() throws IOException {
        Path file = ChatHistory.file(Map.of(), home);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        Files.writeString(file, "kept");
        assertThat(ChatHistory.file(Map.of(), home)).hasContent("kept");
    }

    @Test
    void aHomeThatCannotBeWrittenToRemembersNothing() throws IOException {
        Path file = Files.writeString(home.resolve("file"), "");
        assertThat(ChatHistory.file(Map.of(), file)).isNull();
    }
}
