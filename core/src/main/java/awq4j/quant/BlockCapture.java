package awq4j.quant;

import java.util.Map;

/**
 * What the linears of one block saw while the calibration sequences ran through it at full precision.
 *
 * @param sequences number of sequences
 * @param length tokens of each
 * @param inputs by the linear's tensor prefix, [sequences * length, columns]; linears that share an input share the array
 */
public record BlockCapture(int sequences, int length, Map<String, float[]> inputs) {
    /** What methods get that look at no data. */
    public static final BlockCapture NONE = new BlockCapture(0, 0, Map.of());

    /** Copies the map, not the arrays. */
    public BlockCapture {
        inputs = Map.copyOf(inputs);
    }

    /** All tokens of all sequences. */
    public int tokens() {
        return sequences * length;
    }

    /**
     * The input of a linear, not copied.
     *
     * @throws IllegalArgumentException if it was not captured
     */
    public float[] input(String linear) {
        float[] values = inputs.get(linear);
        if (values == null) {
            throw new IllegalArgumentException("calibration saw no input of " + linear);
        }
        return values;
    }
}
