package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoredTensorsTest {
    @TempDir
    private Path folder;

    /** As TinyChatEngine's folders have: every tensor is a file of its own, and all are called the same. */
    @Test
    void filesOfOneNameAreCountedApart() throws IOException {
        for (String module : new String[] {"norm", "embed_tokens", "layer0/input_layernorm"}) {
            Path place = Files.createDirectories(folder.resolve("decoder").resolve(module));
            Files.write(place.resolve("weight.bin"), new byte[module.equals("embed_tokens") ? 320 : 32]);
        }
        StoredTensors stored = StoredTensors.of(folder);
        assertThat(stored.files()).hasSize(3);
        assertThat(stored.fileBytes()).isEqualTo(384);
        assertThat(stored.tensorBytes()).isEqualTo(384);
        assertThat(stored.tensors()).hasSize(3);
    }
}
