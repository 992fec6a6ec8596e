package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import awq4j.model.Rotary;
import java.util.Set;
import java.util.function.IntUnaryOperator;

/**
 * The text models of Gemma 3: Gemma 2 with norms on queries and keys in place of soft caps, five layers with a window to
 * one without, and other rotations for the two kinds.
 */
final class Gemma3 implements ModelFamily {
    @Override
    public String title() {
        return "Gemma 3";
    }

    @Override
    public String models() {
        return "Gemma 3 270M, 1B: text only";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("Gemma3ForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        if (config.flag("use_bidirectional_attention", false)) {
            throw new UnsupportedModelException(
                    "Gemma 3 with use_bidirectional_attention is not supported; supported: causal attention");
        }
        int size = config.positive("sliding_window", Bounds.POSITIONS, 4096);
        int pattern = config.positive(
                config.has("_sliding_window_pattern") ? "_sliding_window_pattern" : "sliding_window_pattern",
                Bounds.LAYERS,
                6);
        IntUnaryOperator window = LlamaLine.windows(config, size, layer -> (layer + 1) % pattern == 0 ? 0 : size);
        LlamaLine line = Gemma.line("gemma3", checkpoint);
        int headDim = line.heads().size();
        Rotary everywhere = RopeConfig.ofLayers(config, "full_attention", headDim, 1_000_000);
        Rotary nearby = config.section("rope_parameters").isPresent()
                ? RopeConfig.ofLayers(config, "sliding_attention", headDim, 10_000)
                : RopeConfig.plain(config, "rope_local_base_freq", headDim, 10_000);
        return line.residual(Gemma2::sandwich)
                .headNorms()
                .scores(
                        1 / Math.sqrt(config.number("query_pre_attn_scalar", 256)),
                        Gemma2.softcap(config, "attn_logit_softcapping", 0))
                .logitSoftcap(Gemma2.softcap(config, "final_logit_softcapping", 0))
                .window(window)
                .rotary(layer -> window.applyAsInt(layer) == 0 ? everywhere : nearby)
                .spec();
    }
}
