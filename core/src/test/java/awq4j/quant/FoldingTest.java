package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.Definition;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.Parameters;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.ScaleGroup.Inspect;
import awq4j.model.StepBatch;
import awq4j.model.StepBatch.Logits;
import awq4j.model.Taps;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class FoldingTest {
    private static final long SEED = 11;

    /** Of an output's typical size; scales up to 4 and their inverses cost a few roundings. */
    private static final double TOLERANCE = 1e-4;

    @ParameterizedTest
    @MethodSource("awq4j.testing.GoldenFiles#models")
    void foldedBlockComputesTheSame(String folder) {
        try (Checkpoint checkpoint = Checkpoints.open(Golden.path("models/" + folder));
                Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            ModelSpec model = Families.spec(checkpoint);
            var runner = new BlockRunner(backend, model);
            var random = new Random(SEED);
            for (BlockSpec spec : model.blocks()) {
                float[] hidden = gaussian(random, 2 * 9 * model.hidden());
                BlockWeights weights = BlockWeights.load(spec, Parameters.of(checkpoint));
                float[] before = runner.capture(spec, weights, hidden, 2, 9).outputs();
                var touched = new HashSet<String>();
                for (ScaleGroup group : spec.scaleGroups()) {
                    assertThat(Folding.possible(group)).isTrue();
                    Folding.fold(group, scale(random, group), weights, touched);
                }
                float[] after = runner.capture(spec, weights, hidden, 2, 9).outputs();
                assertThat(touched).hasSizeGreaterThan(5);
                assertThat(after).hasSameSizeAs(before);
                for (int i = 0; i < after.length; i++) {
                    assertThat(Math.abs(after[i] - before[i]))
                            .as("block %d at %d, seed %d", spec.index(), i, SEED)
                            .isLessThan((float) (TOLERANCE * (1 + Math.abs(before[i]))));
                }
            }
        }
    }

    /** What folding rewrote, put into the checkpoint as it is stored, gives the logits that the reference computed. */
    @ParameterizedTest
    @MethodSource("awq4j.testing.GoldenFiles#models")
    void foldedModelGivesTheReferencesLogits(String folder) {
        Path path = Golden.path("models/" + folder);
        int[] tokens = awq4j.model.GoldenModel.integers(path.resolve("expected.json"), "input_ids");
        float[] logits = foldedLogits(path, tokens);
        float[] expected = awq4j.model.GoldenModel.floats(path.resolve("io.safetensors"), "logits");
        for (int i = 0; i < logits.length; i++) {
            assertThat(Math.abs(logits[i] - expected[i]))
                    .as("logit %d, seed %d", i, SEED)
                    .isLessThan((float) (TOLERANCE * (1 + Math.abs(expected[i]))));
        }
    }

    private static float[] foldedLogits(Path path, int[] tokens) {
        try (Checkpoint checkpoint = Checkpoints.open(path);
                Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            ModelSpec model = Families.spec(checkpoint);
            var random = new Random(SEED);
            var folded = new ArrayList<QuantizedBlock>();
            for (BlockSpec spec : model.blocks()) {
                BlockWeights weights = BlockWeights.load(spec, Parameters.of(checkpoint));
                var rounding = new BlockRounding(spec, weights, Quantizer.forCheckpoints(QuantScheme.INT4_G128));
                spec.scaleGroups().forEach(group -> rounding.fold(group, scale(random, group)));
                folded.add(rounding.finish(BlockRecipe.plain(spec.index()), List.of()));
            }
            assertThat(folded).allSatisfy(block -> assertThat(block.changed()).isNotEmpty());
            var transformer = Transformer.open(backend, model, new Overlay(checkpoint, folded), tokens.length);
            var cache = transformer.newSequence(KvPrecision.F32, tokens.length);
            var out = transformer.forward(StepBatch.of(tokens, 0, Logits.ALL), List.of(cache), Taps.NONE);
            float[] logits = new float[tokens.length * model.vocabulary()];
            backend.read(Objects.requireNonNull(out), logits);
            return logits;
        }
    }

    /** The same for families, and forms of families, that have a definition in place of a golden model. */
    @ParameterizedTest
    @MethodSource("awq4j.model.Definition#all")
    void foldedModelGivesTheDefinitionsLogits(Definition definition, @TempDir Path model) {
        int[] tokens = {7, 3, 41, 0, 19, 19, 30, 11, 2, 25, 46};
        float[] logits = foldedLogits(definition.write(model), tokens);
        double[][] expected = definition.logits().apply(tokens);
        for (int i = 0; i < logits.length; i++) {
            double one = expected[i / Definition.VOCABULARY][i % Definition.VOCABULARY];
            assertThat(Math.abs(logits[i] - one))
                    .as("logit %d, seed %d", i, SEED)
                    .isLessThan(TOLERANCE * (1 + Math.abs(one)));
        }
    }

    @Test
    void normWithoutParametersTakesNoScale() {
        var norm = new Norm.Layer("norm", 8, 1e-5f, false, false);
        assertThat(Folding.possible(new ScaleGroup(List.of(), new Fold.IntoNorm(norm), Inspect.ATTENTION)))
                .isFalse();
    }

    @Test
    void columnsThatOneRowFeedsCannotHaveDifferentScales() {
        var into = new Fold.IntoRows(new Linear("values", 2, 4, false), 2, 2);
        assertThat(Folding.ofRows(into, new float[] {3, 4, 3, 4})).containsExactly(3, 4);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Folding.ofRows(into, new float[] {3, 4, 3, 5}))
                .withMessage("row 1 of values feeds several columns, which have scales of 4.0 and 5.0");
    }

    private static float[] scale(Random random, ScaleGroup group) {
        float[] scale = new float[group.linears().getFirst().columns()];
        for (int c = 0; c < scale.length; c++) {
            scale[c] = (float) Math.pow(2, 4 * random.nextDouble() - 2);
        }
        if (group.fold() instanceof Fold.IntoRows into) { // columns that one row feeds have one scale
            float[] rows = scale.clone();
            for (int c = 0; c < scale.length; c++) {
                scale[c] = rows[into.row(c)];
            }
        }
        return scale;
    }

    private static float[] gaussian(Random random, int size) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
