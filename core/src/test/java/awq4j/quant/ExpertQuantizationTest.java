package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.UnsupportedModelException;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.StepBatch;
import awq4j.model.StepBatch.Logits;
import awq4j.model.Taps;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.quant.QuantScheme.Range;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Quantizing blocks with experts. */
class ExpertQuantizationTest {
    private static final QuantScheme INT4_G16 = new QuantScheme(4, 16, false, Range.REFERENCE);
    private static final int SEQUENCES = 6;
    private static final int LENGTH = 16;
    private static final int TOKENS = SEQUENCES * LENGTH;

    private final Backend backend = CpuBackend.open(CpuOptions.DEFAULT);

    @AfterEach
    void close() {
        backend.close();
    }

    /** The second block of a golden model, and what flows into it. */
    private final class Case implements AutoCloseable {
        final Checkpoint checkpoint;
        final ModelSpec model;
        final BlockRunner runner;
        final BlockSpec spec;
        final Mlp.Experts mixture;
        final float[] hidden;

        Case(String folder) {
            checkpoint = Checkpoints.open(Golden.path("models/" + folder));
            model = Families.spec(checkpoint);
            runner = new BlockRunner(backend, model);
            spec = model.blocks().get(1);
            mixture = (Mlp.Experts) spec.mlp();
            var random = new Random(5);
            hidden = new float[TOKENS * model.hidden()];
            for (int i = 0; i < hidden.length; i++) {
                hidden[i] = (float) random.nextGaussian() * (i % model.hidden() % 20 == 3 ? 10 : 1);
            }
        }

        BlockWeights weights() {
            return BlockWeights.load(spec, Parameters.of(checkpoint));
        }

        BlockCapture capture(boolean everyExpert) {
            return runner.capture(spec, weights(), hidden, SEQUENCES, LENGTH, everyExpert)
                    .capture();
        }

        /** Numbers of experts by the tokens that they saw, fewest first. */
        int[] byTokens(BlockCapture capture) {
            return IntStream.range(0, mixture.experts().size())
                    .boxed()
                    .sorted((a, b) -> Integer.compare(seen(capture, a), seen(capture, b)))
                    .mapToInt(e -> e)
                    .toArray();
        }

        int seen(BlockCapture capture, int expert) {
            return capture.seen(mixture.experts().get(expert).down());
        }

        @Override
        public void close() {
            checkpoint.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"mixtral", "qwen2_moe", "qwen3_moe", "olmoe"})
    void foldedModelGivesTheSameLogits(String name) {
        try (Checkpoint checkpoint = Checkpoints.open(Golden.path("models/" + name))) {
            ModelSpec model = Families.spec(checkpoint);
            float[] logits = logits(model, checkpoint);
            assertThat(greatest(logits, logits(model, folded(model, checkpoint, false))))
                    .isLessThan(1e-4f);
            // what this test is for: an uncompensated router sends tokens elsewhere
            assertThat(greatest(logits, logits(model, folded(model, checkpoint, true))))
                    .isGreaterThan(1e-2f);
        }
    }

    /** The model with seeded scales folded into it, perhaps not into what steers. */
    private Checkpoint folded(ModelSpec model, Checkpoint checkpoint, boolean forgetful) {
        var random = new Random(3);
        var changed = new HashMap<String, float[]>();
        for (BlockSpec spec : model.blocks()) {
            BlockWeights weights = BlockWeights.load(spec, Parameters.of(checkpoint));
            var touched = new HashSet<String>();
            for (ScaleGroup group : spec.scaleGroups()) {
                float[] scale = new float[group.linears().getFirst().columns()];
                for (int c = 0; c < scale.length; c++) {
                    scale[c] = (float) Math.pow(2, 4 * random.nextDouble() - 2);
                }
                if (group.fold() instanceof Fold.IntoRows into) { // columns that share a row share its scale
                    for (int c = 0; c < scale.length; c++) {
                        scale[c] = scale[into.row(c)];
                    }
                }
                var linears = new ArrayList<>(group.linears());
                linears.removeIf(linear -> forgetful && spec.steers(linear));
                Folding.fold(new ScaleGroup(linears, group.fold(), group.inspect()), scale, weights, touched);
            }
            spec.linears().forEach(linear -> changed.put(linear.name() + ".weight", weights.values(linear.name())));
            changed.putAll(weights.vectors());
        }
        return new Overlay(checkpoint, Map.of(), changed);
    }

    private float[] logits(ModelSpec model, Checkpoint checkpoint) {
        var transformer = Transformer.open(backend, model, checkpoint, 32);
        int[] tokens = new Random(1).ints(32, 0, model.vocabulary()).toArray();
        var buffer = Objects.requireNonNull(transformer.forward(
                StepBatch.of(tokens, 0, Logits.ALL), List.of(transformer.newSequence(KvPrecision.F32, 32)), Taps.NONE));
        float[] logits = new float[buffer.rows() * buffer.columns()];
        backend.read(buffer, logits);
        return logits;
    }

