package awq4j.model;

import awq4j.kernel.Buffer;

/**
 * Named points of the forward pass that calibration, golden tests and tracing look at.
 *
 * <p>Points: {@code embedding}; {@code LINEAR.input} for every linear, with the linear's tensor prefix;
 * {@code layer.I.attention}, {@code layer.I.mlp} (what is added to the residual); {@code layer.I.output};
 * {@code norm} (after the final norm).
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
}
