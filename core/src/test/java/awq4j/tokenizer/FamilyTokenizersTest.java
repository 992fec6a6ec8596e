package awq4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Small tokenizers in the form of each family, and what transformers makes of a few texts with them. */
class FamilyTokenizersTest {
    private static final Path FAMILIES = Repository.root().resolve("core/src/test/resources/tokenizer/families");

    @TempDir
    private Path folder;

    static Stream<String> all() throws IOException {
        return names("tokenizer_config.json");
    }

    static Stream<String> whole() throws IOException {
        return names("tokenizer.json");
    }

    private static Stream<String> names(String file) throws IOException {
        try (Stream<Path> folders = Files.list(FAMILIES)) {
            return folders
                    .filter(family -> Files.exists(family.resolve(file)))
                    .map(family -> family.getFileName().toString())
                    .sorted()
                    .toList()
                    .stream();
        }
    }

    /** In the older form where there is one: converted. */
    @ParameterizedTest
    @MethodSource("all")
    void encodesAndDecodesAsTransformers(String family) throws IOException {
        boolean older = Stream.of("tokenizer.model", "vocab.json")
                .anyMatch(name -> Files.exists(FAMILIES.resolve(family).resolve(name)));
        agrees(family, older);
    }

    @ParameterizedTest
    @MethodSource("whole")
    void publishedTokenizerJsonDoesTheSame(String family) throws IOException {
        agrees(family, false);
    }

    private void agrees(String family, boolean converted) throws IOException {
        try (Stream<Path> files = Files.list(FAMILIES.resolve(family))) {
            for (Path file : files.toList()) {
                if (!converted || !file.endsWith("tokenizer.json")) {
                    Files.copy(file, folder.resolve(file.getFileName()));
                }
            }
        }
        Tokenizer tokenizer = Tokenizer.open(folder);
        JsonNode cases = JsonMapper.shared().readTree(Files.readAllBytes(folder.resolve("expected.json")));
        assertThat(cases.size()).isGreaterThan(10);
        for (JsonNode expected : cases) {
            String text = expected.get("text").asString();
            int[] ids = ids(expected.get("ids"));
            assertThat(tokenizer.encode(text)).as("\"%s\"", text).isEqualTo(ids);
            assertThat(tokenizer.encode(text, false)).as("\"%s\"", text).isEqualTo(ids(expected.get("plain")));
            assertThat(tokenizer.decode(ids, true))
                    .as("\"%s\"", text)
                    .isEqualTo(expected.get("decoded").asString());
        }
    }

    private static int[] ids(JsonNode list) {
        return list.valueStream().mapToInt(JsonNode::asInt).toArray();
    }
}
