package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;
import java.util.function.IntUnaryOperator;

/** Qwen 2 and 2.5: Llama with biases on queries, keys and values. */
final class Qwen2 implements ModelFamily {
    @Override
    public String title() {
        return "Qwen2";
    }

    @Override
    public String models() {
        return "Qwen2, Qwen2.5";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("Qwen2ForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        return new LlamaLine("qwen2", checkpoint)
                .biases(true, false, false)
                .window(windows(checkpoint.config()))
                .spec();
    }

    /** Windows apply only if switched on, and then from layer {@code max_window_layers} on. */
    static IntUnaryOperator windows(Config config) {
        boolean none = config.json().has("sliding_window") && !config.has("sliding_window"); // null is none
        if (!config.flag("use_sliding_window", false) || none) {
            return layer -> 0;
        }
        int window = config.positive("sliding_window", Bounds.POSITIONS, 4096);
        int first = config.integer("max_window_layers", 28);
        return LlamaLine.windows(config, window, layer -> layer >= first ? window : 0);
    }
}
