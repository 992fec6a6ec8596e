package awq4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import awq4j.testing.Repository;
import awq4j.testing.TinyModels;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;

class ExampleTest {
    @Test
    @ResourceLock(Resources.SYSTEM_OUT)
    void theExampleTellsAStory() {
        var printed = new ByteArrayOutputStream();
        PrintStream before = System.out;
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        try {
            Example.main(TinyModels.demo().toString());
        } finally {
            System.setOut(before);
        }
        assertThat(printed.toString(StandardCharsets.UTF_8).strip()).matches("(?s).{10,}\\R\\d+\\.\\d tokens/s");
    }

    @Test
    void theReadmeQuotesTheExample() throws IOException {
        Path readme = Repository.root().resolve("README.md");
        assumeTrue(Files.exists(readme), "there is no README.md yet");
        assertThat(Files.readString(readme)).contains(String.join("\n", body()));
    }

    @Test
    void theFrontDoorsDocumentationQuotesTheExample() throws IOException {
        String source = Files.readString(Repository.root().resolve("core/src/main/java/awq4j/LanguageModel.java"));
        for (String line : body()) {
            assertThat(source).contains(" * " + line + "\n");
        }
    }

    /** The lines of the example's method, without their indentation. */
    private static List<String> body() throws IOException {
        List<String> lines = Files.readAllLines(Repository.root().resolve("core/src/test/java/awq4j/Example.java"));
        return lines.stream()
                .dropWhile(line -> !line.startsWith("        try"))
                .takeWhile(line -> line.startsWith("        "))
                .map(line -> line.substring(8))
                .toList();
    }
}
