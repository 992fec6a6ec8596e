package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** Qwen 1.5 and 2 with experts: a shared one besides, and layers without in between if the configuration says so. */
final class Qwen2Moe implements ModelFamily {
    @Override
    public String title() {
        return "Qwen2-MoE";
    }

    @Override
    public String models() {
        return "Qwen1.5-MoE, Qwen2-57B-A14B";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("Qwen2MoeForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        var mixture = Mixture.read(
                config,
                Mixture.Names.QWEN,
                config.has("num_experts") ? "num_experts" : "num_local_experts",
                "moe_intermediate_size",
                config.flag("norm_topk_prob", false),
                config.positive("shared_expert_intermediate_size", Bounds.WIDTH),
                Mixture.sparse(config));
        return new LlamaLine("qwen2_moe", checkpoint)
                .biases(config.flag("qkv_bias", true), false, false)
                .window(Qwen2.windows(config))
                .experts(mixture)
                .spec();
    }
}