    private static float greatest(float[] a, float[] b) {
        assertThat(a).hasSameSizeAs(b);
        float greatest = 0;
        for (int i = 0; i < a.length; i++) {
            greatest = Math.max(greatest, Math.abs(a[i] - b[i]));
        }
        return greatest;
    }

    @ParameterizedTest
    @ValueSource(strings = {"mixtral", "qwen2_moe", "qwen3_moe", "olmoe"})
    void scaleOfTheNormReachesAllThatReadIt(String name) {
        try (var block = new Case(name)) {
            var readers = block.spec.scaleGroups().stream()
                    .filter(group -> group.fold() instanceof Fold.IntoNorm
                            && group.linears().contains(block.mixture.router()))
                    .findFirst()
                    .orElseThrow()
                    .linears();
            var expected = block.spec.mlp().linears().stream()
                    .filter(linear -> !linear.name().matches(".*(down_proj|w2)"))
                    .toList();
            assertThat(readers).containsExactlyInAnyOrderElementsOf(expected);
        }
    }

    @Test
    void everyExpertSeesItsOwnTokens() {
        try (var block = new Case("qwen2_moe")) {
            BlockCapture capture = block.capture(false);
            float[] all = capture.input(block.mixture.router().name());
            int hidden = block.model.hidden();
            int sum = 0;
            for (Mlp.Gated expert : block.mixture.experts()) {
                int[] rows =
                        Objects.requireNonNull(capture.picked().get(expert.up().name()));
                assertThat(rows).isSorted().doesNotHaveDuplicates();
                float[] own = capture.input(expert.gate().name());
                for (int i = 0; i < own.length; i++) {
                    assertThat(own[i]).isEqualTo(all[rows[i / hidden] * hidden + i % hidden]);
                }
                assertThat(capture.sameInput(expert.gate(), expert.up())).isTrue();
                assertThat(capture.sameInput(expert.gate(), block.mixture.router()))
                        .isFalse();
                assertSame(
                        inner(block, expert, own), capture.input(expert.down().name()));
                sum += capture.seen(expert.down());
            }
            assertThat(sum).isEqualTo(TOKENS * block.mixture.chosen());
            Mlp.Gated shared = block.mixture.shared().mlp();
            assertThat(capture.sameInput(shared.gate(), block.mixture.router())).isTrue();
            assertThat(capture.seen(shared.down())).isEqualTo(TOKENS);
        }
    }

    @Test
    void everyExpertMaySeeAllTokensAndTheOutputStays() {
        try (var block = new Case("mixtral")) {
            var some = block.runner.capture(block.spec, block.weights(), block.hidden, SEQUENCES, LENGTH);
            var every = block.runner.capture(block.spec, block.weights(), block.hidden, SEQUENCES, LENGTH, true);
            assertSame(every.outputs(), some.outputs());
            for (Mlp.Gated expert : block.mixture.experts()) {
                assertThat(every.capture().seen(expert.up())).isEqualTo(TOKENS);
                float[] all = every.capture().input(expert.gate().name());
                assertThat(all)
                        .isSameAs(every.capture().input(block.mixture.router().name()));
                assertSame(
                        inner(block, expert, all),
                        every.capture().input(expert.down().name()));
            }
        }
    }

    /** What the last linear of an expert sees, by the definition. */
    private static float[] inner(Case block, Mlp.Gated expert, float[] x) {
        BlockWeights weights = block.weights();
        float[] gate = weights.values(expert.gate().name());
        float[] up = weights.values(expert.up().name());
        int columns = expert.gate().columns();
        int width = expert.gate().rows();
        float[] inner = new float[x.length / columns * width];
        for (int i = 0; i < inner.length; i++) {
            double g = 0;
            double u = 0;
            for (int c = 0; c < columns; c++) {
                g += (double) gate[i % width * columns + c] * x[i / width * columns + c];
                u += (double) up[i % width * columns + c] * x[i / width * columns + c];
            }
            inner[i] = (float) (g / (1 + Math.exp(-g)) * u);
        }
        return inner;
    }

    private static void assertSame(float[] found, float[] expected) {
        assertThat(found).hasSameSizeAs(expected);
        for (int i = 0; i < found.length; i++) {
            assertThat(Math.abs(found[i] - expected[i])).isLessThanOrEqualTo(1e-4f * (1 + Math.abs(expected[i])));
        }
    }

