package awq4j.model;

import awq4j.kernel.Activation;
import java.util.List;

/** The feed-forward part of a block. */
public sealed interface Mlp {
    /** All linears, in the order in which they run; the first reads the MLP's input. */
    List<Linear> linears();

    /** The first of {@link #linears} whose input is the same as that of {@code linear}; itself if it is none of them. */
    Linear source(Linear linear);

    /** {@code down(f(gate(x)) * up(x))}. */
    record Gated(Activation activation, Linear gate, Linear up, Linear down) implements Mlp {
        @Override
        public List<Linear> linears() {
            return List.of(gate, up, down);
        }

        @Override
        public Linear source(Linear linear) {
            return linear.equals(up) ? gate : linear;
        }
    }

    /** {@code output(f(input(x)))}. */
    record Plain(Activation activation, Linear input, Linear output) implements Mlp {
        @Override
        public List<Linear> linears() {
            return List.of(input, output);
        }

        @Override
        public Linear source(Linear linear) {
            return linear;
        }
    }
}
