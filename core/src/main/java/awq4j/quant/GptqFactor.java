package awq4j.quant;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What GPTQ takes from a linear's inputs, the same for all linears that share them: the order in which columns are
 * rounded, and the factor that says what each rounding error asks of the columns behind it.
 *
 * @param columns of the linears
 * @param order the columns in the order in which they are rounded
 * @param upper U with U^T U = H^-1, H being the damped Gram matrix in that order, [columns, columns]
 * @param dead by column, whether no token ever excited it: its weights do not matter and are taken for 0
 * @param damping share of the mean diagonal that was added to the diagonal
 */
record GptqFactor(int columns, int[] order, float[] upper, boolean[] dead, double damping) {
    /** First damping that is tried after none. */
    private static final double LEAST = 0.01;

    /**
     * Factors. Where the damped matrix is still not positive definite, damping is doubled until it is.
     *
     * @param gram X^T X of the inputs, [columns, columns]; not modified
     * @param divisor what each input column is divided by beforehand, as folding did; null for nothing
     * @param damping share of the mean diagonal to begin with
     * @param byActivation whether columns go by descending diagonal (act-order) and not as they stand
     * @return null if not even a damping of the whole mean diagonal helps, as when activations overflow
     */
    static @Nullable GptqFactor of(
            float[] gram, int columns, float @Nullable [] divisor, double damping, boolean byActivation) {
        double[] inverse = new double[columns];
        Arrays.setAll(inverse, c -> divisor == null ? 1 : 1.0 / divisor[c]);
        double[] diagonal = new double[columns];
        boolean[] dead = new boolean[columns];
        for (int c = 0; c < columns; c++) {
            double value = gram[c * columns + c] * inverse[c] * inverse[c];
            dead[c] = value == 0;
            diagonal[c] = dead[c] ? 1 : value;
        }
        int[] order = IntStream.range(0, columns).toArray();
        if (byActivation) {
            order = IntStream.range(0, columns)
                    .boxed()
                    .sorted(Comparator.comparingDouble((Integer c) -> -diagonal[c])) // stable: ties as they stand
                    .mapToInt(Integer::intValue)
                    .toArray();
        }
        double mean = Arrays.stream(diagonal).sum() / columns;
        int[] chosen = order;
        for (double share = damping; share <= 1; share = Math.max(LEAST, 2 * share)) {
            double added = share * mean;
            double[] h = new double[Math.multiplyExact(columns, columns)];
            IntStream.range(0, columns).parallel().forEach(row -> {
                int from = chosen[row];
                for (int c = 0; c < columns; c++) {
                    h[row * columns + c] = gram[from * columns + chosen[c]] * inverse[from] * inverse[chosen[c]];
                }
                h[row * columns + row] = diagonal[from] + added;
            });
            float[] upper = InverseFactor.of(h, columns);
            if (upper != null) {
                return new GptqFactor(columns, order, upper, dead, share);
            }
        }
        return null;
    }
}
