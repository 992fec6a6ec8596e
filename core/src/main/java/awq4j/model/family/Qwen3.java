package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** Qwen 3: Llama with a norm on every query and key head. */
final class Qwen3 implements ModelFamily {
    @Override
    public String title() {
        return "Qwen3";
    }

    @Override
    public String models() {
        return "Qwen3, dense";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("Qwen3ForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        boolean bias = checkpoint.config().flag("attention_bias", false);
        return new LlamaLine("qwen3", checkpoint)
                .biases(bias, bias, false)
                .headNorms()
                .window(Qwen2.windows(checkpoint.config()))
                .spec();
    }
}
