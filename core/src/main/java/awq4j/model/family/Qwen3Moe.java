package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** Qwen 3 with experts. */
final class Qwen3Moe implements ModelFamily {
    @Override
    public String title() {
        return "Qwen3-MoE";
    }

    @Override
    public String models() {
        return "Qwen3-30B-A3B, Qwen3-235B-A22B";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("Qwen3MoeForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        boolean bias = config.flag("attention_bias", false);
        var mixture = Mixture.read(
                config,
                Mixture.Names.QWEN,
                // transformers 5 writes the second name
                config.has("num_experts") ? "num_experts" : "num_local_experts",
                "moe_intermediate_size",
                config.flag("norm_topk_prob", false),
                0,
                Mixture.sparse(config));
        return new LlamaLine("qwen3_moe", checkpoint)
                .biases(bias, bias, false)
                .headNorms()
                .window(Qwen2.windows(config))
                .experts(mixture)
                .spec();
    }
}
