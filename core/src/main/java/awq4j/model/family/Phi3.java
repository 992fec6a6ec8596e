package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** Phi-3, 3.5 and 4: Llama with fused projections, the longer ones with LongRoPE. */
final class Phi3 implements ModelFamily {
    @Override
    public String title() {
        return "Phi-3";
    }

    @Override
    public String models() {
        return "Phi-3, Phi-3.5, Phi-4, Phi-4-mini";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("Phi3ForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int window = config.has("sliding_window") ? config.positive("sliding_window") : 0;
        return new LlamaLine("phi3", checkpoint)
                .fused()
                .epsilon(1e-5)
                .window(layer -> window)
                .spec();
    }
}
