package awq4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.LanguageModel.Options;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.runtime.FinishReason;
import awq4j.runtime.Penalties;
import awq4j.runtime.Sampling;
import awq4j.testing.TinyModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LanguageModelTest {
    private static final String PROMPT = "Once upon a time there was a little";
    private static final Sampling SHORT = Sampling.greedy().withMaxTokens(24);
    private static LanguageModel model;

    @BeforeAll
    static void open() {
        model = LanguageModel.open(TinyModels.demo());
    }

    @AfterAll
    static void close() {
        model.close();
    }

    @Test
    void piecesAreTheText() {
        var pieces = new ArrayList<String>();
        Reply reply = model.generate(PROMPT, SHORT, pieces::add);
        assertThat(reply.text()).isNotBlank().isEqualTo(String.join("", pieces));
        assertThat(pieces).hasSizeGreaterThan(5).doesNotContain("");
        assertThat(model.generate(PROMPT, SHORT).text()).isEqualTo(reply.text());
        assertThat(reply.replyTokens()).isBetween(1, 24);
        assertThat(reply.timings().replyTokens()).isGreaterThanOrEqualTo(reply.replyTokens());
        assertThat(reply.timings().total())
                .isGreaterThanOrEqualTo(reply.timings().firstToken());
    }

    @Test
    void theTextContinuesThePromptWithItsSpace() {
        Reply reply = model.generate(PROMPT, SHORT);
        int[] prompt = model.tokenizer().encode(PROMPT);
        int[] all = java.util.Arrays.copyOf(prompt, prompt.length + reply.replyTokens());
        System.arraycopy(reply.tokens(), 0, all, prompt.length, reply.replyTokens());
        assertThat(PROMPT + reply.text()).isEqualTo(model.tokenizer().decode(all, true));
    }

    @Test
    void stopStringsEndAReplyWhereverTokensCutThem() {
        String whole = model.generate(PROMPT, SHORT).text();
        for (int at = 1; at + 7 < whole.length(); at += 5) {
            String stop = whole.substring(at, at + 7);
            var streamed = new StringBuilder();
            Reply reply = model.generate(PROMPT, SHORT.withStopStrings(List.of("absent", stop)), streamed::append);
            assertThat(reply.text())
                    .as("stop \"%s\"", stop)
                    .isEqualTo(whole.substring(0, whole.indexOf(stop)))
                    .isEqualTo(streamed.toString());
            assertThat(reply.finish()).isEqualTo(FinishReason.STOP_STRING);
        }
        Reply absent = model.generate(PROMPT, SHORT.withStopStrings(List.of("\u0000", whole + "!")));
        assertThat(absent.text()).as("what was held back comes in the end").isEqualTo(whole);
    }

    @Test
    void stopTokensEndAReplyAndAreNoPartOfIt() {
        Reply whole = model.generate(PROMPT, SHORT);
        int stop = whole.tokens()[5];
        Reply reply = model.generate(PROMPT, SHORT.withStopTokens(Set.of(stop)));
        assertThat(reply.finish()).isEqualTo(FinishReason.END);
        assertThat(reply.tokens()).doesNotContain(stop);
        assertThat(whole.text()).startsWith(reply.text());
    }

    @Test
    void aSeedRepeatsAReply() {
        var warm = SHORT.withTemperature(1).withTopK(50);
        Reply first = model.generate(PROMPT, warm);
        assertThat(model.generate(PROMPT, warm.withSeed(first.seed())).text()).isEqualTo(first.text());
        var texts = new java.util.HashSet<String>();
        for (long seed = 0; seed < 4; seed++) {
            texts.add(model.generate(PROMPT, warm.withSeed(seed)).text());
        }
        assertThat(texts).hasSizeGreaterThan(1);
    }

    @Test
    void penaltiesReachTheModelsWords() {
        var penalized = SHORT.withPenalties(new Penalties(1, 100, 0));
        assertThat(model.generate(PROMPT, penalized).tokens()).doesNotHaveDuplicates();
    }

    @Test
    void cancellingLeavesWhatThereIs() {
        var pieces = new AtomicInteger();
        Reply reply = model.generate(PROMPT, SHORT, text -> pieces.incrementAndGet(), () -> pieces.get() >= 3);
        assertThat(reply.finish()).isEqualTo(FinishReason.CANCELLED);
        assertThat(reply.replyTokens()).isBetween(3, 6);
        assertThat(SHORT.maxTokens()).isGreaterThan(6);
        Reply none = model.generate(PROMPT, SHORT, text -> {}, () -> true);
        assertThat(none.finish()).isEqualTo(FinishReason.CANCELLED);
        assertThat(none.text()).isEmpty();
    }

    @Test
    void anInterruptCancels() {
        Reply reply =
                model.generate(PROMPT, SHORT, text -> Thread.currentThread().interrupt());
        assertThat(Thread.interrupted()).as("the caller finds its interrupt").isTrue();
        assertThat(reply.finish()).isEqualTo(FinishReason.CANCELLED);
        assertThat(reply.replyTokens()).isLessThan(SHORT.maxTokens());
    }

    @Test
    void theContextEndsAReplyAndRefusesAPromptThatFillsIt() {
        int[] prompt = model.tokenizer().encode(PROMPT);
        int context = prompt.length + 5;
        var everlasting = SHORT.withTemperature(1).withSeed(1).withMaxTokens(Sampling.UNLIMITED);
        try (var small = LanguageModel.open(TinyModels.demo(), Options.DEFAULT.withContextLength(context))) {
            assertThat(small.contextLength()).isEqualTo(context);
            Reply reply = small.generate(PROMPT, everlasting);
            assertThat(reply.finish()).isEqualTo(FinishReason.CONTEXT_FULL);
            assertThat(reply.replyTokens()).isEqualTo(5);
            int[] tooLong = java.util.Arrays.copyOf(prompt, context);
            assertThatThrownBy(() -> small.generate(tooLong, SHORT, text -> {}, () -> false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("the prompt has " + context + " tokens and the context holds " + context
                            + ", which leaves none for a reply: shorten the prompt, or open the model with a longer"
                            + " context");
            assertThatThrownBy(() -> small.logProbabilities(new int[context + 2]))
                    .hasMessageContaining(
                            (context + 1) + " tokens are more than the context holds, which is " + context);
        }
    }

    @Test
    void promptsOutsideOfWhatIsPossibleAreRefused() {
        assertThatThrownBy(() -> model.generate(new int[0], SHORT, text -> {}, () -> false))
                .hasMessageContaining("the prompt is empty");
        int vocabulary = model.spec().vocabulary();
        assertThatThrownBy(() -> model.generate(new int[] {vocabulary}, SHORT, text -> {}, () -> false))
                .hasMessageContaining("token " + vocabulary + " is outside the vocabulary of " + vocabulary);
        assertThatThrownBy(() -> model.logProbabilities(new int[] {1}))
                .hasMessage("log probabilities: expected at least 2 tokens, found 1");
        assertThatThrownBy(() -> model.logProbabilities(new int[] {1, vocabulary}))
                .hasMessageContaining("outside the vocabulary");
    }

    @Test
    void aFailureLeavesASessionUsable() {
        Session session = model.newSession();
        String expected = session.generate(PROMPT, SHORT).text();
        assertThatThrownBy(() -> session.generate(
                        PROMPT,
                        SHORT,
                        text -> {
                            throw new IllegalArgumentException("no paper");
                        },
                        () -> false))
                .hasMessage("no paper");
        assertThat(session.generate(PROMPT, SHORT).text()).isEqualTo(expected);
    }

    @Test
    void oneCallerAtATime() throws InterruptedException {
        assertThatThrownBy(() -> model.generate(PROMPT, SHORT, text -> model.generate(PROMPT, SHORT)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "model demo is busy: it serves one caller at a time, and this call comes from within another");
        var other = new AtomicReference<Throwable>();
        Reply reply = model.generate(PROMPT, SHORT.withMaxTokens(1), text -> {
            var thread = Thread.ofPlatform().unstarted(() -> model.generate(PROMPT, SHORT));
            thread.setUncaughtExceptionHandler((t, e) -> other.set(e));
            thread.start();
            join(thread);
        });
        assertThat(reply.replyTokens()).isEqualTo(1);
        assertThat(other.get())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "model demo is busy: it serves one caller at a time, and another thread's call is under way");
    }

    @Test
    void closingStopsTheCallUnderWayAndLetsNobodyInAfterwards() throws InterruptedException {
        var own = LanguageModel.open(TinyModels.demo());
        Session session = own.newSession();
        var started = new CountDownLatch(1);
        var finish = new AtomicReference<FinishReason>();
        var thread = Thread.ofPlatform().start(() -> {
            Sampling any = Sampling.greedy().withTemperature(1);
            finish.set(own.generate(PROMPT, any, text -> started.countDown(), () -> false)
                    .finish());
            started.countDown(); // a reply may end before it has a text
        });
        started.await();
        own.close();
        thread.join();
        assertThat(finish.get()).isIn(FinishReason.CANCELLED, FinishReason.CONTEXT_FULL, FinishReason.END);
        own.close();
        assertThatIllegalStateException()
                .isThrownBy(() -> own.generate(PROMPT, SHORT))
                .withMessage("model demo is closed");
        assertThatIllegalStateException().isThrownBy(() -> session.generate(PROMPT, SHORT));
        assertThatIllegalStateException().isThrownBy(own::sizeBytes);
        assertThatIllegalStateException().isThrownBy(() -> own.logProbabilities(new int[] {1, 2}));
    }

    @Test
    void closingFromWithinACallIsRefused() {
        assertThatThrownBy(() -> model.generate(PROMPT, SHORT, text -> model.close()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("model demo cannot be closed from within a call to it");
        assertThat(model.generate(PROMPT, SHORT).text()).isNotEmpty();
    }

    @Test
    void theModelSaysWhatItIs() {
        assertThat(model.spec().family()).isEqualTo("llama");
        assertThat(model.contextLength()).isEqualTo(model.spec().contextLength());
        assertThat(model.sizeBytes()).isBetween(1_000_000L, 100_000_000L);
        assertThat(model.device()).startsWith("cpu/");
        assertThat(model.recommendedSampling().isGreedy()).isFalse();
    }

    @Test
    void damagedFoldersAreNamedAtTheDoor(@TempDir Path folder) throws IOException {
        Path tiny = TinyModels.golden("llama_gqa", folder);
        TinyModels.write(tiny, "generation_config.json", "{\"do_sample\": true, \"top_p\": 1.5}");
        assertThatThrownBy(() -> LanguageModel.open(tiny))
                .isInstanceOf(MalformedFileException.class)
                .hasMessage("generation_config.json: top-p must be in [0, 1], was 1.5");
        Files.delete(tiny.resolve("generation_config.json"));
        Files.delete(tiny.resolve("tokenizer.json"));
        assertThatThrownBy(() -> LanguageModel.open(tiny))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("no tokenizer in " + tiny);
        assertThatThrownBy(() -> LanguageModel.open(folder.resolve("absent")))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("no such folder");
        Path opt = TinyModels.golden("opt", folder);
        assertThatThrownBy(() -> LanguageModel.open(opt, Options.DEFAULT.withContextLength(1_000_000)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("a context of 1000000 tokens is more than the");
        assertThatThrownBy(() -> Options.DEFAULT.withContextLength(-1)).hasMessageContaining("was -1");
        assertThatThrownBy(() -> Options.DEFAULT.withChunk(0)).hasMessageContaining("chunk must be positive");
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
