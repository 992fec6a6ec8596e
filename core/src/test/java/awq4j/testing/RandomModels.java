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
import java.util.Map;
import java.util.Random;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import tools.jackson.databind.json.JsonMapper;

/** Model folders for tests: golden ones, and Llamas of random weights in any size. */
public final class RandomModels {
    private RandomModels() {}

    /** Sizes of a random Llama. */
    public record Sizes(int hidden, int wide, int layers, int heads, int kvHeads, int vocabulary, boolean tied) {
        /** Three blocks; runs in milliseconds. */
        public static final Sizes SMALL = new Sizes(64, 128, 3, 4, 2, 96, false);
    }

    /** A golden model with nothing but configuration and weights. */
    public static Path golden(Path folder, String name) {
        try {
            Path model = Files.createDirectories(folder.resolve(name));
            Path from = GoldenFiles.path("quantization/" + name);
            Files.copy(from.resolve("config.json"), model.resolve("config.json"));
            Files.copy(from.resolve("model.safetensors"), model.resolve("model.safetensors"));
            Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\": 2}\n");
            return model;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Token ids that belong to a golden model. */
    public static int[][] goldenTokens(String name, String key) {
        var root = JsonMapper.builder()
                .build()
                .readTree(GoldenFiles.path("quantization/" + name + "/tokens.json")
                        .toFile());
        return root.get(key)
                .valueStream()
                .map(row -> row.valueStream().mapToInt(id -> id.asInt()).toArray())
                .toArray(int[][]::new);
    }

    /** The demo model's tokenizer, for models of at least 4096 tokens. */
    public static void addTokenizer(Path folder) {
        try {
            for (String name : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
                Files.copy(TinyModels.demo().resolve(name), folder.resolve(name));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A Llama of seeded random weights. */
    public static Path llama(Path folder, Sizes sizes, DType dtype, long seed) {
        return llama(folder, sizes, dtype, seed, (name, values) -> {});
    }

    /** The same, with a last look at the values of each tensor. */
    public static Path llama(Path folder, Sizes sizes, DType dtype, long seed, BiConsumer<String, float[]> edit) {
        try {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve("config.json"), config(sizes, dtype));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        int headDim = sizes.hidden() / sizes.heads();
        var sources = new ArrayList<Source>();
        var add = new Object() {
            void matrix(String name, int rows, int columns) {
                sources.add(new Source(name, dtype, Shape.of(rows, columns), () -> {
                    float[] values = gaussian(seed, name, rows * columns, (float) (1 / Math.sqrt(columns)));
                    edit.accept(name, values);
                    return Tensor.ofFloats(values, rows, columns);
                }));
            }

            void gain(String name) {
                sources.add(new Source(name, dtype, Shape.of(sizes.hidden()), () -> {
                    float[] values = gaussian(seed, name, sizes.hidden(), 0.2f);
                    for (int i = 0; i < values.length; i++) {
                        values[i] = i % 17 == 3 ? 6 : 1 + values[i]; // salient channels
                    }
                    edit.accept(name, values);
                    return Tensor.ofFloats(values, sizes.hidden());
                }));
            }
        };
        add.matrix("model.embed_tokens.weight", sizes.vocabulary(), sizes.hidden());
        for (int i = 0; i < sizes.layers(); i++) {
            String prefix = "model.layers." + i + ".";
            add.gain(prefix + "input_layernorm.weight");
            add.matrix(prefix + "self_attn.q_proj.weight", sizes.hidden(), sizes.hidden());
            add.matrix(prefix + "self_attn.k_proj.weight", sizes.kvHeads() * headDim, sizes.hidden());
            add.matrix(prefix + "self_attn.v_proj.weight", sizes.kvHeads() * headDim, sizes.hidden());
            add.matrix(prefix + "self_attn.o_proj.weight", sizes.hidden(), sizes.hidden());
            add.gain(prefix + "post_attention_layernorm.weight");
            add.matrix(prefix + "mlp.gate_proj.weight", sizes.wide(), sizes.hidden());
            add.matrix(prefix + "mlp.up_proj.weight", sizes.wide(), sizes.hidden());
            add.matrix(prefix + "mlp.down_proj.weight", sizes.hidden(), sizes.wide());
        }
        add.gain("model.norm.weight");
        if (!sizes.tied()) {
            add.matrix("lm_head.weight", sizes.vocabulary(), sizes.hidden());
        }
        SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of("format", "pt"), sources);
        return folder;
    }

    /** Seeded sequences of ids. */
    public static int[][] tokens(int sequences, int length, int vocabulary, long seed) {
        var random = new Random(seed);
        return IntStream.range(0, sequences)
                .mapToObj(i -> random.ints(length, 0, vocabulary).toArray())
                .toArray(int[][]::new);
    }

    private static float[] gaussian(long seed, String name, int count, float deviation) {
        var random = new java.util.SplittableRandom(seed * 31 + name.hashCode());
        float[] values = new float[count];
        float unit = (float) (deviation * Math.sqrt(3) / (1 << 16));
        for (int i = 0; i < count; i++) {
            // the sum of four 16-bit numbers is near enough to a normal one, and fast
            long bits = random.nextLong();
            values[i] = unit * ((short) bits + (short) (bits >> 16) + (short) (bits >> 32) + (short) (bits >> 48));
        }
        return values;
    }

    private static String config(Sizes sizes, DType dtype) {
        String torch = switch (dtype) {
            case BF16 -> "bfloat16";
            case F16 -> "float16";
            default -> "float32";
        };
        return """
                {
                  "architectures": ["LlamaForCausalLM"],
                  "model_type": "llama",
                  "hidden_size": %d,
                  "intermediate_size": %d,
                  "num_hidden_layers": %d,
                  "num_attention_heads": %d,
                  "num_key_value_heads": %d,
                  "vocab_size": %d,
                  "max_position_embeddings": 256,
                  "rms_norm_eps": 1e-5,
                  "tie_word_embeddings": %s,
                  "torch_dtype": "%s"
                }
                """.formatted(
                        sizes.hidden(),
                        sizes.wide(),
                        sizes.layers(),
                        sizes.heads(),
                        sizes.kvHeads(),
                        sizes.vocabulary(),
                        sizes.tied(),
                        torch);
    }
}
