package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** Llama 1 to 3.x and what shares its architecture: Vicuna, CodeLlama, Yi, TinyLlama, SmolLM. */
final class Llama implements ModelFamily {
    @Override
    public String title() {
        return "Llama";
    }

    @Override
    public String models() {
        return "Llama 1 to 3.x, Vicuna, CodeLlama, Yi, TinyLlama, SmolLM";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("LlamaForCausalLM", "LLaMAForCausalLM", "YiForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        boolean bias = config.flag("attention_bias", false);
        return new LlamaLine("llama", checkpoint)
                .biases(bias, bias, config.flag("mlp_bias", false))
                .spec();
    }
}
