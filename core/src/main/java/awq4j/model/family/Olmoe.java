package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** OLMoE: many small experts in every layer, whose weights do not add up to one; norms over all heads together. */
final class Olmoe implements ModelFamily {
    @Override
    public String title() {
        return "OLMoE";
    }

    @Override
    public String models() {
        return "OLMoE-1B-7B";
    }

    @Override
    public Proof proof() {
        return Proof.DEFINITION;
    }

    @Override
    public Set<String> architectures() {
        return Set.of("OlmoeForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        if (config.has("clip_qkv")) {
            throw new UnsupportedModelException("OLMoE with clip_qkv " + config.number("clip_qkv")
                    + ", a limit behind the norms of queries and keys, is not supported; supported: null");
        }
        boolean bias = config.flag("attention_bias", false);
        var mixture = Mixture.read(
                config,
                Mixture.Names.QWEN,
                config.has("num_experts") ? "num_experts" : "num_local_experts",
                "intermediate_size",
                config.flag("norm_topk_prob", false),
                0,
                layer -> true);
        return new LlamaLine("olmoe", checkpoint)
                .biases(bias, bias, false)
                .wideNorms()
                .epsilon(1e-5)
                .experts(mixture)
                .spec();
    }
}
