package awq4j.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.GoldenModel;
import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The search against what transformers 5.18.0 found with the same weights. */
class BeamSearchTest {
    /** Logits are within 1e-4 of the reference's, log probabilities within twice that. */
    private static final double LOGPROB = 2e-4;

    private static final int[] PROMPT = {19, 34, 115, 18, 88};

    @TempDir
    private Path folder;

    @ParameterizedTest
    @EnumSource(
            value = Arithmetic.class,
            names = {"SCALAR", "VECTOR"})
    void everyCaseIsTheReferences(Arithmetic arithmetic) {
        JsonNode cases = JsonMapper.shared().readTree(GoldenFiles.path("models/beam_search/cases.json"));
        assertThat(cases).hasSize(180);
        try (Backend backend = CpuBackend.open(new CpuOptions(arithmetic, 2))) {
            for (String name : List.of("llama_gqa", "mpt", "opt")) {
                try (var model = GoldenModel.open(GoldenFiles.path("models/" + name), backend)) {
                    cases.valueStream()
                            .filter(one -> one.get("model").asString().equals(name))
                            .forEach(one -> check(one, model));
                }
            }
        }
    }

    private static void check(JsonNode one, GoldenModel model) {
        JsonNode eos = one.get("eos");
        var beams = new Beams(
                one.get("num_beams").asInt(),
                one.get("length_penalty").asDouble(),
                one.get("early_stopping").asBoolean(),
                one.get("max_new_tokens").asInt());
        Set<Integer> ends = eos.isNull() ? Set.of() : Set.of(eos.asInt());
        var found = BeamSearch.run(sequences(model, 64), integers(one.get("prompt")), beams, ends, () -> false);
        int[] expected = integers(one.get("sequence"));
        int[] padded = Arrays.copyOf(found.tokens(), expected.length); // zeros behind the end
        if (found.finish() == FinishReason.END) {
            padded[found.tokens().length] = eos.asInt();
        }
        assertThat(padded).as(one.toString()).isEqualTo(expected);
        int length = found.timings().replyTokens();
        double tolerance = length * LOGPROB / Math.pow(length, beams.lengthPenalty());
        assertThat(found.score()).as(one.toString()).isCloseTo(one.get("score").asDouble(), within(tolerance));
    }

    @Test
    void oneBeamIsGreedyChoice() {
        with("llama_gqa", 256, model -> {
            int[] greedy = model.greedy(PROMPT, 12);
            var found = search(model, Beams.of(1).withMaxTokens(12), Set.of());
            assertThat(found.tokens()).isEqualTo(greedy);
            assertThat(found.finish()).isEqualTo(FinishReason.MAX_TOKENS);
        });
    }

    @Test
    void logProbabilitiesSumToTheScore() {
        with("opt", 256, model -> {
            var found = search(model, Beams.of(4).withLengthPenalty(0).withMaxTokens(9), Set.of());
            assertThat(found.logprobs()).extracting(TokenLogprob::token).hasSize(9);
            assertThat(found.logprobs().stream()
                            .mapToDouble(TokenLogprob::logprob)
                            .sum())
                    .isCloseTo(found.score(), within(1e-9));
        });
    }

    @Test
    void moreBeamsThanAChunkHoldsRunInTurns() {
        var together = new ArrayList<int[]>();
        for (int chunk : new int[] {256, 3, 1}) {
            with(
                    "llama_gqa",
                    chunk,
                    model -> together.add(search(model, Beams.of(7).withMaxTokens(10), Set.of())
                            .tokens()));
        }
        assertThat(together.get(1)).isEqualTo(together.get(0));
        assertThat(together.get(2)).isEqualTo(together.get(0));
    }

    /** Beams that cross the length at which all keys turn find what they find when nothing is kept. */
    @Test
    void keysTurnInEveryBeam() {
        Path turning = ModelFolders.copy("models/phi3_longrope_short", folder.resolve("model"));
        ModelFolders.edit(turning.resolve("config.json"), json -> json.put("original_max_position_embeddings", 9));
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
                var model = GoldenModel.open(turning, backend)) {
            var found = search(model, Beams.of(3).withMaxTokens(8), Set.of());
            int[] text = Arrays.copyOf(PROMPT, PROMPT.length + 7);
            System.arraycopy(found.tokens(), 0, text, PROMPT.length, 7);
            float[] logits = new float[model.transformer().spec().vocabulary()];
            new Sequence(model.transformer(), KvPrecision.F32, 64).append(text, 0, logits, () -> false);
            TokenLogprob last = found.logprobs().getLast();
            assertThat(last.logprob()).isCloseTo(Logits.logProbability(logits, last.token()), within(LOGPROB));
        }
    }

    @Test
    void theContextEndsTheSearch() {
        with("llama_gqa", 256, model -> {
            var found = BeamSearch.run(sequences(model, 8), PROMPT, Beams.of(2), Set.of(), () -> false);
            assertThat(found.tokens()).hasSize(3);
            assertThat(found.finish()).isEqualTo(FinishReason.CONTEXT_FULL);
            assertThatThrownBy(() -> BeamSearch.run(sequences(model, 5), PROMPT, Beams.of(2), Set.of(), () -> false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("the prompt has 5 tokens and the context holds 5");
        });
    }

    @Test
    void aCancelledSearchGivesTheBestSoFar() {
        with("llama_gqa", 256, model -> {
            var asked = new AtomicInteger();
            var found = BeamSearch.run(
                    sequences(model, 64), PROMPT, Beams.of(3), Set.of(), () -> asked.incrementAndGet() > 4);
            assertThat(found.tokens()).hasSize(4);
            assertThat(found.finish()).isEqualTo(FinishReason.CANCELLED);
            var none = BeamSearch.run(sequences(model, 64), PROMPT, Beams.of(3), Set.of(), () -> true);
            assertThat(none.tokens()).isEmpty();
            assertThat(none.finish()).isEqualTo(FinishReason.CANCELLED);
        });
    }

    @Test
    void numbersOutsideTheirRangeAreRefused() {
        refused("beams must be in [1, 1000], was 0", () -> Beams.of(0));
        refused(
                "length penalty must be a finite number, was NaN",
                () -> Beams.of(2).withLengthPenalty(Double.NaN));
        refused("max tokens must be 1 or more, was 0", () -> Beams.of(2).withMaxTokens(0));
    }

    private static void refused(String sentence, Supplier<Beams> beams) {
        assertThatThrownBy(beams::get)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(sentence);
    }

    private static void with(String name, int chunk, Consumer<GoldenModel> test) {
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
                var model = GoldenModel.open(GoldenFiles.path("models/" + name), backend, chunk)) {
            test.accept(model);
        }
    }

    private static BeamSearch.Outcome search(GoldenModel model, Beams beams, Set<Integer> ends) {
        return BeamSearch.run(sequences(model, 64), PROMPT, beams, ends, () -> false);
    }

    private static Supplier<Sequence> sequences(GoldenModel model, int limit) {
        return () -> new Sequence(model.transformer(), KvPrecision.F32, limit);
    }

    private static int[] integers(JsonNode list) {
        return list.valueStream().mapToInt(JsonNode::asInt).toArray();
    }
}
