package awq4j.model;

/** How a family tells tokens apart by place. */
public sealed interface Positions {
    /**
     * Rotary embedding of queries and keys.
     *
     * @param rotaryDim leading values of each head that rotate, even
     */
    record Rotary(double theta, int rotaryDim, RopeScaling scaling) implements Positions {}

    /** A learned row of {@code name.weight} added to the embedding: row {@code position + offset}. */
    record Learned(String name, int offset) implements Positions {}
}
