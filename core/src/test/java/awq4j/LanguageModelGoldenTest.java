package awq4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.LanguageModel.Options;
import awq4j.format.Config;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.runtime.FinishReason;
import awq4j.runtime.Logits;
import awq4j.runtime.Penalties;
import awq4j.runtime.Sampling;
import awq4j.runtime.TokenLogprob;
import awq4j.testing.GoldenFiles;
import awq4j.testing.TinyModels;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The front door against what transformers computed with the same weights; every token is one byte of text. */
class LanguageModelGoldenTest {
    private static final double LOGITS = 1e-4;
    private static final Options EXACT =
            Options.DEFAULT.withCpu(CpuOptions.DEFAULT).withKv(KvPrecision.F32);

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama_gqa",
                "llama_mha",
                "llama_rope_linear",
                "llama_rope_llama3",
                "llama_rope_yarn",
                "llama_tied_bias",
                "mistral_sw",
                "opt",
                "qwen2",
                "qwen3"
            })
    void greedyRepliesAreTheReferences(String name) {
        int[] prompt = expected(name, "input_ids");
        int[] continuation = expected(name, "greedy_continuation");
        try (var model = LanguageModel.open(TinyModels.golden(name, folder), EXACT)) {
            Reply reply = reply(model, prompt, continuation.length);
            int end = endOf(continuation, model);
            assertThat(reply.tokens()).isEqualTo(Arrays.copyOf(continuation, end));
            assertThat(reply.finish())
                    .isEqualTo(end < continuation.length ? FinishReason.END : FinishReason.MAX_TOKENS);
            assertThat(reply.promptTokens()).isEqualTo(prompt.length);
            assertThat(reply.text()).isEqualTo(model.tokenizer().decode(reply.tokens(), true));
        }
    }

    @Test
    void dynamicScalingKeepsEarlierKeysAsTheReferenceDoes() {
        int[] prompt = expected("llama_rope_dynamic", "input_ids");
        int[] continuation = expected("llama_rope_dynamic", "generate_with_kv_cache");
        Options options = EXACT.withContextLength(prompt.length + continuation.length);
        Path model = TinyModels.golden("llama_rope_dynamic", folder);
        for (int chunk : new int[] {256, 7, 1}) {
            try (var opened = LanguageModel.open(model, options.withChunk(chunk))) {
                assertThat(reply(opened, prompt, continuation.length).tokens())
                        .as("chunk %d", chunk)
                        .isEqualTo(continuation);
                Session session = opened.newSession();
                session.generate(
                        Arrays.copyOf(prompt, 40), Sampling.greedy().withMaxTokens(1), text -> {}, () -> false);
                Reply again = session.generate(
                        prompt, Sampling.greedy().withMaxTokens(continuation.length), text -> {}, () -> false);
                assertThat(again.tokens())
                        .as("keys turned for another length stay nowhere")
                        .isEqualTo(continuation);
                assertThat(again.reusedTokens()).isZero();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama_gqa", "mistral_sw", "opt", "qwen3"})
    void piecesOfThePromptAndSessionsGiveTheSameReply(String name) {
        int[] prompt = expected(name, "input_ids");
        int[] continuation = expected(name, "greedy_continuation");
        Path model = TinyModels.golden(name, folder);
        for (int chunk : new int[] {1, 5, 24, 256}) {
            try (var opened = LanguageModel.open(model, EXACT.withChunk(chunk))) {
                assertThat(reply(opened, prompt, continuation.length).tokens())
                        .as("chunk %d", chunk)
                        .isEqualTo(continuation);
            }
        }
        try (var opened = LanguageModel.open(model, EXACT)) {
            Session session = opened.newSession();
            int[] start = Arrays.copyOf(prompt, 10);
            session.generate(start, Sampling.greedy().withMaxTokens(9), text -> {}, () -> false);
            assertThat(session.length()).isEqualTo(18); // the last token of a reply has not run
            Reply second = session.generate(
                    prompt, Sampling.greedy().withMaxTokens(continuation.length), text -> {}, () -> false);
            assertThat(second.tokens()).isEqualTo(continuation);
            assertThat(second.reusedTokens()).isBetween(10, 18);
            assertThat(second.timings().promptTokens()).isEqualTo(prompt.length - second.reusedTokens());
            Reply same = session.generate(
                    prompt, Sampling.greedy().withMaxTokens(continuation.length), text -> {}, () -> false);
            assertThat(same.tokens()).isEqualTo(continuation);
            assertThat(same.reusedTokens()).isEqualTo(prompt.length - 1);
            session.reset();
            assertThat(session.length()).isZero();
        }
    }

    @Test
    void threadsDoNotChangeAReply() {
        int[] prompt = expected("llama_gqa", "input_ids");
        Path model = TinyModels.golden("llama_gqa", folder);
        float[][] rows = new float[3][];
        for (int threads = 1; threads <= 3; threads++) {
            try (var opened =
                    LanguageModel.open(model, EXACT.withCpu(new CpuOptions(CpuOptions.Arithmetic.AUTO, threads)))) {
                assertThat(reply(opened, prompt, 16).tokens())
                        .as("%d threads", threads)
                        .isEqualTo(expected("llama_gqa", "greedy_continuation"));
                float[] last = new float[256];
                opened.logits(prompt, (i, row) -> System.arraycopy(row, 0, last, 0, last.length));
                rows[threads - 1] = last;
            }
        }
        assertThat(rows[1]).containsExactly(rows[0]);
        assertThat(rows[2]).containsExactly(rows[0]);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama_mha", "opt", "qwen2"})
    void logProbabilitiesAreThoseOfTheReferenceLogits(String name) {
        int[] tokens = expected(name, "input_ids");
        float[] logits;
        try (var file = SafetensorsFile.open(GoldenFiles.path("models/" + name + "/io.safetensors"))) {
            logits = file.tensor("logits").toFloats();
        }
        int vocabulary = logits.length / tokens.length;
        Path model = TinyModels.golden(name, folder);
        for (int chunk : new int[] {256, 5, 1}) {
            try (var opened = LanguageModel.open(model, EXACT.withChunk(chunk))) {
                double[] found = opened.logProbabilities(tokens);
                assertThat(found).hasSize(tokens.length - 1);
                for (int i = 0; i < found.length; i++) {
                    float[] row = Arrays.copyOfRange(logits, i * vocabulary, (i + 1) * vocabulary);
                    assertThat(found[i])
                            .as("chunk %d token %d", chunk, i + 1)
                            .isCloseTo(Logits.logProbability(row, tokens[i + 1]), within(LOGITS));
                }
            }
        }
    }

    @Test
    void logprobsOfAReplyAreThoseOfItsTokens() {
        int[] prompt = expected("llama_gqa", "input_ids");
        try (var model = LanguageModel.open(TinyModels.golden("llama_gqa", folder), EXACT)) {
            var sampling = Sampling.greedy()
                    .withMaxTokens(8)
                    .withLogprobs(3)
                    .withPenalties(new Penalties(1.001, 0, 0)); // which the report must not show
            Reply reply = model.generate(prompt, sampling, text -> {}, () -> false);
            int[] all = Arrays.copyOf(prompt, prompt.length + 8);
            System.arraycopy(reply.tokens(), 0, all, prompt.length, 8);
            double[] whole = model.logProbabilities(all);
            assertThat(reply.logprobs())
                    .extracting(TokenLogprob::token)
                    .containsExactlyElementsOf(
                            Arrays.stream(reply.tokens()).boxed().toList());
            for (int i = 0; i < 8; i++) {
                TokenLogprob score = reply.logprobs().get(i);
                assertThat(score.logprob()).isCloseTo(whole[prompt.length - 1 + i], within(LOGITS));
                assertThat(score.top()).hasSize(3);
                assertThat(score.top().getFirst())
                        .as("greedy takes the likeliest")
                        .isEqualTo(new TokenLogprob(score.token(), score.logprob(), List.of()));
            }
        }
    }

    private static int endOf(int[] continuation, LanguageModel model) {
        for (int i = 0; i < continuation.length; i++) {
            if (model.endTokens().contains(continuation[i])) {
                return i;
            }
        }
        return continuation.length;
    }

    private static Reply reply(LanguageModel model, int[] prompt, int tokens) {
        return model.generate(prompt, Sampling.greedy().withMaxTokens(tokens), text -> {}, () -> false);
    }

    private static int[] expected(String name, String key) {
        return Config.read(GoldenFiles.path("models/" + name + "/expected.json"))
                .json()
                .get(key)
                .valueStream()
                .mapToInt(it -> it.asInt())
                .toArray();
    }
}
