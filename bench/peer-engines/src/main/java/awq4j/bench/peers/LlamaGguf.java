package awq4j.bench.peers;

import awq4j.bench.peers.Shape.Matrix;
import awq4j.bench.peers.Shape.Norm;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A Llama for llama.cpp, as its own quantizer would leave it when asked for Q4_0: embedding and linears in Q4_0, head in
 * Q6_K, norms in float32.
 */
final class LlamaGguf {
    private static final int NORMAL = 1;
    private static final int UNKNOWN = 2;
    private static final int CONTROL = 3;
    private static final int BYTE = 6;

    /** What llama.cpp calls a file that is mostly Q4_0. */
    private static final int MOSTLY_Q4_0 = 2;

    private LlamaGguf() {}

    /** Writes the model of a shape into a folder, once; gives its file. */
    static Path write(Shape shape, Path folder) throws IOException {
        Path file = folder.resolve(shape.name() + "-q4_0.gguf");
        of(shape).file().writeOnce(file);
        return file;
    }

    static Gguf of(Shape shape) {
        var gguf = new Gguf()
                .text("general.architecture", "llama")
                .text("general.name", "random " + shape.name())
                .number("general.file_type", MOSTLY_Q4_0)
                .number("general.quantization_version", 2)
                .number("llama.context_length", Shape.POSITIONS)
                .number("llama.embedding_length", shape.hidden())
                .number("llama.block_count", shape.layers())
                .number("llama.feed_forward_length", shape.wide())
                .number("llama.rope.dimension_count", shape.headDim())
                .real("llama.rope.freq_base", Shape.ROPE_THETA)
                .number("llama.attention.head_count", shape.heads())
                .number("llama.attention.head_count_kv", shape.kvHeads())
                .real("llama.attention.layer_norm_rms_epsilon", Shape.NORM_EPSILON)
                .number("llama.vocab_size", shape.vocabulary());
        addTokenizer(gguf, new Vocabulary(shape.vocabulary()).tokens());
        addTensors(gguf, shape);
        return gguf;
    }

    private static void addTokenizer(Gguf gguf, List<String> tokens) {
        float[] scores = new float[tokens.size()];
        int[] kinds = new int[tokens.size()];
        for (int i = 0; i < kinds.length; i++) {
            scores[i] = -i;
            kinds[i] = i < Vocabulary.FIRST_CHARACTER ? BYTE : NORMAL;
        }
        kinds[Vocabulary.UNKNOWN] = UNKNOWN;
        kinds[Vocabulary.BEGIN] = CONTROL;
        kinds[Vocabulary.END] = CONTROL;
        gguf.text("tokenizer.ggml.model", "llama")
                .texts("tokenizer.ggml.tokens", tokens)
                .reals("tokenizer.ggml.scores", scores)
                .numbers("tokenizer.ggml.token_type", kinds)
                .number("tokenizer.ggml.unknown_token_id", Vocabulary.UNKNOWN)
                .number("tokenizer.ggml.bos_token_id", Vocabulary.BEGIN)
                .number("tokenizer.ggml.eos_token_id", Vocabulary.END)
                .flag("tokenizer.ggml.add_bos_token", true)
                .flag("tokenizer.ggml.add_space_prefix", false);
    }

    private static void addTensors(Gguf gguf, Shape shape) {
        Map<Integer, WeightPool> pools = new HashMap<>();
        int index = 0;
        add(gguf, shape.embedding(), pool(pools, shape.embedding()), index++);
        for (Matrix linear : shape.linears()) {
            add(gguf, linear, pool(pools, linear), index++);
        }
        add(gguf, shape.head(), new WeightPool(BlockFormat.Q6_K, shape.hidden()), index);
        for (Norm norm : shape.norms()) {
            gguf.tensor(norm.gguf() + ".weight", BlockFormat.F32, TensorData.ones(shape.hidden()), shape.hidden());
        }
    }

    private static WeightPool pool(Map<Integer, WeightPool> pools, Matrix matrix) {
        return pools.computeIfAbsent(matrix.columns(), columns -> new WeightPool(BlockFormat.Q4_0, columns));
    }

    private static void add(Gguf gguf, Matrix matrix, WeightPool pool, int index) {
        BlockFormat format = pool.format();
        long blocks = (long) matrix.rows() * matrix.columns() / format.weights;
        var data = TensorData.cut(pool.blocks(), format.bytes, blocks, index);
        gguf.tensor(matrix.gguf() + ".weight", format, data, matrix.columns(), matrix.rows());
    }
}
