package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class RooflineCommandTest {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private static final String CONFIG = """
            {"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 160,
             "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 96,
             "max_position_embeddings": 64}
            """;

    @TempDir
    private Path folder;

    @Test
    void thePageHoldsEverythingAndTheSameNumbersAsTheFile() throws IOException {
        Path html = folder.resolve("r & d.html");
        Path file = folder.resolve("r.json");
        var program = run("--html", html, "--json", file, "--threads", 2);
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.out())
                .startsWith("linears of <b>tiny, random weights\n")
                .containsPattern("\nf16 +64 ")
                .containsPattern("\nw4a8 +1 ");
        JsonNode json = MAPPER.readTree(file.toFile());
        String page = Files.readString(html);
        assertThat(page).doesNotContain("{{", "<b>tiny");
        assertThat(page).contains("<title>Roofline: the linears of &lt;b&gt;tiny on ");
        assertThat(data(page)).isEqualTo(json);
        checkNothingIsFetched(page);
        assertThat(page)
                .contains("awq4j bench roofline --shape ", "'" + folder + "/r &amp; d.html'", "--threads 2")
                .contains(System.getProperty("java.version"))
                .contains("multiply-add", "@media (prefers-color-scheme: dark)");
    }

    @Test
    void theNumbersFollowFromOperationsBytesAndSeconds() throws IOException {
        Path file = folder.resolve("r.json");
        assertThat(run("--json", file, "--precision", "f16,w4a8").code()).isZero();
        JsonNode json = MAPPER.readTree(file.toFile());
        assertThat(json.path("points").size()).isEqualTo(2 * 5 * 7);
        for (JsonNode point : json.path("points")) {
            double operations = point.path("operations").asDouble();
            assertThat(point.path("intensity").asDouble())
                    .isEqualTo(operations / point.path("bytes").asDouble());
            assertThat(point.path("gops").asDouble())
                    .isCloseTo(
                            operations / point.path("seconds").asDouble() / 1e9,
                            org.assertj.core.data.Percentage.withPercentage(1e-6));
        }
        // q, k, v of one token in float16: 2 * 128 * 64 operations; as many bytes, and 64 + 128 floats
        JsonNode first = json.path("points").path(0);
        assertThat(first.path("kind").asString()).isEqualTo("q, k, v");
        assertThat(first.path("operations").asDouble()).isEqualTo(16_384);
        assertThat(first.path("bytes").asDouble()).isEqualTo(16_384 + 768);
        JsonNode shift = json.path("shift");
        assertThat(shift.path("intensity").asDouble())
                .isEqualTo(shift.at("/to/intensity").asDouble()
                        / shift.at("/from/intensity").asDouble())
                .isGreaterThan(1.5);
        assertThat(json.path("whole").size()).isEqualTo(2 * 7);
        assertThat(json.at("/ceilings/read_gbps").asDouble()).isPositive();
        assertThat(json.at("/machine/jdk").asString()).isNotBlank();
    }

    @Test
    void wrongUsageIsToldBeforeAnythingIsMeasured() throws IOException {
        assertThat(run("--time", 0).err()).contains("--time must be positive, was 0");
        assertThat(run("--threads", -1).err()).contains("threads must be in [0, 1024], was -1");
        Path missing = folder.resolve("missing/r.html");
        assertThat(run("--html", missing).err()).contains("there is no folder " + missing.getParent());
        assertThat(Program.run("bench", "roofline", "--shape", "tinylama").err())
                .contains("shape tinylama is neither one that is known");
        assertThat(Program.run("bench", "--help").out()).contains("roofline");
    }

    /** No tag and no style of the page makes a browser fetch something; the library's own text is left alone. */
    private static void checkNothingIsFetched(String page) {
        int library = page.indexOf("<script>");
        String own = page.substring(0, library) + page.substring(page.indexOf("<script id=\"data\""));
        assertThat(own).doesNotContain("http:", "https:", "src=", "href=", "url(", "@import", "fetch(", "import ");
        String code = page.substring(library, page.indexOf("<script id=\"data\""));
        var addresses =
                Pattern.compile("https?://([\\w.]+)").matcher(code).results().map(match -> match.group(1));
        // names of XML vocabularies, and where the licences are
        assertThat(addresses.distinct()).isSubsetOf("www.w3.org", "www.apache.org", "github.com");
        assertThat(page.split("<script", -1)).hasSize(4);
        assertThat(page.split("</script>", -1)).hasSize(4);
    }

    private static JsonNode data(String page) {
        String start = "<script id=\"data\" type=\"application/json\">";
        int at = page.indexOf(start) + start.length();
        return MAPPER.readTree(page.substring(at, page.indexOf("</script>", at)));
    }

    private Program run(Object... arguments) throws IOException {
        Path shape = Files.writeString(folder.resolve("<b>tiny.json"), CONFIG);
        var all = new ArrayList<Object>(List.of("bench", "roofline", "--shape", shape, "--group-size", 32));
        if (!List.of(arguments).contains("--time")) {
            all.addAll(List.of("--time", 1));
        }
        all.addAll(List.of("--runs", 1, "--read-region", 4));
        all.addAll(List.of(arguments));
        return Program.run(all.toArray());
    }
}
