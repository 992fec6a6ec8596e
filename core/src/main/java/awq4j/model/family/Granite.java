package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Residual;
import java.util.Set;

/** Granite 3, dense: Llama with four factors, on embeddings, scores, residuals and logits. */
final class Granite implements ModelFamily {
    @Override
    public String title() {
        return "Granite";
    }

    @Override
    public String models() {
        return "Granite 3.0 to 3.3 2B, 8B";
    }

    @Override
    public Proof proof() {
        return Proof.DEFINITION;
    }

    @Override
    public Set<String> architectures() {
        return Set.of("GraniteForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        return line("granite", checkpoint).spec();
    }

    /** What models with experts share with the dense ones. */
    static LlamaLine line(String family, Checkpoint checkpoint) {
        Config config = checkpoint.config();
        boolean bias = config.flag("attention_bias", false);
        float factor = (float) config.number("residual_multiplier", 1);
        double divisor = config.number("logits_scaling", 1);
        if (!(divisor > 0)) {
            throw new MalformedFileException(config.file(), -1, "\"logits_scaling\" should be positive, is " + divisor);
        }
        return new LlamaLine(family, checkpoint)
                .biases(bias, bias, config.flag("mlp_bias", false))
                .residual((prefix, line) -> new Residual.Sequential(
                        line.norm(prefix + "input_layernorm"), line.norm(prefix + "post_attention_layernorm"), factor))
                .embeddingScale(config.number("embedding_multiplier", 1))
                .scores(config.number("attention_multiplier", 1), 0)
                .logitScale(1 / divisor);
    }
}
