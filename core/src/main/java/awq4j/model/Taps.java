package awq4j.model;

import awq4j.kernel.Buffer;

/**
 * Named points of the forward pass that calibration, golden tests and tracing look at.
 *
 * <p>Points: {@code embedding}; {@code LINEAR.input} for every linear, with the linear's tensor prefix;
 * {@code layer.I.attention}, {@code layer.I.mlp} (what is added to the residual); {@code layer.I.output};
 * {@code norm} (after the final norm). The linears of an expert see only the tokens that were sent to it.
 */
@FunctionalInterface
public interface Taps {
    /** Looks at nothing. */
    Taps NONE = (point, value) -> {};

    /**
     * Sees the value at a point, on the thread that runs the forward pass.
     *
     * @param point the point's name, as listed above
     * @param value what flows there; valid during the call only, not to be changed
     */
    void at(String point, Buffer value);

    /**
     * Sees which rows of the batch an expert gets, before the inputs of its linears; those have as many rows, in this
     * order. Not called for experts that get none, nor if {@link #everyExpert}.
     *
     * @param block the layer's number
     * @param expert the expert's number
     * @param rows ascending from place {@code from} to before {@code to}; valid during the call only
     */
    default void routed(int block, int expert, int[] rows, int from, int to) {}

    /**
     * Whether experts are to run on all tokens, so that each of them is seen with every input; what they make of tokens
     * that were not sent to them is thrown away.
     */
    default boolean everyExpert() {
        return false;
    }
}
