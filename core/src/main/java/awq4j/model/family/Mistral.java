package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** Mistral 7B and its successors: Llama with an optional sliding window in every layer. */
final class Mistral implements ModelFamily {
    @Override
    public String title() {
        return "Mistral";
    }

    @Override
    public String models() {
        return "Mistral 7B, with its sliding window";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("MistralForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int window = config.has("sliding_window") ? config.positive("sliding_window") : 0;
        return new LlamaLine("mistral", checkpoint)
                .window(LlamaLine.windows(config, window, layer -> window))
                .spec();
    }
}
