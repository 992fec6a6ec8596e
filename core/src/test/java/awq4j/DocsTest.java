package awq4j;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.model.ModelFamily;
import awq4j.model.ModelFamily.Use;
import awq4j.model.family.Families;
import awq4j.testing.Layers;
import awq4j.testing.Markdown;
import awq4j.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the documents say about the code, as far as a test can know. */
class DocsTest {
    private static final Path ROOT = Repository.root();

    @Test
    void linksLeadSomewhere() {
        assertThat(Markdown.files(ROOT)).contains(ROOT.resolve("README.md"), ROOT.resolve("docs/architecture.md"));
        assertThat(Markdown.deadLinks(ROOT)).isEmpty();
    }

    @Test
    void architectureShowsTheLineThatIsChecked() throws IOException {
        assertThat(read("docs/architecture.md")).contains("    " + Layers.written() + "\n");
    }

    @Test
    void pictureShowsThePackagesInTheirOrder() throws IOException {
        String picture = read("docs/architecture.svg");
        String names = Layers.written().replace("(", "").replace(")", "");
        int at = -1;
        for (String name : names.split(" · ", -1)) {
            int next = picture.indexOf(">" + name + "<", at + 1);
            assertThat(next).as(name).isGreaterThan(at);
            at = next;
        }
    }

    @Test
    void readmeShowsTheFamiliesAndNoOther() throws IOException {
        List<String> rows = Families.all().stream().map(DocsTest::row).toList();
        assertThat(read("README.md")).contains(HEADING);
        assertThat(read("README.md")
                        .lines()
                        .filter(line -> line.contains("ForCausalLM`") || line.contains("HeadModel`")))
                .containsExactlyElementsOf(rows);
    }

    private static final String HEADING =
            "| Family | Architectures in `config.json` | Models, for example | Compared with |"
                    + Arrays.stream(Use.values())
                            .map(use -> " " + use.label() + " |")
                            .collect(Collectors.joining())
                    + "\n|---|---|---|---|" + ":-:|".repeat(Use.values().length) + "\n";

    /** {@code FamilyUsesTest} proves the marks. */
    private static String row(ModelFamily family) {
        String architectures = new TreeSet<>(family.architectures())
                .stream().map(name -> "`" + name + "`").collect(Collectors.joining(", "));
        String proof = switch (family.proof()) {
            case TRANSFORMERS -> "transformers";
            case DEFINITION -> "its definition";
        };
        String uses = Arrays.stream(Use.values())
                .map(use -> family.uses().contains(use) ? " ✓ |" : " – |")
                .collect(Collectors.joining());
        return "| " + family.title() + " | " + architectures + " | " + family.models() + " | " + proof + " |" + uses;
    }

    @ParameterizedTest
    @ValueSource(strings = {"docs/adr", "docs/results"})
    void everyPageOfAFolderIsInItsList(String folder) throws IOException {
        String list = read(folder + "/README.md");
        try (Stream<Path> pages = Files.list(ROOT.resolve(folder))) {
            assertThat(pages.map(page -> page.getFileName().toString())
                            .filter(name -> name.endsWith(".md") && !name.equals("README.md")))
                    .allSatisfy(name -> assertThat(list).contains("(" + name + ")"));
        }
    }

    @Test
    void deadLinkIsReported(@TempDir Path root) throws IOException {
        Files.writeString(root.resolve("a.md"), """
                # A heading, with `code`
                [fine](b.md) [fine](b.md#b) [fine](#a-heading-with-code) [far](https://example.org/x)
                [dead](c.md) [dead](b.md#c)
                ```
                [code](d.md)
                ```
                """);
        Files.writeString(root.resolve("b.md"), "# B\n");
        assertThat(Markdown.deadLinks(root)).containsExactly("a.md: b.md#c", "a.md: c.md");
    }

    private static String read(String file) throws IOException {
        return Files.readString(ROOT.resolve(file));
    }
}
