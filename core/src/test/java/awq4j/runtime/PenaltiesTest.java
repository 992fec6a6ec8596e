package awq4j.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PenaltiesTest {
    private static final int VOCABULARY = 5;

    @Test
    void repetitionDividesWhatIsPositiveAndMultipliesWhatIsNot() {
        float[] logits = {3, -3, 0, 3, -3};
        new Penalties(1.5, 0, 0).apply(logits, occurrences(new int[] {0, 1, 2, 0}));
        assertThat(logits).containsExactly(2, -4.5f, 0, 3, -3);
    }

    @Test
    void presenceAndFrequencyCountTheReplyOnly() {
        float[] logits = {1, 1, 1, 1, 1};
        new Penalties(1, 0.25, 0.5).apply(logits, occurrences(new int[] {0, 1, 1}, 1, 2, 2));
        assertThat(logits).containsExactly(1, 0.25f, -0.25f, 1, 1);
    }

    @Test
    void repetitionComesFirst() {
        float[] logits = {4, 0, 0, 0, 0};
        new Penalties(2, 1, 0).apply(logits, occurrences(new int[0], 0));
        assertThat(logits[0]).isEqualTo(1); // 4 / 2 - 1, not (4 - 1) / 2
    }

    @Test
    void negativePenaltiesInviteRepetition() {
        float[] logits = {0, 0, 0, 0, 0};
        new Penalties(1, -1, -0.5).apply(logits, occurrences(new int[0], 3, 3));
        assertThat(logits[3]).isEqualTo(2);
    }

    @Test
    void greedyChoiceMovesOnUnderAPenalty() {
        var sampler =
                new Sampler(Sampling.greedy().withPenalties(new Penalties(1, 0, 1)), new int[] {4}, VOCABULARY, 0);
        int[] chosen = new int[6];
        for (int i = 0; i < chosen.length; i++) {
            chosen[i] = sampler.next(new float[] {2, 1.5f, -9, -9, -9});
        }
        assertThat(chosen).containsExactly(0, 1, 0, 1, 0, 1);
    }

    @Test
    void manyDifferentTokensAreAllPenalized() {
        int n = 1000;
        int[] prompt = new int[n];
        java.util.Arrays.setAll(prompt, i -> i);
        float[] logits = new float[n + 1];
        java.util.Arrays.fill(logits, 2);
        var occurrences = new Occurrences(n + 1);
        for (int token : prompt) {
            occurrences.addPrompt(token);
        }
        new Penalties(2, 0, 0).apply(logits, occurrences);
        for (int i = 0; i < n; i++) {
            assertThat(logits[i]).isEqualTo(1);
        }
        assertThat(logits[n]).isEqualTo(2);
    }

    private static Occurrences occurrences(int[] prompt, int... reply) {
        var occurrences = new Occurrences(VOCABULARY);
        for (int token : prompt) {
            occurrences.addPrompt(token);
        }
        for (int token : reply) {
            occurrences.addReply(token);
        }
        return occurrences;
    }
}
