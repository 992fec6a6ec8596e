package awq4j.model;

import static awq4j.model.LlamaDefinitions.HIDDEN;
import static awq4j.model.LlamaDefinitions.SHARED;
import static awq4j.model.SlowModel.map;
import static awq4j.model.SlowModel.sum;

import java.util.Comparator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Relatives of Llama with experts. */
final class ExpertDefinitions {
    private static final int EXPERTS = 6;
    private static final int CHOSEN = 3;
    private static final int WIDE = 24;

    private ExpertDefinitions() {}

    static Stream<Definition> all() {
        return Stream.of(graniteMoe());
    }

    /** Each expert's gate and up lie in one matrix; the chosen experts' outputs alone go through the softmax. */
    private static Definition graniteMoe() {
        SlowModel m = LlamaDefinitions.llama(21, 2, false, true);
        for (int i = 0; i < 2; i++) {
            String prefix = "model.layers." + i + ".block_sparse_moe.";
            m.experts(prefix + "input_linear.weight", EXPERTS, 2 * WIDE, HIDDEN)
                    .experts(prefix + "output_linear.weight", EXPERTS, HIDDEN, WIDE)
                    .matrix(prefix + "router.layer.weight", EXPERTS, HIDDEN);
        }
        String config = LlamaDefinitions.common(2, SHARED)
                        .replaceFirst("\"intermediate_size\":\\d+", "\"intermediate_size\":" + WIDE)
                + ",\"num_local_experts\":6,\"num_experts_per_tok\":3,\"rms_norm_eps\":1e-6,\"rope_theta\":10000,"
                + "\"embedding_multiplier\":12,\"attention_multiplier\":0.25,\"residual_multiplier\":0.22,"
                + "\"logits_scaling\":6,\"tie_word_embeddings\":true";
        return new Definition("granite_moe", "GraniteMoeForCausalLM", config, m, tokens -> {
            double[][] h = map(m.embed("model.embed_tokens.weight", tokens), x -> 12 * x);
            for (int i = 0; i < 2; i++) {
                String prefix = "model.layers." + i + ".";
                double[][] x = m.rmsNorm(prefix + "input_layernorm", h, 1e-6);
                h = sum(h, LlamaDefinitions.attention(m, prefix, x, 10_000, 0.25, 0), 0.22);
                x = m.rmsNorm(prefix + "post_attention_layernorm", h, 1e-6);
                h = sum(h, mixture(m, prefix + "block_sparse_moe.", x), 0.22);
            }
            return map(m.linear("model.embed_tokens", m.rmsNorm("model.norm", h, 1e-6)), x -> x / 6);
        });
    }

    private static double[][] mixture(SlowModel m, String prefix, double[][] x) {
        double[][] scores = m.linear(prefix + "router.layer", x);
        double[][] out = new double[x.length][HIDDEN];
        for (int t = 0; t < x.length; t++) {
            double[] own = scores[t];
            int[] chosen = IntStream.range(0, EXPERTS)
                    .boxed()
                    .sorted(Comparator.comparingDouble(e -> -own[e]))
                    .limit(CHOSEN)
                    .mapToInt(Integer::intValue)
                    .toArray();
            double all = IntStream.of(chosen).mapToDouble(e -> Math.exp(own[e])).sum();
            for (int e : chosen) {
                double[] both = m.expert(prefix + "input_linear.weight", e, x[t]);
                double[] wide = new double[WIDE];
                for (int i = 0; i < WIDE; i++) {
                    wide[i] = SlowModel.silu(both[i]) * both[WIDE + i];
                }
                double[] down = m.expert(prefix + "output_linear.weight", e, wide);
                for (int i = 0; i < HIDDEN; i++) {
                    out[t][i] += Math.exp(own[e]) / all * down[i];
                }
            }
        }
        return out;
    }
}
