package awq4j.model;

import awq4j.kernel.Activation;

/** The feed-forward part of a block. */
public sealed interface Mlp {
    /** {@code down(f(gate(x)) * up(x))}. */
    record Gated(Activation activation, Linear gate, Linear up, Linear down) implements Mlp {}

    /** {@code output(f(input(x)))}. */
    record Plain(Activation activation, Linear input, Linear output) implements Mlp {}
}
