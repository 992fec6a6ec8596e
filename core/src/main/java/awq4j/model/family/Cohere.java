package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.Residual;
import awq4j.model.Rotary;
import java.util.Set;

/**
 * Command-R: attention and MLP side by side behind one LayerNorm without bias, neighbours rotate, logits are scaled.
 * Command-R+ has a norm on each head of queries and keys besides.
 */
final class Cohere implements ModelFamily {
    @Override
    public String title() {
        return "Command-R";
    }

    @Override
    public String models() {
        return "Command-R 35B, Command-R+ 104B, Aya 23 and Expanse";
    }

    @Override
    public Proof proof() {
        return Proof.DEFINITION;
    }

    @Override
    public Set<String> architectures() {
        return Set.of("CohereForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        boolean bias = config.flag("attention_bias", false);
        float epsilon = (float) config.number("layer_norm_eps", 1e-5);
        var line = new LlamaLine("cohere", checkpoint);
        int headDim = line.heads().size();
        if (config.flag("use_qk_norm", false)) {
            line.headNorms((name, heads) -> new Norm.Heads(name, heads, headDim, epsilon));
        }
        Rotary rotary = RopeConfig.read(config, headDim, 10_000).ofNeighbours();
        return line.biases(bias, bias, false)
                .norms((name, size) -> new Norm.Layer(name, size, epsilon, true, false))
                .residual((prefix, own) -> {
                    Norm norm = own.norm(prefix + "input_layernorm");
                    return new Residual.Parallel(norm, norm);
                })
                .rotary(layer -> rotary)
                .logitScale(config.number("logit_scale", 0.0625))
                .tied()
                .spec();
    }
}
