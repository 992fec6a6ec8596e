package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.model.Linear;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the linears of one block saw while the calibration sequences ran through it at full precision.
 *
 * @param sequences number of sequences
 * @param length tokens of each
 * @param inputs by the linear's tensor prefix, [rows, columns]; linears that share an input share the array. The rows are
 *     all tokens, sequences * length; of an expert's linears only the tokens that were sent to it
 * @param picked by the tensor prefix of linears whose input is a part of an array: the rows that they saw, ascending
 * @param statistics by the tensor prefix, of linears whose inputs were counted and not kept; those that share an input
 *     share the object
 * @param hidden what flowed into the block, [tokens, hidden], not to be modified; null if it is not at hand
 */
public record BlockCapture(
        int sequences,
        int length,
        Map<String, float[]> inputs,
        Map<String, int[]> picked,
        Map<String, InputStatistics> statistics,
        float @Nullable [] hidden) {
    /** What methods get that look at no data. */
    public static final BlockCapture NONE = new BlockCapture(0, 0, Map.of());

    /** Copies the maps, not the arrays. */
    public BlockCapture {
        inputs = Map.copyOf(inputs);
        picked = Map.copyOf(picked);
        statistics = Map.copyOf(statistics);
    }

    /** A capture in which every linear saw every token. */
    public BlockCapture(int sequences, int length, Map<String, float[]> inputs) {
        this(sequences, length, inputs, Map.of());
    }

    /** A capture of which nobody asks what flowed into the block. */
    public BlockCapture(int sequences, int length, Map<String, float[]> inputs, Map<String, int[]> picked) {
        this(sequences, length, inputs, picked, Map.of(), null);
    }

    /** The same with sums of what its linears saw, by tensor prefix, beside the inputs. */
    public BlockCapture counted(Map<String, InputStatistics> sums) {
        return new BlockCapture(sequences, length, inputs, picked, sums, hidden);
    }

    /** All tokens of all sequences. */
    public int tokens() {
        return sequences * length;
    }

    /**
     * The input of a linear, [rows, columns]; copied only if it is a part of an array.
     *
     * @throws IllegalArgumentException if it was not captured
     */
    public float[] input(String linear) {
        float[] values = captured(linear);
        int[] rows = picked.get(linear);
        if (rows == null) {
            return values;
        }
        int columns = values.length / tokens();
        float[] some = new float[rows.length * columns];
        for (int i = 0; i < rows.length; i++) {
            System.arraycopy(values, rows[i] * columns, some, i * columns, columns);
        }
        return some;
    }

    /**
     * What a linear saw, as sums: those that were counted, or else of its input.
     *
     * @throws IllegalArgumentException if neither was captured
     */
    public InputStatistics statistics(Backend backend, Linear linear) {
        InputStatistics counted = statistics.get(linear.name());
        return counted != null ? counted : InputStatistics.of(backend, input(linear.name()), linear.columns());
    }

    /**
     * How many tokens a linear saw.
     *
     * @throws IllegalArgumentException if its input was not captured
     */
    public int seen(Linear linear) {
        InputStatistics counted = statistics.get(linear.name());
        if (counted != null) {
            return counted.tokens();
        }
        int[] rows = picked.get(linear.name());
        return rows != null ? rows.length : captured(linear.name()).length / linear.columns();
    }

    /** Whether two linears saw the same. */
    @SuppressWarnings({"ReferenceEquality", "ArrayEquals"}) // linears that share an input share its array
    public boolean sameInput(Linear a, Linear b) {
        InputStatistics counted = statistics.get(a.name());
        if (counted != null) {
            return counted == statistics.get(b.name());
        }
        return !statistics.containsKey(b.name())
                && captured(a.name()) == captured(b.name())
                && picked.get(a.name()) == picked.get(b.name());
    }

    private float[] captured(String linear) {
        float[] values = inputs.get(linear);
        if (values == null) {
            throw new IllegalArgumentException("calibration saw no input of " + linear);
        }
        return values;
    }
}
