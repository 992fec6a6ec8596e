package awq4j.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.bench.peers.GgufReader.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LlamaGgufTest {
    private static final Shape TOY = Shape.named("toy");

    @TempDir
    private static Path folder;

    private static Path file;
    private static GgufReader read;

    @BeforeAll
    static void writeOnce() throws IOException {
        file = LlamaGguf.write(TOY, folder);
        read = new GgufReader(file);
    }

    @Test
    void keysTellTheShape() {
        assertThat(read.keys)
                .containsEntry("general.architecture", "llama")
                .containsEntry("llama.embedding_length", TOY.hidden())
                .containsEntry("llama.feed_forward_length", TOY.wide())
                .containsEntry("llama.block_count", TOY.layers())
                .containsEntry("llama.attention.head_count", TOY.heads())
                .containsEntry("llama.attention.head_count_kv", TOY.kvHeads())
                .containsEntry("llama.attention.layer_norm_rms_epsilon", Shape.NORM_EPSILON)
                .containsEntry("tokenizer.ggml.add_bos_token", true)
                .containsEntry("tokenizer.ggml.add_space_prefix", false);
    }

    @Test
    void everyTokenHasTextScoreAndKind() {
        for (String key : List.of("tokens", "scores", "token_type")) {
            assertThat((List<?>) read.keys.get("tokenizer.ggml." + key)).as(key).hasSize(TOY.vocabulary());
        }
    }

    @Test
    void tensorsLieBackToBackAtMultiplesOf32() throws IOException {
        Map<Integer, BlockFormat> formats = Map.of(0, BlockFormat.F32, 2, BlockFormat.Q4_0, 14, BlockFormat.Q6_K);
        long offset = 0;
        for (TensorInfo info : read.tensors.values()) {
            assertThat(info.offset()).isEqualTo(offset);
            BlockFormat format = formats.get(info.type());
            long weights = info.dims().stream().reduce(1L, (a, b) -> a * b);
            offset = (offset + weights / format.weights * format.bytes + 31) / 32 * 32;
        }
        assertThat(Files.size(file)).isEqualTo(read.dataStart + offset);
    }

    @Test
    void matricesHaveColumnsFirstAndTheirFormats() {
        assertThat(read.tensors)
                .hasSize(3 + 9 * TOY.layers())
                .containsKey("output_norm.weight")
                .hasEntrySatisfying("token_embd.weight", info -> is(info, 2, TOY.hidden(), TOY.vocabulary()))
                .hasEntrySatisfying("output.weight", info -> is(info, 14, TOY.hidden(), TOY.vocabulary()))
                .hasEntrySatisfying("blk.1.attn_k.weight", info -> is(info, 2, TOY.hidden(), TOY.kvColumns()))
                .hasEntrySatisfying("blk.1.ffn_down.weight", info -> is(info, 2, TOY.wide(), TOY.hidden()))
                .hasEntrySatisfying("blk.1.ffn_norm.weight", info -> is(info, 0, TOY.hidden()));
    }

    @Test
    void normsAreOnes() {
        ByteBuffer norm = read.data("blk.0.attn_norm.weight");
        for (int i = 0; i < TOY.hidden(); i++) {
            assertThat(norm.getFloat(4 * i)).isOne();
        }
    }

    @Test
    void noTwoMatricesAreAlike() {
        assertThat(Definitions.q4(read.data("blk.0.attn_q.weight"), 0))
                .isNotEqualTo(Definitions.q4(read.data("blk.1.attn_q.weight"), 0))
                .isNotEqualTo(Definitions.q4(read.data("blk.0.attn_output.weight"), 0));
    }

    private static void is(TensorInfo info, int type, long... dims) {
        assertThat(info.type()).isEqualTo(type);
        assertThat(info.dims().stream().mapToLong(Long::longValue).toArray()).containsExactly(dims);
    }
}
