package awq4j.weight;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Which input each stored column of a {@link Weight} meets: a permutation of its columns.
 *
 * <p>GPTQ with act-order gives neighbouring groups columns from all over the row. Stored sorted by group, they are
 * ordinary groups again, and the activations are put into the same order before they meet them.
 */
public final class InputOrder {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int[] inputs;

    private InputOrder(int[] inputs) {
        this.inputs = inputs;
    }

    /**
     * The order in which stored column i meets input {@code inputs[i]}; the array is copied.
     *
     * @throws IllegalArgumentException if {@code inputs} is not a permutation of 0 to its length - 1
     */
    public static InputOrder of(int... inputs) {
        var seen = new boolean[inputs.length];
        for (int i = 0; i < inputs.length; i++) {
            int input = inputs[i];
            if (input < 0 || input >= inputs.length || seen[input]) {
                throw new IllegalArgumentException("input order: expected each of 0 to " + (inputs.length - 1)
                        + " once, found " + input + (input < 0 || input >= inputs.length ? "" : " again") + " at " + i);
            }
            seen[input] = true;
        }
        return new InputOrder(inputs.clone());
    }

    /**
     * The order of {@code size} columns that {@link #write} wrote.
     *
     * @throws IllegalArgumentException if it is not a permutation
     */
    public static InputOrder read(MemorySegment from, int size) {
        int[] inputs = new int[size];
        MemorySegment.copy(from, INT, 0, inputs, 0, size);
        return of(inputs);
    }

    /** Writes the inputs as 32-bit integers, little-endian. */
    public void write(MemorySegment to) {
        MemorySegment.copy(inputs, 0, to, INT, 0, inputs.length);
    }

    /** Columns. */
    public int size() {
        return inputs.length;
    }

    /** The input that a stored column meets. */
    public int input(int column) {
        return inputs[column];
    }

    /** Copies {@link #size} values from the order of inputs to that of stored columns. */
    public void gather(float[] from, int fromAt, float[] to, int toAt) {
        for (int i = 0; i < inputs.length; i++) {
            to[toAt + i] = from[fromAt + inputs[i]];
        }
    }

    /** Copies {@link #size} values from the order of stored columns to that of inputs. */
    public void scatter(float[] from, int fromAt, float[] to, int toAt) {
        for (int i = 0; i < inputs.length; i++) {
            to[toAt + inputs[i]] = from[fromAt + i];
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof InputOrder order && Arrays.equals(inputs, order.inputs);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(inputs);
    }

    @Override
    public String toString() {
        return "order of " + inputs.length + " inputs";
    }
}
