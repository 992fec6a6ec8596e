package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** Mixtral: Mistral with experts in every layer, whose weights add up to one. */
final class Mixtral implements ModelFamily {
    @Override
    public String title() {
        return "Mixtral";
    }

    @Override
    public String models() {
        return "Mixtral 8x7B, 8x22B";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("MixtralForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int window = config.has("sliding_window") ? config.positive("sliding_window") : 0;
        // transformers 5 has them in one tensor, under other names
        var names = checkpoint.hasLinear("model.layers.0.mlp.gate") ? Mixture.Names.QWEN : Mixture.Names.MIXTRAL;
        var mixture = Mixture.read(config, names, "num_local_experts", "intermediate_size", true, 0, layer -> true);
        return new LlamaLine("mixtral", checkpoint)
                .theta(1e6)
                .epsilon(1e-5)
                .window(layer -> window)
                .experts(mixture)
                .spec();
    }
}
