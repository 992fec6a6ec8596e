package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.Mlp;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import java.util.Set;

/** StarCoder 2: Llama's attention with LayerNorm, biases and a plain MLP. */
final class StarCoder2 implements ModelFamily {
    @Override
    public String title() {
        return "StarCoder2";
    }

    @Override
    public String models() {
        return "StarCoder2 3B, 7B, 15B";
    }

    @Override
    public Proof proof() {
        return Proof.DEFINITION;
    }

    @Override
    public Set<String> architectures() {
        return Set.of("Starcoder2ForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        boolean bias = config.flag("use_bias", true);
        float epsilon = (float) config.number("norm_epsilon", 1e-5);
        int window = config.has("sliding_window") ? config.positive("sliding_window") : 0;
        return new LlamaLine("starcoder2", checkpoint)
                .biases(bias, bias, bias)
                .norms((name, size) -> new Norm.Layer(name, size, epsilon, true, true))
                .mlp((prefix, line) -> mlp(checkpoint, prefix, line.hidden(), bias))
                .tied()
                .window(layer -> window)
                .spec();
    }

    private static Mlp mlp(Checkpoint checkpoint, String prefix, int hidden, boolean bias) {
        Config config = checkpoint.config();
        int wide = config.positive("intermediate_size", Bounds.WIDTH);
        return Activations.plain(
                Activations.read(config, "hidden_act", "gelu_pytorch_tanh"),
                Projections.linear(checkpoint, prefix + "mlp.c_fc", wide, hidden, bias),
                Projections.linear(checkpoint, prefix + "mlp.c_proj", hidden, wide, bias),
                prefix + "mlp.act");
    }
}
