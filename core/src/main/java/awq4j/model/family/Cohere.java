package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.Residual;
import awq4j.model.Rotary;
import java.util.Set;

/** Command-R: attention and MLP side by side behind one LayerNorm without bias, neighbours rotate, logits are scaled. */
final class Cohere implements ModelFamily {
    @Override
    public String title() {
        return "Command-R";
    }

    @Override
    public String models() {
        return "Command-R 35B, Aya 23 and Expanse; not Command-R+";
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
        if (config.flag("use_qk_norm", false)) {
            throw new UnsupportedModelException("Command-R with use_qk_norm (Command-R+) is not supported; supported:"
                    + " queries and keys without a norm");
        }
        boolean bias = config.flag("attention_bias", false);
        float epsilon = (float) config.number("layer_norm_eps", 1e-5);
        var line = new LlamaLine("cohere", checkpoint);
        Rotary rotary = RopeConfig.read(config, line.heads().size(), 10_000).ofNeighbours();
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