    @Test
    void overflowOfAnExpertIsNamedWithItsToken() {
        try (var block = new Case("mixtral")) {
            BlockCapture capture = block.capture(false);
            int last = block.byTokens(capture)[3];
            Mlp.Gated expert = block.mixture.experts().get(last);
            BlockWeights weights = block.weights();
            Arrays.fill(weights.values(expert.up().name()), Float.MAX_VALUE);
            int token = Objects.requireNonNull(capture.picked().get(expert.up().name()))[0];
            assertThatExceptionOfType(UnsupportedModelException.class)
                    .isThrownBy(() -> block.runner.capture(block.spec, weights, block.hidden, SEQUENCES, LENGTH))
                    .withMessageMatching(
                            "block 1: the input of " + expert.down().name()
                                    + " is (NaN|-?Infinity) at sequence " + token / LENGTH + ", token " + token % LENGTH
                                    + ", channel 0, .*");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"mixtral", "qwen2_moe"})
    void whatSteersIsScaledAndStaysUnquantized(String name) {
        try (var block = new Case(name)) {
            var settings = new Awq.Settings(Scaling.PLAIN, true, TOKENS, 1, false);
            var result = new Awq(block.runner, settings)
                    .quantize(block.spec, block.weights(), block.capture(false), INT4_G16);
            for (Linear linear : block.spec.linears()) {
                boolean steers = block.spec.steers(linear);
                LinearReport report = report(result, linear);
                assertThat(report.quantized()).as(linear.name()).isEqualTo(!steers);
                assertThat(result.linears().containsKey(linear.name())).isEqualTo(!steers);
                assertThat(result.changed().containsKey(linear.name() + ".weight"))
                        .isEqualTo(steers);
                if (!steers) {
                    assertThat(report.lossAfter()).as(linear.name()).isLessThan(report.lossBefore() * 1.5);
                }
            }
            assertThat(report(result, block.mixture.router()).reason())
                    .isEqualTo("stays unquantized: it decides which experts a token goes to, or how much one counts");
            float[] scale = result.recipe().scales().stream()
                    .filter(group ->
                            group.linears().contains(block.mixture.router().name()))
                    .findFirst()
                    .orElseThrow()
                    .scale();
            float[] expected = block.weights().values(block.mixture.router().name());
            Folding.multiplyColumns(expected, scale);
            assertThat(result.changed().get(block.mixture.router().name() + ".weight"))
                    .isEqualTo(expected);
        }
    }

    /** A quantized block sends tokens where the plain one does: nothing of that is rounded. */
    @Test
    void tokensGoWhereTheyWent() {
        try (var block = new Case("qwen3_moe")) {
            BlockCapture before = block.capture(false);
            var settings = new Awq.Settings(Scaling.DUO, true, TOKENS, 1, false);
            var result = new Awq(block.runner, settings).quantize(block.spec, block.weights(), before, INT4_G16);
            BlockWeights rounded = BlockWeights.load(
                    block.spec, Parameters.of(new Overlay(block.checkpoint, result.linears(), result.changed())));
            BlockWeights weights = block.weights(); // with attention as it was, which decides what the router sees
            for (Linear linear : block.mixture.linears()) {
                copy(rounded.values(linear.name()), weights.values(linear.name()));
            }
            String norm = block.spec.residual().norms().getLast().name() + ".weight";
            copy(rounded.vectors().get(norm), weights.vectors().get(norm));
            BlockCapture after = block.runner
                    .capture(block.spec, weights, block.hidden, SEQUENCES, LENGTH)
                    .capture();
            for (Mlp.Gated expert : block.mixture.experts()) {
                assertThat(after.picked().get(expert.up().name()))
                        .isEqualTo(before.picked().get(expert.up().name()));
            }
        }
    }

    private static void copy(float[] from, float[] to) {
        System.arraycopy(from, 0, to, 0, to.length);
    }

    @Test
    void anExpertThatSawTooLittleIsRoundedPlainlyAndTheReportSaysSo() {
        try (var block = new Case("mixtral")) {
            BlockCapture capture = block.capture(false);
            int[] order = block.byTokens(capture);
            int least = block.seen(capture, order[0]) + 1;
            assertThat(block.seen(capture, order[1])).isGreaterThanOrEqualTo(least);
            var settings = new Awq.Settings(Scaling.PLAIN, true, TOKENS, least, false);
            var result = new Awq(block.runner, settings).quantize(block.spec, block.weights(), capture, INT4_G16);
            for (int e : order) {
                boolean starved = e == order[0];
                Mlp.Gated expert = block.mixture.experts().get(e);
                for (Linear linear : expert.linears()) {
                    LinearReport report = report(result, linear);
                    assertThat(report.tokens()).isEqualTo(block.seen(capture, e));
                    assertThat(report.quantized()).isTrue();
                    assertThat(report.reason())
                            .isEqualTo(
                                    starved
                                            ? "rounded plainly: its expert saw " + (least - 1)
                                                    + " calibration tokens, a search takes " + least
                                            : null);
                    assertThat(result.recipe().clips().containsKey(linear.name()))
                            .isEqualTo(!starved);
                }
                assertThat(result.recipe().scales().stream()
                                .anyMatch(
                                        group -> group.fold().equals(expert.up().name())))
                        .isEqualTo(!starved);
            }
        }
    }

