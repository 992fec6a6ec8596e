package awq4j.model;

import static awq4j.model.Definition.VOCABULARY;
import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.family.Families;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Families without golden models against their definitions, on every kind of kernels. */
class DefinitionTest {
    private static final float LOGITS = 1e-4f;
    private static final int[] TOKENS = IntStream.range(0, 21)
            .map(i -> (i * i * 7 + 3 * i + 5) % VOCABULARY)
            .toArray();

    @ParameterizedTest
    @MethodSource("awq4j.model.Definition#all")
    void logitsAreTheDefinitions(Definition definition, @TempDir Path folder) {
        double[][] expected = definition.logits().apply(TOKENS);
        definition.write(folder);
        for (Arithmetic arithmetic : List.of(Arithmetic.SCALAR, Arithmetic.VECTOR)) {
            try (Backend backend = CpuBackend.open(new CpuOptions(arithmetic, 2));
                    GoldenModel model = GoldenModel.open(folder, backend)) {
                for (int chunk : new int[] {TOKENS.length, 5, 1}) {
                    float[] logits = model.run(TOKENS, chunk, KvPrecision.F32).logits();
                    for (int i = 0; i < logits.length; i++) {
                        double one = expected[i / VOCABULARY][i % VOCABULARY];
                        assertThat(Math.abs(logits[i] - one))
                                .as("%s, chunks of %d, logit %d, expected %f", arithmetic, chunk, i, one)
                                .isLessThan(LOGITS);
                    }
                }
                assertThat(model.greedy(TOKENS, 6)).containsExactly(greedy(definition, 6));
            }
        }
    }

    private static int[] greedy(Definition definition, int count) {
        int[] all = TOKENS;
        for (int i = 0; i < count; i++) {
            double[] last = definition.logits().apply(all)[all.length - 1];
            int best = IntStream.range(0, last.length)
                    .reduce((a, b) -> last[b] > last[a] ? b : a)
                    .orElseThrow();
            all = Arrays.copyOf(all, all.length + 1);
            all[all.length - 1] = best;
        }
        return Arrays.copyOfRange(all, TOKENS.length, all.length);
    }

    @ParameterizedTest
    @MethodSource("awq4j.model.Definition#all")
    void theFileHoldsWhatTheModelNeedsAndNoMore(Definition definition, @TempDir Path folder) {
        try (Checkpoint checkpoint = Checkpoints.open(definition.write(folder))) {
            var check = TensorCheck.of(Families.spec(checkpoint), checkpoint);
            assertThat(check.faults()).isEmpty();
            assertThat(check.unused()).isEmpty();
        }
    }

    @Test
    void everyFamilyWithoutGoldenModelHasADefinition() {
        var defined = Definition.all().map(Definition::architecture).collect(Collectors.toSet());
        assertThat(Families.all())
                .filteredOn(family -> family.proof() == ModelFamily.Proof.DEFINITION)
                .filteredOn(family -> !family.title().equals("OLMoE")) // its golden model comes from its definition
                .allSatisfy(family -> assertThat(family.architectures()).containsAnyElementsOf(defined));
    }
}
