package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.gguf.GgufFile;
import awq4j.format.pickle.PickleFile;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.testing.GoldenFiles;
import awq4j.testing.RawGguf;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files with a wrong name. */
class BeginningTest {
    @TempDir
    private Path folder;

    @Test
    void aFileOfAnotherFormatIsCalledByIt() throws IOException {
        Path safetensors = GoldenFiles.path("models/llama_gqa/model.safetensors");
        assertThatThrownBy(() -> GgufFile.open(safetensors))
                .hasMessageMatching("model.safetensors @ 0: expected a GGUF file, which begins with \"GGUF\", found the"
                        + " bytes [0-9a-f]{2} [0-9a-f]{2} 00 00; it looks like a safetensors file");
        assertThatThrownBy(() -> PickleFile.open(safetensors))
                .hasMessage("model.safetensors @ 0: is not a PyTorch file: begins neither as a zip nor as a pickle; it"
                        + " looks like a safetensors file");
        Path gguf = Files.write(folder.resolve("a.safetensors"), new RawGguf().bytes());
        assertThatThrownBy(() -> SafetensorsFile.open(gguf))
                .hasMessageMatching(
                        "a.safetensors @ 0: header length \\d+ is not in \\[2, 100000000\\]; it looks like a"
                                + " GGUF file");
        assertThat(Beginning.hint(whole("models/checkpoint_formats/tricky.pt")))
                .isEqualTo("; it looks like a zip, as PyTorch's files are");
        assertThat(Beginning.hint(whole("models/checkpoint_formats/tricky_legacy.pt")))
                .isEqualTo("; it looks like a file of PyTorch");
    }

    @Test
    void textsAreToldApart() {
        assertThat(hint("<!doctype html><html>"))
                .isEqualTo("; it looks like a web page, which a failed download leaves");
        assertThat(hint("{\"error\": \"not found\"}")).isEqualTo("; it looks like JSON");
        assertThat(hint("nothing that is known")).isEmpty();
        assertThat(hint("{\"")).isEmpty();
        assertThat(Beginning.bytes(MemorySegment.ofArray(new byte[] {1, -1}))).isEqualTo("the bytes 01 ff");
        assertThat(Beginning.bytes(MemorySegment.ofArray(new byte[0]))).isEqualTo("nothing");
    }

    private static String hint(String text) {
        return Beginning.hint(MemorySegment.ofArray(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static MemorySegment whole(String golden) throws IOException {
        return MemorySegment.ofArray(Files.readAllBytes(GoldenFiles.path(golden)));
    }
}
