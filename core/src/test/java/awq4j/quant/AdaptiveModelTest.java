package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.UnsupportedModelException;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.quant.QuantScheme.Range;
import awq4j.runtime.Sequence;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdaptiveModelTest {
    private static final QuantScheme SCHEME = new QuantScheme(3, 32, false, Range.REFERENCE);
    private static final AdaptiveModel.Settings ALL = AdaptiveModel.Settings.DEFAULT
            .withScheme(SCHEME)
            .withThreshold(0)
            .withHalfLife(200)
            .withEvery(2);
    private static final int[][] FIRST = texts(1, 4, 60);
    private static final int[][] THEN = texts(2, 5, 80);

    /** A golden model that adapts. */
    private static final class Case implements AutoCloseable {
        final Checkpoint checkpoint;
        final Backend backend;
        final ModelSpec model;
        final Transformer transformer;
        final AdaptiveModel adaptive;

        Case(String folder, AdaptiveModel.Settings settings, CpuOptions cpu) {
            checkpoint = Checkpoints.open(Golden.path("models/" + folder));
            backend = CpuBackend.open(cpu);
            model = Families.spec(checkpoint);
            transformer = Transformer.open(backend, model, checkpoint, 64);
            adaptive = new AdaptiveModel(transformer, Parameters.of(checkpoint), settings);
        }

        Case(String folder, AdaptiveModel.Settings settings) {
            this(folder, settings, CpuOptions.DEFAULT);
        }

        /** What AWQ finds from nothing but the sums that the model holds now. */
        QuantizedBlock searched(BlockSpec spec, BlockWeights weights) {
            var statistics = new HashMap<String, InputStatistics>();
            for (Linear linear : spec.linears()) {
                statistics.put(linear.name(), adaptive.statistics(spec.source(linear)));
            }
            int tokens = statistics.values().iterator().next().tokens();
            var capture = new BlockCapture(1, tokens, java.util.Map.of(), java.util.Map.of(), statistics, null);
            var awq = new Awq.Settings(adaptive.settings().scaling(), true, 64).searching(Objective.GRAM);
            return new Awq(new BlockRunner(backend, model), awq).quantize(spec, weights, capture, SCHEME);
        }

        void requireSearchedFromScratch() {
            for (BlockSpec spec : model.blocks()) {
                BlockRecipe expected = searched(spec, BlockWeights.load(spec, Parameters.of(checkpoint)))
                        .recipe();
                BlockRecipe found = adaptive.recipe(spec.index());
                assertThat(found.scales()).hasSameSizeAs(expected.scales()).isNotEmpty();
                for (int i = 0; i < found.scales().size(); i++) {
                    assertThat(found.scales().get(i).fold())
                            .isEqualTo(expected.scales().get(i).fold());
                    assertThat(found.scales().get(i).scale())
                            .as(
                                    "block %d, %s",
                                    spec.index(), found.scales().get(i).fold())
                            .isEqualTo(expected.scales().get(i).scale());
                }
                assertThat(found.clips().keySet()).isEqualTo(expected.clips().keySet());
                expected.clips()
                        .forEach((name, clips) ->
                                assertThat(found.clips().get(name)).as(name).isEqualTo(clips));
            }
        }

        /** The logits behind the last of some tokens, from an empty sequence. */
        float[] logits(int[] tokens) {
            return after(new Sequence(transformer, KvPrecision.F32, 128), tokens, 0);
        }

        float[] after(Sequence sequence, int[] tokens, int from) {
            float[] logits = new float[model.vocabulary()];
            adaptive.watching(false);
            sequence.append(tokens, from, logits, () -> false);
            adaptive.watching(true);
            return logits;
        }

        @Override
        public void close() {
            backend.close();
            checkpoint.close();
        }
    }

    private static int[][] texts(long seed, int count, int length) {
        var random = new Random(seed);
        int[][] texts = new int[count][length];
        for (int[] text : texts) {
            for (int i = 0; i < length; i++) {
                text[i] = seed == 1 ? random.nextInt(40) : 40 + random.nextInt(100);
            }
        }
        return texts;
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama_mha", "llama_gqa", "opt", "mpt", "falcon_7b_like", "gemma2"})
    void whatIsDerivedIsWhatAwqFindsFromTheSameStatistics(String folder) {
        try (var it = new Case(folder, ALL)) {
            it.adaptive.calibrate(FIRST);
            it.adaptive.start();
            it.adaptive.read(THEN);
            assertThat(it.adaptive.adapt()).isNotEmpty();
            it.requireSearchedFromScratch();
        }
    }

    @Test
    void theFirstScalesAreThoseOfTheCalibrationText() {
        // so long a half-life that nothing of the calibration is made to count less
        try (var it = new Case("llama_mha", ALL.withHalfLife(1 << 20))) {
            it.adaptive.calibrate(FIRST);
            it.adaptive.start();
            it.requireSearchedFromScratch();
        }
    }

    @Test
    void theModelRunsOnWhatAwqWouldStore() {
        try (var it = new Case("llama_mha", ALL)) {
            it.adaptive.calibrate(FIRST);
            it.adaptive.start();
            it.adaptive.read(THEN);
            it.adaptive.adapt();
            float[] found = it.logits(THEN[0]);
            var stored = Transformer.open(it.backend, it.model, it.checkpoint, 64);
            for (BlockSpec spec : it.model.blocks()) {
                BlockWeights weights = BlockWeights.load(spec, Parameters.of(it.checkpoint));
                weights.take(it.searched(spec, weights)); // as a checkpoint of codes and float16 holds it
                stored.renew(spec, linear -> true, weights);
            }
            float[] expected = new float[it.model.vocabulary()];
            new Sequence(stored, KvPrecision.F32, 128).append(THEN[0], 0, expected, () -> false);
            close(found, expected);
        }
    }

    @Test
    void sameStatisticsHaveNoDrift() {
        try (var it = new Case("llama_mha", ALL)) {
            it.adaptive.calibrate(FIRST);
            it.adaptive.start();
            assertThat(it.adaptive.drifts()).isNotEmpty().allMatch(change -> change.drift() < 1e-6);
            it.adaptive.read(THEN);
            assertThat(it.adaptive.drifts()).allMatch(change -> change.drift() > 1e-3);
            it.adaptive.adapt();
            assertThat(it.adaptive.drifts()).allMatch(change -> change.drift() == 0);
            int revision = it.transformer.revision();
            assertThat(it.adaptive.adapt()).isEmpty();
            assertThat(it.transformer.revision()).isEqualTo(revision);
        }
    }

    @Test
    void onlyWhatMovedIsSearchedAgain() {
        try (var it = new Case("llama_mha", ALL)) {
            it.adaptive.calibrate(FIRST);
            it.adaptive.start();
            it.adaptive.read(THEN);
            List<Double> drifts = it.adaptive.drifts().stream()
                    .map(AdaptiveModel.Change::drift)
                    .sorted()
                    .toList();
            double middle = drifts.get(drifts.size() / 2);
            try (var half = new Case("llama_mha", ALL.withThreshold(middle))) {
                half.adaptive.calibrate(FIRST);
                half.adaptive.start();
                var before = recipes(half);
                half.adaptive.read(THEN);
                List<AdaptiveModel.Change> changes = half.adaptive.adapt();
                assertThat(changes).hasSizeBetween(1, drifts.size() - 1).allMatch(change -> change.drift() > middle);
                it.adaptive.adapt(); // all of it
                var names = new HashSet<String>();
                changes.forEach(change -> names.addAll(change.linears()));
                for (BlockSpec spec : half.model.blocks()) {
                    BlockRecipe now = half.adaptive.recipe(spec.index());
                    for (int i = 0; i < now.scales().size(); i++) {
                        BlockRecipe.GroupScale scale = now.scales().get(i);
                        boolean moved = names.contains(scale.linears().getFirst());
                        BlockRecipe from = moved ? it.adaptive.recipe(spec.index()) : before.get(spec.index());
                        assertThat(scale.scale())
                                .as(scale.fold())
                                .isEqualTo(from.scales().get(i).scale());
                    }
                }
            }
        }
    }

    private static List<BlockRecipe> recipes(Case of) {
        var recipes = new ArrayList<BlockRecipe>();
        of.model.blocks().forEach(spec -> recipes.add(of.adaptive.recipe(spec.index())));
        return recipes;
    }

    /** The output projection's scale is folded into the rows of values: those that are stored would not fit any more. */
    @Test
    void whatWasStoredBeforeIsRunAgain() {
        try (var it = new Case("llama_mha", ALL)) {
            it.adaptive.calibrate(FIRST);
            it.adaptive.start();
            int[] text = THEN[0];
            var sequence = new Sequence(it.transformer, KvPrecision.F32, 128);
            it.after(sequence, java.util.Arrays.copyOf(text, 70), 0);
            it.adaptive.read(THEN);
            assertThat(it.adaptive.adapt()).isNotEmpty();
            float[] expected = it.logits(text);
            assertThat(it.after(sequence, text, 70))
                    .usingComparatorWithPrecision(1e-4f)
                    .isEqualTo(expected);
            it.adaptive.read(FIRST);
            it.adaptive.adapt();
            assertThat(sequence.keepPrefixOf(text)).isZero();
        }
    }

    /** Refolding without rounding changes nothing but the last places, whatever is folded and in which blocks. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_mha", "llama_gqa", "opt", "mpt", "gemma2"})
    void refoldingDoesNotChangeTheModel(String folder) {
        try (var it = new Case(folder, ALL)) {
            float[] before = it.logits(FIRST[0]);
            var sequence = new Sequence(it.transformer, KvPrecision.F32, 128);
            it.after(sequence, java.util.Arrays.copyOf(FIRST[0], 40), 0);
            var random = new Random(3);
            for (BlockSpec spec : it.model.blocks()) {
                BlockWeights weights = BlockWeights.load(spec, Parameters.of(it.checkpoint));
                for (ScaleGroup group : spec.scaleGroups()) {
                    Folding.fold(group, scale(random, group), weights, new HashSet<>());
                }
                it.transformer.renew(spec, linear -> true, weights);
            }
            close(it.logits(FIRST[0]), before);
            close(it.after(sequence, FIRST[0], 40), before); // with keys and values of before: they run again
        }
    }

    private static void close(float[] found, float[] expected) {
        for (int i = 0; i < found.length; i++) {
            assertThat(Math.abs(found[i] - expected[i])).as("logit %d", i).isLessThan((float)
                    (1e-4 * (1 + Math.abs(expected[i]))));
        }
    }

    private static float[] scale(Random random, ScaleGroup group) {
        float[] scale = new float[group.linears().getFirst().columns()];
        for (int c = 0; c < scale.length; c++) {
            scale[c] = (float) Math.pow(2, 2 * random.nextDouble() - 1);
        }
        if (group.fold() instanceof Fold.IntoRows into) {
            float[] rows = scale.clone();
            for (int c = 0; c < scale.length; c++) {
                scale[c] = rows[into.row(c)];
            }
        }
        return scale;
    }

    @Test
    void threadsChangeNothing() {
        try (var one = new Case("llama_gqa", ALL, new CpuOptions(Arithmetic.AUTO, 1));
                var three = new Case("llama_gqa", ALL, new CpuOptions(Arithmetic.AUTO, 3))) {
            for (Case it : List.of(one, three)) {
                it.adaptive.calibrate(FIRST);
                it.adaptive.start();
                it.adaptive.read(THEN);
                it.adaptive.adapt();
            }
            assertThat(three.logits(THEN[1])).isEqualTo(one.logits(THEN[1]));
        }
    }

    @Test
    void withoutMemoryColumnsAreTakenForIndependent() {
        try (var it = new Case("llama_mha", ALL.withStatisticsBytes(0))) {
            it.adaptive.calibrate(FIRST);
            it.adaptive.start();
            assertThat(it.adaptive
                            .statistics(it.model.blocks().getFirst().linears().getFirst())
                            .gram())
                    .isNull();
            it.adaptive.read(THEN);
            it.adaptive.adapt();
            it.requireSearchedFromScratch();
        }
    }

    @Test
    void resetRunsTheOriginal() {
        try (var it = new Case("llama_mha", ALL)) {
            float[] before = it.logits(FIRST[0]);
            it.adaptive.start(); // nothing was seen: plain rounding
            assertThat(it.logits(FIRST[0])).isNotEqualTo(before);
            assertThat(it.adaptive.recipe(0).scales()).isEmpty();
            it.adaptive.reset();
            assertThat(it.logits(FIRST[0])).isEqualTo(before);
        }
    }

    @Test
    void whatCannotBeDoneIsRefused() {
        assertThatThrownBy(() -> new Case("mixtral", ALL).close())
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage("block 0 has experts: a router decides what they see, and adapting does not follow it");
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        new Case("llama_mha", ALL.withScheme(new QuantScheme(4, 48, false, Range.REFERENCE))).close())
                .withMessage("no linear of the model divides into groups of 48; choose a smaller group size");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ALL.withThreshold(2))
                .withMessage("threshold must be from 0 to 1, was 2.0");
        try (var it = new Case("llama_mha", ALL)) {
            assertThatIllegalStateException()
                    .isThrownBy(it.adaptive::adapt)
                    .withMessage("adapt before start: nothing is quantized yet");
            it.adaptive.start();
            assertThatIllegalStateException()
                    .isThrownBy(() -> it.adaptive.calibrate(FIRST))
                    .withMessage("calibrate after start: what runs is quantized already");
        }
    }
}
