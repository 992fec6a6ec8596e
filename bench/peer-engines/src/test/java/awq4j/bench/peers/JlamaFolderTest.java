package awq4j.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class JlamaFolderTest {
    private static final Shape TOY = Shape.named("toy");
    private static final JsonMapper JSON = JsonMapper.builder().build();

    @TempDir
    private static Path folder;

    private static Path model;
    private static JsonNode header;
    private static ByteBuffer data;

    @BeforeAll
    static void writeOnce() throws IOException {
        model = JlamaFolder.write(TOY, folder);
        ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(model.resolve("model.safetensors")))
                .order(ByteOrder.LITTLE_ENDIAN);
        int length = Math.toIntExact(file.getLong());
        byte[] json = new byte[length];
        file.get(json);
        header = JSON.readTree(json);
        data = file.slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    @Test
    void tensorsLieBackToBackAndFillTheFile() {
        Map<String, Double> bytes = Map.of("Q4", 0.5, "F32", 4.0);
        long offset = 0;
        for (Map.Entry<String, JsonNode> tensor : header.properties()) {
            JsonNode info = tensor.getValue();
            long weights = 1;
            for (JsonNode dim : info.get("shape")) {
                weights *= dim.asLong();
            }
            long end = offset + (long) (weights * bytes.get(info.get("dtype").asString()));
            assertThat(info.get("data_offsets").get(0).asLong())
                    .as(tensor.getKey())
                    .isEqualTo(offset);
            assertThat(info.get("data_offsets").get(1).asLong())
                    .as(tensor.getKey())
                    .isEqualTo(end);
            offset = end;
        }
        assertThat(data.capacity()).isEqualTo(offset);
    }

    @Test
    void weightsAreThoseOfTheGguf() throws IOException {
        ByteBuffer gguf = new GgufReader(LlamaGguf.write(TOY, folder)).data("blk.1.ffn_down.weight");
        int codes = offset("model.layers.1.mlp.down_proj.weight");
        int scales = offset("model.layers.1.mlp.down_proj.weight.qb");
        int blocks = TOY.hidden() * TOY.wide() / 32;
        for (int i = 0; i < blocks; i++) {
            float[] expected = Definitions.q4(gguf, i * BlockFormat.Q4_0.bytes);
            float step = data.getFloat(scales + 4 * i);
            for (int j = 0; j < 32; j++) {
                int pair = data.get(codes + 16 * i + j % 16);
                float value = step * ((j < 16 ? pair & 15 : (pair >> 4) & 15) - 8);
                assertThat(value).as("block %d value %d", i, j).isEqualTo(expected[j]);
            }
        }
    }

    @Test
    void configAndTokenizerTellTheShape() throws IOException {
        JsonNode config = JSON.readTree(model.resolve("config.json").toFile());
        assertThat(config.get("model_type").asString()).isEqualTo("llama");
        assertThat(config.get("num_key_value_heads").asInt()).isEqualTo(TOY.kvHeads());
        assertThat(config.get("eos_token_id").get(0).asInt()).isGreaterThanOrEqualTo(TOY.vocabulary());
        JsonNode tokenizer = JSON.readTree(model.resolve("tokenizer.json").toFile());
        assertThat(tokenizer.get("model").get("vocab").size()).isEqualTo(TOY.vocabulary());
    }

    private static int offset(String tensor) {
        return header.get(tensor).get("data_offsets").get(0).asInt();
    }
}
