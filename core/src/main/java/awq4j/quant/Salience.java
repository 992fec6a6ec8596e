package awq4j.quant;

import awq4j.model.Linear;
import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** By what the input channels of a linear are called salient (Lin et al., AWQ, 2023, section 3.1). */
public enum Salience {
    /** The largest mean magnitude of the activations that a channel carries. */
    ACTIVATION,
    /** The largest Euclidean norm of the column of weights that a channel meets. */
    WEIGHT,
    /** None: channels are drawn at random. */
    RANDOM;

    /** Shares are decimal fractions: 0.01 of 700 channels are 7, although the product is above that. */
    private static final double ROUNDING = 1e-9;

    /** How many of {@code columns} channels a share takes: rounded up, so that a share above 0 takes one at least. */
    static int count(double share, int columns) {
        return (int) Math.ceil(share * columns - ROUNDING);
    }

    /**
     * The most salient channels, ascending; of equal ones the first.
     *
     * @param share of the channels, in [0, 1]
     * @param values the linear's weights, [rows, columns]
     * @param inputs what it saw, [tokens, columns]
     * @param seed of the draw; every linear has one of its own
     */
    int[] channels(double share, Linear linear, float[] values, float[] inputs, long seed) {
        double[] measure = measure(linear, values, inputs, seed);
        return IntStream.range(0, measure.length)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer c) -> -measure[c])) // stable: ties as they stand
                .limit(count(share, measure.length))
                .mapToInt(Integer::intValue)
                .sorted()
                .toArray();
    }

    private double[] measure(Linear linear, float[] values, float[] inputs, long seed) {
        int columns = linear.columns();
        double[] measure = new double[columns];
        switch (this) {
            case ACTIVATION -> {
                float[] means = Scaling.meanAbs(inputs, columns);
                Arrays.setAll(measure, c -> means[c]);
            }
            case WEIGHT -> {
                for (int i = 0; i < values.length; i++) {
                    measure[i % columns] += (double) values[i] * values[i];
                }
            }
            case RANDOM -> {
                var random = new SplittableRandom(seed ^ linear.name().hashCode());
                Arrays.setAll(measure, c -> random.nextDouble());
            }
        }
        return measure;
    }
}
