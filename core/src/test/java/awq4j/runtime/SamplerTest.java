package awq4j.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class SamplerTest {
    private static final float OUT = Float.NEGATIVE_INFINITY;
    /** Probabilities 0.4, 0.3, 0.2, 0.1 of tokens 2, 0, 3, 1. */
    private static final float[] FOUR = logitsOf(0.3, 0.1, 0.4, 0.2);

    private static final double ROUNDING = 1e-6; // the probabilities pass through a float

    @Test
    void withoutFiltersTheDistributionIsTheModels() {
        assertThat(distribution(FOUR, 1, 0, 1, 0)).containsExactly(new double[] {0.3, 0.1, 0.4, 0.2}, within(ROUNDING));
    }

    @Test
    void temperatureSharpensAndFlattens() {
        // p^(1/T): squares at 0.5, square roots at 2
        double squares = 0.09 + 0.01 + 0.16 + 0.04;
        assertThat(distribution(FOUR, 0.5, 0, 1, 0))
                .containsExactly(
                        new double[] {0.09 / squares, 0.01 / squares, 0.16 / squares, 0.04 / squares},
                        within(ROUNDING));
        assertThat(distribution(FOUR, 1e-9, 0, 1, 0)).containsExactly(0, 0, 1, 0);
        assertThat(distribution(FOUR, 1e9, 0, 1, 0))
                .containsExactly(new double[] {0.25, 0.25, 0.25, 0.25}, within(ROUNDING));
    }

    @Test
    void topKKeepsTheLikeliest() {
        assertThat(distribution(FOUR, 1, 1, 1, 0)).containsExactly(0, 0, 1, 0);
        assertThat(distribution(FOUR, 1, 2, 1, 0))
                .containsExactly(new double[] {3 / 7.0, 0, 4 / 7.0, 0}, within(ROUNDING));
        for (int all : new int[] {0, 4, 5, Integer.MAX_VALUE}) {
            assertThat(distribution(FOUR, 1, all, 1, 0))
                    .containsExactly(new double[] {0.3, 0.1, 0.4, 0.2}, within(ROUNDING));
        }
    }

    @Test
    void topPKeepsTheFewestThatReachIt() {
        assertThat(kept(FOUR, 1, 0, 0, 0)).containsExactly(2);
        assertThat(kept(FOUR, 1, 0, 0.39, 0)).containsExactly(2);
        assertThat(kept(FOUR, 1, 0, 0.41, 0)).containsExactly(0, 2);
        assertThat(kept(FOUR, 1, 0, 0.71, 0)).containsExactly(0, 2, 3);
        assertThat(kept(FOUR, 1, 0, 0.95, 0)).containsExactly(0, 1, 2, 3);
    }

    @Test
    void topPCountsWhatTopKLeft() {
        // of 0.4 and 0.3 alone the first has 4/7 = 0.571
        assertThat(kept(FOUR, 1, 2, 0.57, 0)).containsExactly(2);
        assertThat(kept(FOUR, 1, 2, 0.58, 0)).containsExactly(0, 2);
    }

    @Test
    void minPIsAShareOfTheLikeliest() {
        assertThat(kept(FOUR, 1, 0, 1, 0.74)).containsExactly(0, 2);
        assertThat(kept(FOUR, 1, 0, 1, 0.76)).containsExactly(2);
        assertThat(kept(FOUR, 1, 0, 0.95, 0.49)).containsExactly(0, 2, 3);
        assertThat(kept(FOUR, 1, 3, 1, 0.2)).containsExactly(0, 2, 3);
        assertThat(kept(FOUR, 1, 0, 1, 1)).containsExactly(2);
    }

    @Test
    void ofEqualsTheLowestTokensStay() {
        float[] equal = {1, 2, 2, 2, 1, 2};
        assertThat(kept(equal, 1, 3, 1, 0)).containsExactly(1, 2, 3);
        assertThat(kept(equal, 1, 0, 1e-9, 0)).containsExactly(1);
        assertThat(Logits.largest(equal)).isEqualTo(1);
        assertThat(Logits.largest(new float[] {0f, -0f, 0f})).isZero();
    }

    @Test
    void onePossibleTokenIsAlwaysTaken() {
        float[] one = {OUT, OUT, -7, OUT};
        assertThat(distribution(one, 1, 0, 1, 0)).containsExactly(0, 0, 1, 0);
        assertThat(distribution(one, 1, 3, 0.5, 0.5)).containsExactly(0, 0, 1, 0);
        assertThat(distribution(one, 1, 0, 0.5, 0)).containsExactly(0, 0, 1, 0);
        assertThat(Logits.largest(one)).isEqualTo(2);
    }

    @Test
    void filtersAgreeWithSortingTheWholeVocabulary() {
        long seed = 4711;
        var random = new Random(seed);
        for (int round = 0; round < 150; round++) {
            int vocabulary = 1 + random.nextInt(round % 10 == 0 ? 5000 : 400);
            double spread = Math.pow(10, random.nextInt(4) - 1);
            float[] logits = new float[vocabulary];
            for (int i = 0; i < vocabulary; i++) {
                logits[i] = (float) (Math.round(random.nextGaussian() * spread * 4) / 4.0); // many equals
            }
            double temperature = 0.2 + random.nextDouble() * 2;
            int topK = random.nextBoolean() ? 0 : random.nextInt(vocabulary + 2);
            double topP = random.nextBoolean() ? 1 : random.nextDouble();
            double minP = random.nextBoolean() ? 0 : random.nextDouble() / 4;
            assertThat(distribution(logits, temperature, topK, topP, minP))
                    .as(
                            "seed %d round %d: n %d T %f k %d p %f m %f",
                            seed, round, vocabulary, temperature, topK, topP, minP)
                    .containsExactly(sorting(logits, temperature, topK, topP, minP), within(1e-9));
        }
    }

    /** Token by token, with weights of their own: what the sums of stretches stand for. */
    @Test
    void anyPlaceOfTheWholeVocabularyHasTheTokenThatAddingUpFinds() {
        long seed = 815;
        var random = new Random(seed);
        var candidates = new Candidates(); // one for all sizes, as it is used
        for (int vocabulary : new int[] {1, 2, 255, 256, 257, 1023, 1024, 1025, 2048, 5000}) {
            for (double temperature : new double[] {1e-320, 0.3, 1, 40}) {
                float[] logits = new float[vocabulary];
                for (int i = 0; i < vocabulary; i++) {
                    logits[i] =
                            i % 7 == 3 || (i < 300 && vocabulary > 1025) ? OUT : (float) (3 * random.nextGaussian());
                }
                double[] weights = sorting(logits, temperature, 0, 1, 0);
                candidates.select(logits, temperature, 0, 1, 0);
                double[] places = random.doubles(200).toArray();
                places[0] = 0;
                places[1] = 1 - 1e-12;
                for (double place : places) {
                    assertThat(candidates.at(place))
                            .as("seed %d: n %d T %g place %s", seed, vocabulary, temperature, place)
                            .isEqualTo(addingUp(weights, place));
                }
                assertThat(weights[candidates.at(Math.nextDown(1.0))]).isPositive();
            }
        }
    }

    private static int addingUp(double[] probabilities, double place) {
        double sum = 0;
        int last = -1;
        for (int token = 0; token < probabilities.length; token++) {
            sum += probabilities[token];
            if (probabilities[token] > 0) {
                last = token;
                if (place < sum) {
                    return token;
                }
            }
        }
        return last;
    }

    @Test
    void aSeedGivesTheSameTokensAndTheRightShares() {
        int draws = 20_000;
        int[] counts = new int[4];
        var sampling = Sampling.greedy().withTemperature(1);
        var first = new Sampler(sampling, new int[0], 4, 99);
        var second = new Sampler(sampling, new int[0], 4, 99);
        for (int i = 0; i < draws; i++) {
            int token = first.next(FOUR.clone());
            assertThat(second.next(FOUR.clone())).isEqualTo(token);
            counts[token]++;
        }
        double[] expected = {0.3, 0.1, 0.4, 0.2};
        double chiSquared = 0;
        for (int i = 0; i < 4; i++) {
            chiSquared += Math.pow(counts[i] - draws * expected[i], 2) / (draws * expected[i]);
        }
        assertThat(chiSquared).as(Arrays.toString(counts)).isLessThan(16.3); // 3 degrees of freedom: 1 seed in 1000
    }

    @Test
    void seedsMeanTheSameNumbersForever() {
        // the published SplitMix64 from state 1234567
        var random = new SplitMix(1234567);
        assertThat(random.nextLong()).isEqualTo(6457827717110365317L);
        assertThat(random.nextLong()).isEqualTo(3203168211198807973L);
        assertThat(Long.toUnsignedString(random.nextLong())).isEqualTo("9817491932198370423");
    }

    @Test
    void temperatureZeroTakesTheLargestWhateverTheSeed() {
        for (long seed = 0; seed < 20; seed++) {
            assertThat(new Sampler(Sampling.greedy(), new int[0], 4, seed).next(FOUR.clone()))
                    .isEqualTo(2);
        }
    }

    @Test
    void damagedLogitsAreOneClearError() {
        for (Sampling sampling : new Sampling[] {
            Sampling.greedy(), Sampling.greedy().withTemperature(1).withTopK(2)
        }) {
            var sampler = new Sampler(sampling, new int[0], 3, 1);
            assertThatThrownBy(() -> sampler.next(new float[] {1, Float.NaN, 2}))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "logits: that of token 1 is NaN, expected a number; the model's weights are damaged or its"
                                    + " arithmetic overflowed");
            assertThatThrownBy(() -> sampler.next(new float[] {1, 2, Float.POSITIVE_INFINITY}))
                    .hasMessageContaining("token 2 is Infinity");
            assertThatThrownBy(() -> sampler.next(new float[] {OUT, OUT, OUT}))
                    .hasMessageContaining("none of the 3 tokens is possible");
            float[] late = new float[1000];
            late[999] = Float.NaN;
            assertThatThrownBy(() -> sampler.next(late)).hasMessageContaining("token 999 is NaN");
            late[600] = Float.POSITIVE_INFINITY;
            assertThatThrownBy(() -> sampler.next(late)).hasMessageContaining("token 600 is Infinity");
        }
    }

    private static double[] distribution(float[] logits, double temperature, int topK, double topP, double minP) {
        var candidates = new Candidates();
        candidates.select(logits, temperature, topK, topP, minP);
        double[] out = new double[logits.length];
        for (int i = 0; i < candidates.count(); i++) {
            assertThat(out[candidates.token(i)]).isZero();
            out[candidates.token(i)] = candidates.probability(i);
        }
        return out;
    }

    private static int[] kept(float[] logits, double temperature, int topK, double topP, double minP) {
        var candidates = new Candidates();
        candidates.select(logits, temperature, topK, topP, minP);
        var tokens = new TreeSet<Integer>();
        for (int i = 0; i < candidates.count(); i++) {
            tokens.add(candidates.token(i));
        }
        return tokens.stream().mapToInt(i -> i).toArray();
    }

    /** The definition: sort everything, cut three times, divide by what is left. */
    private static double[] sorting(float[] logits, double temperature, int topK, double topP, double minP) {
        Integer[] order = new Integer[logits.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> logits[a] == logits[b] ? a - b : Float.compare(logits[b], logits[a]));
        int left = topK == 0 ? order.length : Math.min(topK, order.length);
        double[] weights = new double[order.length];
        double mass = 0;
        for (int i = 0; i < left; i++) {
            weights[i] = Math.exp((logits[order[i]] - (double) logits[order[0]]) / temperature);
            mass += weights[i];
        }
        double reached = 0;
        int end = 0;
        while (end < left && (end == 0 || topP == 1 || reached < topP * mass) && (end == 0 || weights[end] >= minP)) {
            reached += weights[end++];
        }
        double[] out = new double[logits.length];
        for (int i = 0; i < end; i++) {
            out[order[i]] = weights[i] / reached;
        }
        return out;
    }

    private static float[] logitsOf(double... probabilities) {
        float[] logits = new float[probabilities.length];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) Math.log(probabilities[i]);
        }
        return logits;
    }
}
