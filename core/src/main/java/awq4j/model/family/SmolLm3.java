package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Rotary;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;

/** SmolLM3: Llama whose every fourth layer knows no positions. */
final class SmolLm3 implements ModelFamily {
    @Override
    public String title() {
        return "SmolLM3";
    }

    @Override
    public String models() {
        return "SmolLM3 3B";
    }

    @Override
    public Proof proof() {
        return Proof.DEFINITION;
    }

    @Override
    public Set<String> architectures() {
        return Set.of("SmolLM3ForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        if (config.flag("use_sliding_window", false)) {
            throw new UnsupportedModelException(
                    "SmolLM3 with use_sliding_window is not supported; supported: attention to all positions");
        }
        boolean bias = config.flag("attention_bias", false);
        IntPredicate turns = turns(config);
        var line = new LlamaLine("smollm3", checkpoint);
        Rotary rotary = RopeConfig.read(config, line.heads().size(), 2_000_000);
        return line.biases(bias, bias, config.flag("mlp_bias", false))
                .tied()
                .rotary(layer -> turns.test(layer) ? rotary : null)
                .spec();
    }

    /** {@code no_rope_layers} has 1 for a layer that does rotate; without the list the interval decides. */
    private static IntPredicate turns(Config config) {
        if (config.has("no_rope_layers")) {
            List<Integer> listed = config.integers("no_rope_layers");
            return layer -> layer >= listed.size() || listed.get(layer) != 0;
        }
        int interval = config.positive("no_rope_layer_interval", Bounds.LAYERS, 4);
        return layer -> (layer + 1) % interval != 0;
    }
}
