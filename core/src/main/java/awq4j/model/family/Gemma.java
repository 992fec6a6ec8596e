package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** Gemma 1: Llama with gains stored as differences from one, embeddings times the root of the width, and a GELU gate. */
final class Gemma implements ModelFamily {
    @Override
    public String title() {
        return "Gemma";
    }

    @Override
    public String models() {
        return "Gemma 2B, 7B, CodeGemma";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("GemmaForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        return line("gemma", checkpoint).spec();
    }

    /**
     * What all Gemmas share. Files of the first state {@code hidden_act} gelu beside {@code hidden_activation}, or without
     * it, and mean the tanh form.
     */
    static LlamaLine line(String family, Checkpoint checkpoint) {
        boolean bias = checkpoint.config().flag("attention_bias", false);
        var line = new LlamaLine(family, checkpoint);
        return line.biases(bias, bias, false)
                .gainsFromOne()
                .tied()
                .activation("hidden_activation", "gelu_pytorch_tanh")
                .embeddingScale(Math.sqrt(line.hidden()));
    }
}