    @Test
    void anExpertThatSawNothingHasNoLosses() {
        try (var block = new Case("mixtral")) {
            BlockWeights weights = block.weights();
            float[] router = weights.values(block.mixture.router().name());
            int columns = block.mixture.router().columns();
            // two experts are always ahead: where their outputs cannot be, the others' are not either
            System.arraycopy(router, 0, router, 2 * columns, columns);
            System.arraycopy(router, 0, router, 3 * columns, columns);
            System.arraycopy(router, 0, router, columns, columns);
            BlockCapture capture = block.runner
                    .capture(block.spec, weights, block.hidden, SEQUENCES, LENGTH)
                    .capture();
            assertThat(block.seen(capture, 3)).isZero();
            var result = new Awq(block.runner, Awq.Settings.DEFAULT).quantize(block.spec, weights, capture, INT4_G16);
            Linear down = block.mixture.experts().get(3).down();
            assertThat(report(result, down).lossBefore()).isNaN();
            assertThat(report(result, down).lossAfter()).isNaN();
            assertThat(report(result, down).reason())
                    .isEqualTo("rounded plainly: its expert saw 0 calibration tokens, a search takes 64");
            assertThat(report(result, block.mixture.experts().get(0).down()).reason())
                    .isNull();
        }
    }

    @Test
    void everyExpertIsSearchedIfItSeesAllTokens() {
        try (var block = new Case("mixtral")) {
            var settings = new Awq.Settings(Scaling.PLAIN, true, TOKENS, TOKENS, false).seeingEveryExpert();
            var method = new Awq(block.runner, settings);
            assertThat(method.everyExpert()).isTrue();
            var result = method.quantize(block.spec, block.weights(), block.capture(true), INT4_G16);
            assertThat(result.reports())
                    .filteredOn(LinearReport::quantized)
                    .allMatch(report -> report.reason() == null && report.tokens() == TOKENS);
        }
    }

    @Test
    void recipeAndThreadsGiveTheSameBits() {
        try (var block = new Case("qwen2_moe");
                Backend three = CpuBackend.open(new CpuOptions(CpuOptions.Arithmetic.AUTO, 3))) {
            var settings = new Awq.Settings(Scaling.DUO, true, 50, 10, false);
            BlockCapture capture = block.capture(false);
            var searched = new Awq(block.runner, settings).quantize(block.spec, block.weights(), capture, INT4_G16);
            var together = new Awq(new BlockRunner(three, block.model), settings)
                    .quantize(block.spec, block.weights(), capture, INT4_G16);
            var repeated = new FromRecipe("awq", spec -> searched.recipe())
                    .quantize(block.spec, block.weights(), BlockCapture.NONE, INT4_G16);
            for (QuantizedBlock other : List.of(together, repeated)) {
                assertThat(other.linears().keySet())
                        .containsExactlyElementsOf(searched.linears().keySet());
                searched.linears()
                        .forEach((name, weight) -> assertThat(
                                        other.linears().get(name).values().toArray(ValueLayout.JAVA_BYTE))
                                .as(name)
                                .isEqualTo(weight.values().toArray(ValueLayout.JAVA_BYTE)));
                searched.changed()
                        .forEach((name, values) ->
                                assertThat(other.changed().get(name)).as(name).isEqualTo(values));
            }
        }
    }

    @Test
    void subsetOfAnExpertIsSpreadOverWhatItSaw() {
        int[] rows = {1, 2, 3, 5, 7, 8, 9, 11};
        float[] all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
        var linear = new Linear("experts.0.up", 4, 1, false);
        var capture = new BlockCapture(6, 2, Map.of("experts.0.up", all), Map.of("experts.0.up", rows));
        assertThat(TokenSubset.of(capture, 4).input(linear)).containsExactly(1, 3, 7, 9);
        assertThat(TokenSubset.of(capture, 9).input(linear)).containsExactly(1, 2, 3, 5, 7, 8, 9, 11);
        assertThat(TokenSubset.of(capture, 100).input(linear)).hasSize(8);
    }

    private static LinearReport report(QuantizedBlock block, Linear linear) {
        return block.reports().stream()
                .filter(report -> report.name().equals(linear.name()))
                .findFirst()
                .orElseThrow();
    }
}
