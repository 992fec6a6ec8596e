package awq4j.model;

import java.util.List;

/**
 * How attention and MLP join the residual stream h, and the norms of the block that belong to that. Norms inside the
 * attention are its own.
 */
public sealed interface Residual {
    /** The norms in the order in which they run, each once. */
    List<Norm> norms();

    /**
     * {@code h = h + attention(norm(h)); h = h + mlp(norm(h))}: Llama, OPT, GPT-2 and most others.
     *
     * @param factor on what is added, normally 1
     */
    record Sequential(Norm attention, Norm mlp, float factor) implements Residual {
        /** What is added is added as it is. */
        public Sequential(Norm attention, Norm mlp) {
            this(attention, mlp, 1);
        }

        @Override
        public List<Norm> norms() {
            return List.of(attention, mlp);
        }
    }

    /** {@code h = h + attention(norm(h)) + mlp(norm(h))}, the two norms perhaps being one: GPT-NeoX, Falcon. */
    record Parallel(Norm attention, Norm mlp) implements Residual {
        @Override
        public List<Norm> norms() {
            return shared() ? List.of(attention) : List.of(attention, mlp);
        }

        /** Whether attention and MLP have the same input. */
        public boolean shared() {
            return attention.equals(mlp);
        }
    }

    /** {@code h = norm(h + attention(h)); h = norm(h + mlp(h))}: the first transformers, OPT-350m. */
    record PostNorm(Norm attention, Norm mlp) implements Residual {
        @Override
        public List<Norm> norms() {
            return List.of(attention, mlp);
        }
    }

    /** {@code h = h + norm(attention(norm(h))); h = h + norm(mlp(norm(h)))}: Gemma 2 and 3. */
    record Sandwich(Norm attention, Norm afterAttention, Norm mlp, Norm afterMlp) implements Residual {
        @Override
        public List<Norm> norms() {
            return List.of(attention, afterAttention, mlp, afterMlp);
        }
    }

    /** {@code h = h + norm(attention(h)); h = h + norm(mlp(h))}: OLMo 2. */
    record OutputNorm(Norm attention, Norm mlp) implements Residual {
        @Override
        public List<Norm> norms() {
            return List.of(attention, mlp);
        }
    }
}
