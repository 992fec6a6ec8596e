package awq4j.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RoutingTest {
    private static final long SEED = 20261126;

    /** A token and its weight, in the order of the list. */
    private record Sent(int token, double weight) {}

    @Test
    void isTheDefinitions() {
        var random = new Random(SEED);
        for (int[] sizes : new int[][] {{1, 1, 1}, {5, 4, 2}, {9, 8, 8}, {33, 64, 6}, {200, 7, 1}, {3, 128, 8}}) {
            var routing = new Routing(sizes[0] + 3, sizes[1], sizes[2]);
            for (boolean renormalized : new boolean[] {false, true}) {
                float[] outputs = new float[sizes[0] * sizes[1]];
                for (int i = 0; i < outputs.length; i++) {
                    outputs[i] = (float) (3 * random.nextGaussian());
                }
                var expected = defined(outputs.clone(), sizes[1], sizes[2], renormalized);
                routing.choose(outputs, sizes[0], renormalized);
                for (int e = 0; e < sizes[1]; e++) {
                    assertSame(routing, e, expected.get(e), Arrays.toString(sizes) + ", expert " + e);
                }
                assertThat(routing.end(sizes[1] - 1)).isEqualTo(sizes[0] * sizes[2]);
            }
        }
    }

    @Test
    void firstOfEqualsIsChosen() {
        var routing = new Routing(1, 5, 2);
        routing.choose(new float[] {1, 3, 2, 3, 3}, 1, true);
        assertThat(chosen(routing, 5)).containsExactly(1, 3);
        routing.choose(new float[5], 1, true);
        assertThat(chosen(routing, 5)).containsExactly(0, 1);
        assertThat(routing.weights()).containsExactly(0.5f, 0.5f);
    }

    @Test
    void notANumberShowsInTheWeights() {
        var routing = new Routing(2, 4, 2);
        routing.choose(new float[] {1, Float.NaN, 2, 0, 4, 3, 2, 1}, 2, false);
        for (int e = 0; e < 4; e++) {
            for (int i = routing.start(e); i < routing.end(e); i++) {
                assertThat(Float.isNaN(routing.weights()[i])).isEqualTo(routing.rows()[i] == 0);
            }
        }
        routing.choose(new float[] {Float.NaN, Float.NaN, Float.NaN, Float.NaN, 4, 3, 2, 1}, 2, false);
        assertThat(routing.end(3)).isEqualTo(4);
    }

    private static List<Integer> chosen(Routing routing, int experts) {
        return IntStream.range(0, experts)
                .filter(e -> routing.end(e) > routing.start(e))
                .boxed()
                .toList();
    }

    private static void assertSame(Routing routing, int expert, List<Sent> expected, String what) {
        int from = routing.start(expert);
        assertThat(routing.end(expert) - from).as(what).isEqualTo(expected.size());
        for (int i = 0; i < expected.size(); i++) {
            assertThat(routing.rows()[from + i])
                    .as(what)
                    .isEqualTo(expected.get(i).token());
            assertThat((double) routing.weights()[from + i])
                    .as(what)
                    .isCloseTo(expected.get(i).weight(), within(1e-6));
        }
    }

    /** The tokens of each expert, straight from the definition, in double precision. */
    private static List<List<Sent>> defined(float[] outputs, int experts, int chosen, boolean renormalized) {
        var sent = new ArrayList<List<Sent>>();
        for (int e = 0; e < experts; e++) {
            sent.add(new ArrayList<>());
        }
        for (int t = 0; t < outputs.length / experts; t++) {
            int at = t * experts;
            double[] shares = new double[experts];
            Arrays.setAll(shares, e -> Math.exp(outputs[at + e]));
            double all = Arrays.stream(shares).sum();
            int[] best = IntStream.range(0, experts)
                    .boxed()
                    .sorted(Comparator.comparingDouble((Integer e) -> -outputs[at + e]))
                    .limit(chosen)
                    .mapToInt(e -> e)
                    .toArray();
            double sum = renormalized
                    ? Arrays.stream(best).mapToDouble(e -> shares[e]).sum()
                    : all;
            for (int e : best) {
                sent.get(e).add(new Sent(t, shares[e] / sum));
            }
        }
        return sent;
    }
}
