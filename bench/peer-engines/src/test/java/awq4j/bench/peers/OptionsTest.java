package awq4j.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class OptionsTest {
    private static final Path FOLDER = Path.of("models");

    @Test
    void nothingGivenIsTheUsualComparison() {
        Options options = Options.of(new String[0], FOLDER);
        assertThat(options.shape().name()).isEqualTo("tinyllama-1.1b");
        assertThat(options.engines()).isEqualTo(EngineKind.USUAL);
        assertThat(options.threads()).containsExactly(1, 2);
        assertThat(options.folder()).isEqualTo(FOLDER);
        assertThat(options.json()).isEmpty();
    }

    @Test
    void whatIsGivenCounts() {
        Options options = Options.of(
                new String[] {"--threads", "4", "--engines", "jlama,llama.cpp", "--rounds", "2", "--json", "f.json"},
                FOLDER);
        assertThat(options.threads()).containsExactly(4);
        assertThat(options.engines()).containsExactly(EngineKind.JLAMA, EngineKind.LLAMA_CPP);
        assertThat(options.rounds()).isEqualTo(2);
        assertThat(options.json()).contains(Path.of("f.json"));
    }

    @Test
    void mistakesAreNamed() {
        assertMessage("option --round is not known", "--round", "3");
        assertMessage("--rounds: expected a value, found none", "--rounds");
        assertMessage("--rounds: expected a number, found x", "--rounds", "x");
        assertMessage("--generate: expected 2 or more, found 1", "--generate", "1");
        assertMessage(
                "engine ollama is not known; known: awq4j, awq4j-w4a16, llama.cpp, jlama, jlama-vector",
                "--engines",
                "ollama");
        assertMessage("shape gpt is not known; known: tinyllama-1.1b, llama-2-7b, toy", "--shape", "gpt");
    }

    @Test
    void runSurvivesTheCommandLineOfItsProcess() {
        var run = new EngineRun(EngineKind.JLAMA, FOLDER, Shape.named("toy"), 2, 512, 128, 1, 3);
        assertThat(EngineRun.of(run.arguments().toArray(String[]::new))).isEqualTo(run);
    }

    private static void assertMessage(String message, String... arguments) {
        assertThatThrownBy(() -> Options.of(arguments, FOLDER))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }
}
