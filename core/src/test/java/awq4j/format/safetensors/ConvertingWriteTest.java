package awq4j.format.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConvertingWriteTest {
    /** More than one piece of the writer, and not a whole number of them. */
    private static final int COUNT = (1 << 18) + 17;

    @TempDir
    private Path folder;

    @Test
    void floatsOfAnotherTypeAreRoundedInPassing() {
        var random = new Random(5);
        float[] values = new float[COUNT];
        for (int i = 0; i < COUNT; i++) {
            values[i] = (float) random.nextGaussian();
        }
        Tensor narrow = Tensor.ofFloats(values, COUNT).as(DType.BF16);
        Path file = folder.resolve("a.safetensors");
        SafetensorsWriter.write(file, Map.of(), List.of(new Source("x", DType.F16, Shape.of(COUNT), () -> narrow)));
        try (SafetensorsFile written = SafetensorsFile.open(file)) {
            assertThat(written.tensor("x").dtype()).isEqualTo(DType.F16);
            float[] read = written.tensor("x").toFloats();
            for (int i = 0; i < COUNT; i++) {
                assertThat(read[i]).isEqualTo(FloatFormats.roundToF16(FloatFormats.roundToBf16(values[i])));
            }
        }
    }

    @Test
    void integersAreNotMadeFloats() {
        Tensor ids = Tensor.ofInts(new int[] {1}, 1);
        assertThatThrownBy(() -> SafetensorsWriter.write(
                        folder.resolve("a.safetensors"),
                        Map.of(),
                        List.of(new Source("ids", DType.F16, Shape.of(1), () -> ids))))
                .hasMessage("tensor ids was announced as F16 [1], came as I32 [1]");
    }
}
