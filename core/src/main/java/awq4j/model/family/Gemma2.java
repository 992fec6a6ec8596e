package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Residual;
import java.util.Set;

/** Gemma 2: norms on both sides of attention and MLP, soft caps, and a window in every other layer. */
final class Gemma2 implements ModelFamily {
    @Override
    public String title() {
        return "Gemma 2";
    }

    @Override
    public String models() {
        return "Gemma 2 2B, 9B, 27B";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("Gemma2ForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        int window = config.positive("sliding_window", Bounds.POSITIONS, 4096);
        return Gemma.line("gemma2", checkpoint)
                .residual(Gemma2::sandwich)
                .scores(
                        1 / Math.sqrt(config.number("query_pre_attn_scalar", 256)),
                        softcap(config, "attn_logit_softcapping", 50))
                .logitSoftcap(softcap(config, "final_logit_softcapping", 30))
                .window(LlamaLine.windows(config, window, layer -> layer % 2 == 0 ? window : 0))
                .spec();
    }

    /** There {@code post_attention_layernorm} is what its name says: behind the attention, not before the MLP. */
    static Residual sandwich(String prefix, LlamaLine line) {
        return new Residual.Sandwich(
                line.norm(prefix + "input_layernorm"),
                line.norm(prefix + "post_attention_layernorm"),
                line.norm(prefix + "pre_feedforward_layernorm"),
                line.norm(prefix + "post_feedforward_layernorm"));
    }

    /** A cap that is null is none; one that is absent is the family's. */
    static double softcap(Config config, String key, double otherwise) {
        return config.json().has(key) && !config.has(key) ? 0 : config.number(key, otherwise);
    }
}
