package awq4j;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.LanguageModel.Options;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.runtime.FinishReason;
import awq4j.runtime.Sampling;
import awq4j.testing.Shared;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The story that llama2.c tests itself by: SentencePiece, weights, forward pass and greedy choice all at once. */
class PublishedStoryTest {
    private static final int STEPS = 200;

    /** {@code expected_stdout} of llama2.c's test_all.py. */
    private static final String STORY = """
            Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw \
            a big, red ball. She wanted to play with it, but it was too high.
            Lily's mom said, "Lily, let's go to the park." Lily was sad and didn't know what to do. She said, "I want to \
            play with your ball, but I can't find it."
            Lily was sad and didn't know what to do. She said, "I'm sorry, Lily. I didn't know what to do."
            Lily didn't want to help her mom, so she""";

    @ParameterizedTest
    @EnumSource
    void anEmptyPromptTellsTheStory(Arithmetic arithmetic) {
        Options options = Options.DEFAULT.withCpu(new CpuOptions(arithmetic, 2));
        try (var model = LanguageModel.open(Shared.path("data/models/stories260K"), options)) {
            Reply reply = model.generate("", Sampling.greedy().withMaxTokens(STEPS));
            assertThat(reply.text()).isEqualTo(STORY);
            assertThat(reply.promptTokens()).as("the token that begins a text").isEqualTo(1);
            assertThat(reply.finish()).isEqualTo(FinishReason.MAX_TOKENS);
        }
    }
}
