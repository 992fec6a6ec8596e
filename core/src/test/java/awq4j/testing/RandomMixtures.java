package awq4j.testing;

import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Models with experts, of seeded random weights. */
public final class RandomMixtures {
    private RandomMixtures() {}

    /**
     * Sizes of a model of the Qwen 2 line; heads have 16 values.
     *
     * @param width of an expert
     * @param shared width of the shared expert
     * @param dense width of layers without experts
     * @param step every how many layers one has experts
     * @param without layers that have none in any case
     */
    public record Sizes(
            int hidden,
            int width,
            int shared,
            int dense,
            int experts,
            int chosen,
            int layers,
            int step,
            List<Integer> without) {
        /** Whether a layer has experts. */
        public boolean sparse(int layer) {
            return (layer + 1) % step == 0 && !without.contains(layer);
        }
    }

    /** Tokens that a model knows. */
    public static final int VOCABULARY = 120;

    /** A model folder. */
    public static Path qwen2(Path folder, Sizes sizes, long seed) {
        var add = new Object() {
            final List<Source> sources = new ArrayList<>();
            final Random random = new Random(seed);

            void matrix(String name, int rows, int columns) {
                matrix(name, rows, columns, 1 / Math.sqrt(columns));
            }

            void matrix(String name, int rows, int columns, double deviation) {
                float[] values = new float[rows * columns];
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) (deviation * random.nextGaussian());
                }
                sources.add(new Source(
                        name, DType.F32, Shape.of(rows, columns), () -> Tensor.ofFloats(values, rows, columns)));
            }

            void vector(String name, int size, float middle) {
                float[] values = new float[size];
                for (int i = 0; i < size; i++) {
                    values[i] = middle + (float) (0.1 * random.nextGaussian());
                }
                sources.add(new Source(name, DType.F32, Shape.of(size), () -> Tensor.ofFloats(values, size)));
            }

            void gated(String prefix, int width) {
                matrix(prefix + "gate_proj.weight", width, sizes.hidden());
                matrix(prefix + "up_proj.weight", width, sizes.hidden());
                matrix(prefix + "down_proj.weight", sizes.hidden(), width);
            }
        };
        int hidden = sizes.hidden();
        add.matrix("model.embed_tokens.weight", VOCABULARY, hidden, 1);
        for (int i = 0; i < sizes.layers(); i++) {
            String prefix = "model.layers." + i + ".";
            add.vector(prefix + "input_layernorm.weight", hidden, 1);
            add.vector(prefix + "post_attention_layernorm.weight", hidden, 1);
            add.matrix(prefix + "self_attn.q_proj.weight", hidden, hidden);
            add.vector(prefix + "self_attn.q_proj.bias", hidden, 0);
            for (String name : List.of("k", "v")) {
                add.matrix(prefix + "self_attn." + name + "_proj.weight", 16, hidden);
                add.vector(prefix + "self_attn." + name + "_proj.bias", 16, 0);
            }
            add.matrix(prefix + "self_attn.o_proj.weight", hidden, hidden);
            if (sizes.sparse(i)) {
                // wide apart, so that rounding in another order sends no token elsewhere
                add.matrix(prefix + "mlp.gate.weight", sizes.experts(), hidden, 3 / Math.sqrt(hidden));
                for (int e = 0; e < sizes.experts(); e++) {
                    add.gated(prefix + "mlp.experts." + e + ".", sizes.width());
                }
                add.gated(prefix + "mlp.shared_expert.", sizes.shared());
                add.matrix(prefix + "mlp.shared_expert_gate.weight", 1, hidden);
            } else {
                add.gated(prefix + "mlp.", sizes.dense());
            }
        }
        add.vector("model.norm.weight", hidden, 1);
        add.matrix("lm_head.weight", VOCABULARY, hidden);
        try {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve("config.json"), config(sizes));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of("format", "pt"), add.sources);
        return folder;
    }

    private static String config(Sizes sizes) {
        return """
                {"architectures": ["Qwen2MoeForCausalLM"], "model_type": "qwen2_moe", "torch_dtype": "float32",
                 "hidden_size": %d, "intermediate_size": %d, "moe_intermediate_size": %d,
                 "shared_expert_intermediate_size": %d, "num_experts": %d, "num_experts_per_tok": %d,
                 "num_hidden_layers": %d, "decoder_sparse_step": %d, "mlp_only_layers": %s,
                 "num_attention_heads": %d, "num_key_value_heads": 1, "vocab_size": %d,
                 "max_position_embeddings": 128, "rms_norm_eps": 1e-6, "tie_word_embeddings": false,
                 "norm_topk_prob": false}
                """.formatted(
                        sizes.hidden(),
                        sizes.dense(),
                        sizes.width(),
                        sizes.shared(),
                        sizes.experts(),
                        sizes.chosen(),
                        sizes.layers(),
                        sizes.step(),
                        sizes.without(),
                        sizes.hidden() / 16,
                        VOCABULARY);
    }
}
