package awq4j.eval.speed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.UnsupportedModelException;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.Precision;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.runtime.Sequence;
import awq4j.tensor.DType;
import awq4j.weight.Weight;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RandomCheckpointTest {
    private static final List<WeightKind> KINDS = List.of(
            new WeightKind.Quantized(128),
            new WeightKind.Quantized(32),
            new WeightKind.Quantized(Integer.MAX_VALUE),
            new WeightKind.Plain(DType.BF16),
            new WeightKind.Plain(DType.F16),
            new WeightKind.Plain(DType.F32));

    @TempDir
    private Path folder;

    @ParameterizedTest
    @EnumSource
    void everyFamilyOpensAndRunsInEveryKind(TinyShapes tiny) {
        ModelShape shape = tiny.shape(folder);
        for (WeightKind kind : KINDS) {
            for (Precision precision : Precision.values()) {
                try (var checkpoint = new RandomCheckpoint(shape, kind);
                        var backend = CpuBackend.open(new CpuOptions(CpuOptions.Arithmetic.AUTO, precision, 1))) {
                    var transformer = Transformer.open(backend, Families.spec(checkpoint), checkpoint, 8);
                    var sequence = new Sequence(transformer, KvPrecision.F16, 20);
                    float[] logits = new float[96];
                    sequence.append(new int[] {1, 95, 7, 0, 3, 9, 4, 4, 80, 11, 12}, 0, logits, () -> false);
                    assertThat(spread(logits))
                            .as("%s %s %s: neither all equal nor overflown", tiny, kind, precision)
                            .isBetween(0.1, 30.0);
                }
            }
        }
    }

    /** Root of the mean square; NaN or infinite if a value is. */
    private static double spread(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value * value;
        }
        return Math.sqrt(sum / values.length);
    }

    @Test
    void everyTestedFamilyIsEveryFamily() {
        Set<String> tested = Stream.of(TinyShapes.values())
                .map(tiny -> tiny.shape(folder).spec().family())
                .collect(Collectors.toSet());
        assertThat(Families.all()).hasSameSizeAs(tested);
    }

    @Test
    void quantizedMatricesShareTheirCodes() {
        try (var checkpoint = new RandomCheckpoint(TinyShapes.LLAMA.shape(folder), new WeightKind.Quantized(32))) {
            Weight first = checkpoint.linear("model.layers.0.mlp.up_proj");
            Weight second = checkpoint.linear("model.layers.1.mlp.up_proj");
            assertThat(first.values().address()).isEqualTo(second.values().address());
            assertThat(first.values().byteSize()).isEqualTo(160 * 64 / 2);
            assertThat(checkpoint.quantization().orElseThrow().groupSize()).isEqualTo(32);
        }
    }

    @Test
    void plainMatricesHaveMemoryEachAndKeepIt() {
        try (var checkpoint = new RandomCheckpoint(TinyShapes.LLAMA.shape(folder), new WeightKind.Plain(DType.BF16))) {
            checkpoint.fill();
            Weight first = checkpoint.linear("model.layers.0.mlp.up_proj");
            Weight second = checkpoint.linear("model.layers.1.mlp.up_proj");
            assertThat(first.values().address()).isNotEqualTo(second.values().address());
            assertThat(checkpoint.linear("model.layers.0.mlp.up_proj")).isSameAs(first);
            assertThat(checkpoint.quantization()).isEmpty();
        }
    }

    @Test
    void whatTheModelDoesNotHaveIsRefused() {
        try (var checkpoint = new RandomCheckpoint(TinyShapes.TIED.shape(folder), new WeightKind.Quantized(32))) {
            assertThat(checkpoint.hasLinear("lm_head")).isFalse();
            assertThatThrownBy(() -> checkpoint.linear("lm_head"))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessage("a random tiny-TIED has no linear lm_head");
        }
    }

    @Test
    void memoryIsEstimatedFromTheWeights() {
        var spec = ModelShape.of("tinyllama-1.1b").spec();
        long plain = RandomCheckpoint.memoryBytes(spec, new WeightKind.Plain(DType.BF16));
        assertThat(plain).isBetween(2_190_000_000L, 2_210_000_000L);
        assertThat(RandomCheckpoint.memoryBytes(spec, new WeightKind.Quantized(128)))
                .isBetween(700_000_000L, 1_000_000_000L);
    }
}
