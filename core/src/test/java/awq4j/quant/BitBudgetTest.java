package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import awq4j.quant.BitBudget.Candidate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Beside every choice there is. */
class BitBudgetTest {
    private static final List<Integer> WIDTHS = List.of(2, 3, 4, 8);

    private static Candidate candidate(String name, long weights, double... losses) {
        var byWidth = new TreeMap<Integer, Double>();
        for (int i = 0; i < losses.length; i++) {
            byWidth.put(WIDTHS.get(i), losses[i]);
        }
        return new Candidate(name, weights, byWidth);
    }

    /** The least loss of all choices within the budget. */
    private static double least(List<Candidate> candidates, double bitsPerWeight) {
        return least(candidates, new TreeMap<>(), bitsPerWeight);
    }

    private static double least(List<Candidate> candidates, Map<String, Integer> chosen, double bitsPerWeight) {
        if (chosen.size() == candidates.size()) {
            boolean within = BitBudget.bitsPerWeight(candidates, chosen) <= bitsPerWeight + 1e-9;
            return within ? BitBudget.loss(candidates, chosen) : Double.POSITIVE_INFINITY;
        }
        double least = Double.POSITIVE_INFINITY;
        Candidate next = candidates.get(chosen.size());
        for (int bits : next.losses().keySet()) {
            chosen.put(next.name(), bits);
            least = Math.min(least, least(candidates, chosen, bitsPerWeight));
            chosen.remove(next.name());
        }
        return least;
    }

    @Test
    void choiceIsTheBestButForOneStep() {
        var random = new SplittableRandom(7);
        int best = 0;
        for (int trial = 0; trial < 200; trial++) {
            var candidates = new ArrayList<Candidate>();
            double step = 0;
            for (int i = 0; i < 5; i++) {
                double scale = Math.exp(4 * random.nextDouble());
                double[] losses = new double[4];
                for (int w = 0; w < 4; w++) {
                    losses[w] = scale * Math.pow(4, -WIDTHS.get(w)) * (0.5 + random.nextDouble());
                }
                candidates.add(candidate("m" + i, 1 + random.nextInt(9), losses));
                step = Math.max(step, losses[0] - Arrays.stream(losses).min().orElseThrow());
            }
            double budget = 2 + 6 * random.nextDouble();
            Map<String, Integer> chosen = BitBudget.choose(candidates, budget);
            double loss = BitBudget.loss(candidates, chosen);
            double least = least(candidates, budget);
            assertThat(BitBudget.bitsPerWeight(candidates, chosen)).isLessThanOrEqualTo(budget + 1e-9);
            assertThat(loss).as("trial %d", trial).isBetween(least - 1e-12, least + step);
            best += loss <= least + 1e-12 ? 1 : 0;
        }
        assertThat(best).isGreaterThan(100);
    }

    /** All steps take as many bits and each hull is its losses: nothing is left of the budget that could be used. */
    @Test
    void matricesOfOneSizeGetTheBestChoice() {
        var random = new SplittableRandom(8);
        for (int budget = 6; budget <= 24; budget++) {
            var candidates = new ArrayList<Candidate>();
            for (int i = 0; i < 6; i++) {
                double scale = Math.exp(4 * random.nextDouble());
                candidates.add(candidate("m" + i, 10, scale / 16, scale / 64, scale / 256));
            }
            if (budget < 12) {
                continue;
            }
            double mean = budget / 6.0;
            assertThat(BitBudget.loss(candidates, BitBudget.choose(candidates, mean)))
                    .isCloseTo(least(candidates, mean), within(1e-12));
        }
    }

    @Test
    void aMatrixThatLosesMoreByMoreBitsStaysNarrow() {
        var odd = candidate("odd", 100, 1, 2, 3, 4);
        var plain = candidate("plain", 100, 1, 0.5, 0.25, 0.1);
        assertThat(BitBudget.choose(List.of(odd, plain), 8))
                .containsEntry("odd", 2)
                .containsEntry("plain", 8);
    }

    @Test
    void whatIsLeftGoesWhereItGainsMost() {
        var large = candidate("large", 100, 9, 4, 2, 1);
        var small = candidate("small", 10, 1, 0.9, 0.8, 0.1);
        // 110 weights: 2 bits each and 60 bits more; the large one's step takes 100, the small one's to 8 bits 60
        assertThat(BitBudget.choose(List.of(large, small), (220 + 60) / 110.0))
                .containsEntry("large", 2)
                .containsEntry("small", 8);
    }

    /** The large one's step comes first and leaves nothing for the small ones, which together would gain more. */
    @Test
    void neverLosesMoreThanOneWidth() {
        var large = candidate("large", 100, 2.4, 1.3, 0.1);
        var small = candidate("small", 100, 2, 1);
        var other = candidate("other", 100, 2, 1);
        var candidates = List.of(large, small, other);
        for (double budget : new double[] {3, 3.2}) {
            assertThat(BitBudget.loss(candidates, BitBudget.choose(candidates, budget)))
                    .isLessThanOrEqualTo(BitBudget.loss(candidates, Map.of("large", 3, "small", 3, "other", 3)));
        }
        var random = new SplittableRandom(9);
        int one = 0;
        for (int trial = 0; trial < 2000; trial++) {
            var some = new ArrayList<Candidate>();
            var threes = new TreeMap<String, Integer>();
            for (int i = 0; i < 4; i++) {
                double[] losses = random.doubles(3, 0, 1).toArray();
                Arrays.sort(losses);
                some.add(candidate("m" + i, 1 + random.nextInt(30), losses[2], losses[1], losses[0]));
                threes.put("m" + i, 3);
            }
            Map<String, Integer> chosen = BitBudget.choose(some, 3);
            assertThat(BitBudget.loss(some, chosen))
                    .as("trial %d", trial)
                    .isLessThanOrEqualTo(BitBudget.loss(some, threes));
            one += chosen.equals(threes) ? 1 : 0;
        }
        assertThat(one).isPositive();
    }

    @Test
    void budgetsBelowTheNarrowestWidthAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BitBudget.choose(List.of(candidate("m", 10, 1, 0.5)), 1.5))
                .withMessageStartingWith("a budget of 1.5 bits a weight: the narrowest codes take 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> candidate("m", 10, Double.NaN))
                .withMessage("m: expected finite losses of some widths, found {2=NaN}");
    }
}
