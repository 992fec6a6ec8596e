package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.kernel.Activation;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * The experts of a family, as its configuration states them.
 *
 * @param names of the tensors
 * @param experts in each layer that has them
 * @param chosen how many a token goes to
 * @param width of an expert
 * @param renormalized whether the weights of the chosen are divided by their sum
 * @param sharedWidth of the expert that every token goes through, 0 for none
 * @param layers which layers have experts
 */
record Mixture(
        Names names, int experts, int chosen, int width, boolean renormalized, int sharedWidth, IntPredicate layers) {
    /** How a layer's tensors are called below its prefix: the part, its router, and in an expert its three linears. */
    record Names(String part, String router, String gate, String up, String down) {
        static final Names MIXTRAL = new Names("block_sparse_moe.", "gate", "w1", "w3", "w2");
        static final Names QWEN = new Names("mlp.", "gate", "gate_proj", "up_proj", "down_proj");
        static final Names GRANITE =
                new Names("block_sparse_moe.", "router.layer", "gate_proj", "up_proj", "down_proj");
    }

    /** @throws MalformedFileException if the numbers make no sense */
    static Mixture read(
            Config config,
            Names names,
            String experts,
            String width,
            boolean renormalized,
            int sharedWidth,
            IntPredicate layers) {
        int count = config.positive(experts, Bounds.EXPERTS);
        int chosen = config.positive("num_experts_per_tok", Bounds.EXPERTS);
        if (chosen > count) {
            throw new MalformedFileException(
                    config.file(), -1, "\"num_experts_per_tok\" " + chosen + " is more than the " + count + " experts");
        }
        if ((long) count * config.positive("num_hidden_layers", Bounds.LAYERS) > Bounds.ALL_EXPERTS) {
            throw new MalformedFileException(
                    config.file(),
                    -1,
                    count + " experts in each of " + config.integer("num_hidden_layers") + " layers are more than "
                            + Bounds.ALL_EXPERTS + " in all");
        }
        return new Mixture(
                names, count, chosen, config.positive(width, Bounds.WIDTH), renormalized, sharedWidth, layers);
    }

    /**
     * Which layers have experts in the Qwen line: every {@code decoder_sparse_step}-th, {@code mlp_only_layers} excepted.
     */
    static IntPredicate sparse(Config config) {
        int step = config.positive("decoder_sparse_step", Bounds.LAYERS, 1);
        List<Integer> dense = config.integers("mlp_only_layers");
        return layer -> (layer + 1) % step == 0 && !dense.contains(layer);
    }

    /** Whether a layer has them. */
    boolean in(int layer) {
        return layers.test(layer);
    }

    /** The experts of one layer. */
    Mlp.Experts mlp(Checkpoint checkpoint, String prefix, int hidden) {
        Activation activation = Activations.read(checkpoint.config(), "hidden_act", "silu");
        String part = prefix + names.part();
        var all = new ArrayList<Mlp.Gated>(experts);
        for (int e = 0; e < experts; e++) {
            all.add(expert(checkpoint, part + "experts." + e + ".", hidden, width, activation));
        }
        Mlp.Shared shared = sharedWidth == 0
                ? null
                : new Mlp.Shared(
                        expert(checkpoint, part + "shared_expert.", hidden, sharedWidth, activation),
                        new Linear(part + "shared_expert_gate", 1, hidden, false));
        return new Mlp.Experts(
                new Linear(part + names.router(), experts, hidden, false), chosen, renormalized, all, shared);
    }

    private Mlp.Gated expert(Checkpoint checkpoint, String prefix, int hidden, int wide, Activation activation) {
        return new Mlp.Gated(
                activation,
                Projections.linear(checkpoint, prefix + names.gate(), wide, hidden, false),
                Projections.linear(checkpoint, prefix + names.up(), wide, hidden, false),
                Projections.linear(checkpoint, prefix + names.down(), hidden, wide, false));
    }
}
