package awq4j.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.GenerationConfig;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class SamplingTest {
    private static final Sampling GREEDY = Sampling.greedy();

    @Test
    void everyNumberOutsideItsRangeIsNamed() {
        refused(() -> GREEDY.withTemperature(-0.1), "temperature must be 0 (greedy) or more, was -0.1");
        refused(() -> GREEDY.withTemperature(Double.NaN), "temperature must be 0 (greedy) or more, was NaN");
        refused(
                () -> GREEDY.withTemperature(Double.POSITIVE_INFINITY),
                "temperature must be 0 (greedy) or more, was Infinity");
        refused(() -> GREEDY.withTopK(-1), "top-k must be 0 (all) or more, was -1");
        refused(() -> GREEDY.withTopP(1.01), "top-p must be in [0, 1], was 1.01");
        refused(() -> GREEDY.withTopP(Double.NaN), "top-p must be in [0, 1], was NaN");
        refused(() -> GREEDY.withMinP(-1), "min-p must be in [0, 1], was -1.0");
        refused(() -> GREEDY.withMaxTokens(0), "max tokens must be 1 or more, was 0");
        refused(() -> GREEDY.withLogprobs(-2), "logprobs must be in [-1, 1000], was -2");
        refused(
                () -> GREEDY.withStopStrings(List.of("a", "")),
                "a stop string must not be empty: it would end every reply at once");
        refused(() -> new Penalties(0, 0, 0), "repetition penalty must be a positive number (1 for none), was 0.0");
        refused(() -> new Penalties(1, Double.NaN, 0), "presence penalty must be a number (0 for none), was NaN");
        refused(
                () -> new Penalties(1, 0, Double.NEGATIVE_INFINITY),
                "frequency penalty must be a number (0 for none), was -Infinity");
    }

    @Test
    void withoutDoSampleTheModelRecommendsGreedyChoice() {
        var config = new GenerationConfig(
                Set.of(1),
                false,
                OptionalDouble.of(0.9),
                OptionalDouble.of(0.6),
                Optional.of(7),
                OptionalDouble.of(0.05),
                OptionalDouble.of(1.1));
        Sampling recommended = Sampling.recommendedBy(config);
        assertThat(recommended).isEqualTo(GREEDY.withPenalties(new Penalties(1.1, 0, 0)));
        assertThat(recommended.isGreedy()).isTrue();
    }

    @Test
    void recommendedNumbersAreTaken() {
        var config = new GenerationConfig(
                Set.of(1),
                true,
                OptionalDouble.of(0.7),
                OptionalDouble.of(0.9),
                Optional.of(40),
                OptionalDouble.of(0.1),
                OptionalDouble.empty());
        assertThat(Sampling.recommendedBy(config))
                .isEqualTo(
                        GREEDY.withTemperature(0.7).withTopP(0.9).withTopK(40).withMinP(0.1));
        var silent = new GenerationConfig(
                Set.of(1),
                true,
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                Optional.of(-1),
                OptionalDouble.empty(),
                OptionalDouble.empty());
        assertThat(Sampling.recommendedBy(silent)).isEqualTo(GREEDY.withTemperature(1));
    }

    private static void refused(Supplier<?> making, String message) {
        assertThatThrownBy(making::get)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }
}
