package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RowRaceTest {
    private static final int CONTENDERS = 21;

    private int asked;

    private RowRace.Result race(double[][] losses) {
        asked = 0;
        return RowRace.run(losses.length, losses[0].length, (contender, rows) -> {
            asked += rows.length;
            return Arrays.stream(rows)
                    .mapToDouble(row -> losses[contender][row])
                    .toArray();
        });
    }

    private static double mean(double[] values) {
        return Arrays.stream(values).average().orElseThrow();
    }

    /** Rows that differ from each other far more than contenders do: losses[i][row] = base_i size_row (1 + noise). */
    private static double[][] losses(long seed, int rows, double spread, double noise) {
        var random = new Random(seed);
        double[] sizes = new double[rows];
        Arrays.setAll(sizes, row -> Math.exp(random.nextGaussian()));
        double[][] losses = new double[CONTENDERS][rows];
        for (int i = 0; i < CONTENDERS; i++) {
            double base = 1 + spread * Math.abs(i - seed % CONTENDERS) / (CONTENDERS - 1);
            for (int row = 0; row < rows; row++) {
                losses[i][row] = base * sizes[row] * (1 + noise * (random.nextDouble() - 0.5));
            }
        }
        return losses;
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.02, 0.2, 2})
    void winnerIsWithinAHundredthOfTheLeast(double spread) {
        for (int seed = 0; seed < 25; seed++) {
            double[][] losses = losses(seed, 6000, spread, 0.5);
            RowRace.Result result = race(losses);
            double least =
                    Arrays.stream(losses).mapToDouble(RowRaceTest::mean).min().orElseThrow();
            assertThat(mean(losses[result.winner()])).as("seed %d", seed).isLessThanOrEqualTo(1.01 * least);
        }
    }

    @Test
    void looksAtFewRowsWhereLossesDiffer() {
        race(losses(3, 50_000, 2, 0.2));
        assertThat(asked).isLessThan(CONTENDERS * 50_000 / 10);
    }

    /** Two that are nearly alike in the mean, each without loss on about half of the rows. */
    @Test
    void looksAtAllRowsWhereASampleDoesNotTell() {
        var random = new Random(5);
        double[][] losses = new double[2][3000];
        for (int row = 0; row < 3000; row++) {
            boolean first = random.nextBoolean();
            losses[0][row] = first ? 0 : 1.02;
            losses[1][row] = first ? 1 : 0;
        }
        RowRace.Result result = race(losses);
        assertThat(asked).isEqualTo(6000);
        assertThat(result.rows()).isEqualTo(3000);
        assertThat(result.winner()).isEqualTo(mean(losses[0]) <= mean(losses[1]) ? 0 : 1);
    }

    @Test
    void isExactWithFewRows() {
        double[][] losses = losses(7, RowRace.FIRST, 1e-6, 0.5);
        RowRace.Result result = race(losses);
        assertThat(asked).isEqualTo(CONTENDERS * RowRace.FIRST);
        for (int i = 0; i < CONTENDERS; i++) {
            assertThat(result.means()[i]).isCloseTo(mean(losses[i]), within(1e-12));
            assertThat(mean(losses[result.winner()])).isLessThanOrEqualTo(mean(losses[i]));
        }
    }

    @Test
    void firstOfEqualLossesWins() {
        double[] same = losses(9, 2000, 0, 0.5)[0];
        double[] worse = Arrays.stream(same).map(loss -> 3 * loss).toArray();
        assertThat(race(new double[][] {worse, same, same, worse}).winner()).isEqualTo(1);
        assertThat(asked).isEqualTo(4 * RowRace.FIRST);
    }

    @Test
    void lossesThatAreNotFiniteNeverWin() {
        double[] fine = {5, 6};
        double[] broken = {1, Double.NaN};
        double[] endless = {Double.POSITIVE_INFINITY, 1};
        assertThat(race(new double[][] {broken, fine, endless}).winner()).isEqualTo(1);
        assertThat(race(new double[][] {broken, endless}).winner()).isEqualTo(-1);
    }
}
