package awq4j.model;

import awq4j.kernel.Activation;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

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

    /**
     * {@code output(f(input(x)) / scales)}.
     *
     * @param scales name of a vector that quantized models may have, since no scale passes f backwards: AutoAWQ's
     *     "scaled activation"; without it f(input(x)) is not divided. Null where f lets scales pass
     */
    record Plain(
            Activation activation,
            Linear input,
            Linear output,
            @Nullable String scales) implements Mlp {
        @Override
        public List<Linear> linears() {
            return List.of(input, output);
        }

        @Override
        public Linear source(Linear linear) {
            return linear;
        }
    }

    /**
     * A mixture of experts: a router chooses a few of many gated MLPs for each token. The result is the sum of what they
     * give, weighted by the softmax of the router's outputs over all experts.
     *
     * @param router one output for each expert
     * @param chosen how many experts a token goes to
     * @param renormalized whether the weights of the chosen are divided by their sum
     * @param experts by number, all of one shape
     * @param shared what every token goes through besides, null for nothing
     */
    record Experts(
            Linear router,
            int chosen,
            boolean renormalized,
            List<Gated> experts,
            @Nullable Shared shared) implements Mlp {
        /** @throws IllegalArgumentException if there are not as many experts as are chosen, or as the router knows */
        public Experts {
            experts = List.copyOf(experts);
            if (chosen < 1 || chosen > experts.size() || router.rows() != experts.size()) {
                throw new IllegalArgumentException("experts: " + chosen + " chosen of " + experts.size()
                        + ", router has " + router.rows() + " outputs");
            }
        }

        @Override
        public List<Linear> linears() {
            var all = new ArrayList<Linear>();
            all.add(router);
            experts.forEach(expert -> all.addAll(expert.linears()));
            if (shared != null) {
                all.addAll(shared.mlp().linears());
                if (shared.gate() != null) {
                    all.add(shared.gate());
                }
            }
            return all;
        }

        /** Experts see parts of what the router sees, so their inputs are their own. */
        @Override
        public Linear source(Linear linear) {
            if (shared != null
                    && (linear.equals(shared.gate())
                            || linear.equals(shared.mlp().gate())
                            || linear.equals(shared.mlp().up()))) {
                return router;
            }
            for (Gated expert : experts) {
                if (linear.equals(expert.up())) {
                    return expert.gate();
                }
            }
            return linear;
        }

        /** The inner width of an expert. */
        public int width() {
            return experts.getFirst().up().rows();
        }

        /** Whether a linear decides which experts run or how much one counts, instead of being part of one. */
        public boolean steers(Linear linear) {
            return linear.equals(router) || (shared != null && linear.equals(shared.gate()));
        }
    }

    /**
     * An expert that every token goes through.
     *
     * @param gate one output, the sigmoid of which the expert's output is multiplied by; null for 1
     */
    record Shared(Gated mlp, @Nullable Linear gate) {}
}
