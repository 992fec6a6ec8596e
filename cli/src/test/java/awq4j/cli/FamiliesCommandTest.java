package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.model.ModelFamily;
import awq4j.model.family.Families;
import java.io.IOException;
import java.nio.file.Path;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class FamiliesCommandTest {
    @Test
    void everyFamilyHasThreeLines() {
        var program = Program.run("families");
        assertThat(program.code()).isZero();
        assertThat(program.err()).isEmpty();
        for (ModelFamily family : Families.all()) {
            assertThat(program.out())
                    .containsPattern("(?m)^\\Q" + family.title() + "\\E( \\*)? +\\Q"
                            + String.join(", ", new TreeSet<>(family.architectures())) + "\\E\n {13}\\Q"
                            + family.models() + "\\E\n {13}run, quantize, AWQ, GPTQ"
                            + (family.uses().contains(ModelFamily.Use.GGUF) ? ", GGUF$" : "$"));
        }
        assertThat(program.out().lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(Screen.WIDTH));
    }

    @Test
    void jsonHoldsTheSame(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("families.json");
        assertThat(Program.run("families", "--json", file).code()).isZero();
        JsonNode json = new JsonMapper().readTree(file);
        assertThat(json.size()).isEqualTo(Families.all().size());
        assertThat(json.get(0).path("family").asString()).isEqualTo("Llama");
        assertThat(json.get(0).path("architectures").get(1).asString()).isEqualTo("LlamaForCausalLM");
        assertThat(json.get(0).path("compared_with").asString()).isEqualTo("transformers");
        assertThat(json.get(0).path("uses").size()).isEqualTo(5);
    }
}
