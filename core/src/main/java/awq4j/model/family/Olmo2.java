package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Residual;
import java.util.Set;

/** OLMo 2: Llama with norms behind attention and MLP instead of before them, and on all queries and all keys. */
final class Olmo2 implements ModelFamily {
    @Override
    public String title() {
        return "OLMo 2";
    }

    @Override
    public String models() {
        return "OLMo 2 1B, 7B, 13B, 32B";
    }

    @Override
    public Proof proof() {
        return Proof.DEFINITION;
    }

    @Override
    public Set<String> architectures() {
        return Set.of("Olmo2ForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        boolean bias = config.flag("attention_bias", false);
        return new LlamaLine("olmo2", checkpoint)
                .biases(bias, bias, false)
                .epsilon(1e-5)
                .wideNorms()
                .residual((prefix, line) -> new Residual.OutputNorm(
                        line.norm(prefix + "post_attention_layernorm"),
                        line.norm(prefix + "post_feedforward_layernorm")))
                .spec();
    }
}
