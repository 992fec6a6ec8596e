package awq4j.bench.peers;

import awq4j.bench.peers.Shape.Matrix;
import awq4j.bench.peers.Shape.Norm;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A Llama for Jlama, as its own quantizer would leave it when asked for Q4: every matrix, embedding and head too, in
 * blocks of 32 codes with float32 scales in a tensor beside it; norms in float32. Codes and scales are those of
 * {@link LlamaGguf}.
 */
final class JlamaFolder {
    /** No token has this number, so no reply ends early. */
    private static final int NEVER = Integer.MAX_VALUE;

    private static final JsonMapper JSON = JsonMapper.builder().build();

    /** Weights that share a scale. */
    private static final int BLOCK = BlockFormat.Q4_0.weights;

    private final Map<Integer, Cycles> pools = new HashMap<>();
    private final List<TensorData> tensors = new ArrayList<>();
    private final ObjectNode infos = JSON.createObjectNode();
    private long offset;

    private JlamaFolder() {}

    /** Writes the model of a shape into a folder, once; gives the folder of its own. */
    static Path write(Shape shape, Path folder) throws IOException {
        Path own = Files.createDirectories(folder.resolve(shape.name() + "-jq4"));
        ObjectNode config = shape.config();
        config.put("bos_token_id", Vocabulary.BEGIN).putArray("eos_token_id").add(NEVER);
        Files.writeString(own.resolve("config.json"), config.toPrettyString());
        Files.writeString(own.resolve("tokenizer.json"), tokenizer(shape).toString());
        weights(shape).writeOnce(own.resolve("model.safetensors"));
        return own;
    }

    static ModelFile weights(Shape shape) {
        var folder = new JlamaFolder();
        var matrices = new ArrayList<Matrix>(List.of(shape.embedding()));
        matrices.addAll(shape.linears());
        matrices.add(shape.head());
        int index = 0;
        for (Matrix matrix : matrices) {
            folder.add(matrix, index++);
        }
        for (Norm norm : shape.norms()) {
            folder.add(norm.huggingFace() + ".weight", "F32", TensorData.ones(shape.hidden()), shape.hidden());
        }
        byte[] json = folder.infos.toString().getBytes(StandardCharsets.UTF_8);
        byte[] header = new byte[8 + (json.length + 7) / 8 * 8];
        Arrays.fill(header, (byte) ' ');
        ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length - 8);
        System.arraycopy(json, 0, header, 8, json.length);
        return new ModelFile(header, folder.tensors, 1);
    }

    private void add(Matrix matrix, int index) {
        Cycles cycles = pools.computeIfAbsent(matrix.columns(), columns -> Cycles.of(columns));
        String name = matrix.huggingFace() + ".weight";
        int rows = matrix.rows();
        int perRow = matrix.columns() / BLOCK;
        long blocks = (long) rows * perRow;
        add(name, "Q4", TensorData.cut(cycles.codes, BLOCK / 2, blocks, index), rows, matrix.columns());
        add(name + ".qb", "F32", TensorData.cut(cycles.scales, Float.BYTES, blocks, index), rows, perRow);
    }

    private record Cycles(byte[] codes, byte[] scales) {
        static Cycles of(int columns) {
            var pool = new WeightPool(BlockFormat.Q4_0, columns);
            return new Cycles(pool.codes(), pool.scales());
        }
    }

    private void add(String name, String type, TensorData data, int... dims) {
        ObjectNode info = infos.putObject(name);
        info.put("dtype", type);
        var shape = info.putArray("shape");
        Arrays.stream(dims).forEach(shape::add);
        info.putArray("data_offsets").add(offset).add(offset + data.sizeBytes());
        offset += data.sizeBytes();
        tensors.add(data);
    }

    private static ObjectNode tokenizer(Shape shape) {
        ObjectNode root = JSON.createObjectNode();
        ObjectNode model = root.putObject("model");
        model.put("type", "BPE")
                .put("unk_token", "<unk>")
                .put("fuse_unk", false)
                .put("byte_fallback", true)
                .put("ignore_merges", false);
        ObjectNode vocabulary = model.putObject("vocab");
        List<String> tokens = new Vocabulary(shape.vocabulary()).tokens();
        for (int i = 0; i < tokens.size(); i++) {
            vocabulary.put(tokens.get(i), i);
        }
        model.putArray("merges");
        return root;
    }
}
