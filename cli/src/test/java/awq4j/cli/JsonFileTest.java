package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonFileTest {
    @TempDir
    private Path folder;

    @Test
    void replacesTheFileAndLeavesNothingBeside() throws IOException {
        Path file = folder.resolve("result.json");
        var value = new LinkedHashMap<String, Object>();
        value.put("ppl", 48.5);
        value.put("bytes", 12L);
        JsonFile.write(file, new int[] {1});
        JsonFile.write(file, value);
        assertThat(file).content().isEqualToIgnoringNewLines("{\n  \"ppl\" : 48.5,\n  \"bytes\" : 12\n}");
        assertThat(folder).isDirectoryNotContaining(path -> !path.equals(file));
    }

    @Test
    void aMissingFolderIsNamed() {
        Path file = folder.resolve("missing/result.json");
        assertThatThrownBy(() -> JsonFile.write(file, 1))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("there is no folder " + file.getParent());
    }
}
