package awq4j.bench;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import tools.jackson.databind.json.JsonMapper;

/**
 * A Llama of TinyLlama-1.1B's shape with random weights, made on request and never on disk: linears of 4-bit codes in
 * groups of 128, embedding and head in float16. All matrices of a shape share one set of random codes.
 */
final class RandomLlama implements Checkpoint {
    private static final int HIDDEN = 2048;
    private static final int WIDE = 5632;
    private static final int HEADS = 32;
    private static final int KV_HEADS = 4;
    private static final int VOCABULARY = 32000;
    private static final int GROUP = 128;

    /** Standard deviation of codes that are uniform in 0..15. */
    private static final double CODE_DEVIATION = 4.61;

    private final Config config;
    private final byte[] codes = new byte[WIDE * HIDDEN / 2];
    private final short[] halves = new short[VOCABULARY * HIDDEN];

    RandomLlama(int layers) {
        var node = JsonMapper.builder().build().createObjectNode();
        node.putArray("architectures").add("LlamaForCausalLM");
        node.put("hidden_size", HIDDEN)
                .put("intermediate_size", WIDE)
                .put("num_hidden_layers", layers)
                .put("num_attention_heads", HEADS)
                .put("num_key_value_heads", KV_HEADS)
                .put("vocab_size", VOCABULARY)
                .put("max_position_embeddings", 2048)
                .put("rms_norm_eps", 1e-5)
                .put("tie_word_embeddings", false);
        config = Config.of(path(), node);
        var random = new SplittableRandom(1);
        random.nextBytes(codes);
        short[] some = new short[4096];
        for (int i = 0; i < some.length; i++) {
            some[i] = Float.floatToFloat16((float) (random.nextGaussian() / Math.sqrt(HIDDEN)));
        }
        for (int i = 0; i < halves.length; i++) {
            halves[i] = some[(int) ((i * 2654435761L) >>> 20) & 4095];
        }
    }

    /** Weights of the blocks: those that are packed. */
    static long packedWeights(int layers) {
        long attention = (long) HIDDEN * HIDDEN * 2 + 2L * HIDDEN * HIDDEN / HEADS * KV_HEADS;
        return layers * (attention + 3L * HIDDEN * WIDE);
    }

    @Override
    public Path path() {
        return Path.of("random-llama");
    }

    @Override
    public Config config() {
        return config;
    }

    @Override
    public Optional<Quantization> quantization() {
        return Optional.of(new Quantization("awq", 4, GROUP, false, "gemm", List.of()));
    }

    @Override
    public Set<String> names() {
        return Set.of();
    }

    @Override
    public Tensor tensor(String name) {
        float[] ones = new float[HIDDEN];
        Arrays.fill(ones, 1);
        return Tensor.ofFloats(ones, HIDDEN);
    }

    @Override
    public boolean hasLinear(String prefix) {
        return true;
    }

    @Override
    public Weight linear(String prefix) {
        if (prefix.equals("lm_head") || prefix.equals("model.embed_tokens")) {
            Shape shape = Shape.of(VOCABULARY, HIDDEN);
            var tensor = new Tensor(DType.F16, shape, MemorySegment.ofArray(halves));
            return new Weight(prefix, VOCABULARY, HIDDEN, new Dense(DType.F16), tensor.data(), null, null);
        }
        int rows = HIDDEN;
        int columns = HIDDEN;
        if (List.of("gate_proj", "up_proj").stream().anyMatch(prefix::endsWith)) {
            rows = WIDE;
        } else if (prefix.endsWith("down_proj")) {
            columns = WIDE;
        } else if (List.of("k_proj", "v_proj").stream().anyMatch(prefix::endsWith)) {
            rows = HIDDEN / HEADS * KV_HEADS;
        }
        float[] scales = new float[rows * columns / GROUP];
        Arrays.fill(scales, Float.float16ToFloat(Float.floatToFloat16((float)
                (1 / (CODE_DEVIATION * Math.sqrt(columns))))));
        byte[] zeros = new byte[scales.length];
        Arrays.fill(zeros, (byte) 8);
        return new Weight(
                prefix,
                rows,
                columns,
                new Grouped(4, GROUP, ZeroPoint.INTEGER),
                MemorySegment.ofArray(codes).asSlice(0, (long) rows * columns / 2),
                MemorySegment.ofArray(scales),
                MemorySegment.ofArray(zeros));
    }

    @Override
    public void close() {}
}
