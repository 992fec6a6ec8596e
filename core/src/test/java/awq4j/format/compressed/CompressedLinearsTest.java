package awq4j.format.compressed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoint.Quantization;
import awq4j.format.Checkpoints;
import awq4j.format.UnsupportedModelException;
import awq4j.format.compressed.CompressedLinears.Scheme;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.testing.ModelFolders;
import awq4j.weight.InputOrder;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;

/**
 * No file of llm-compressor is at hand: the words are written out by hand, from the description of the format. Codes and
 * zeros are signed numbers to which 2^(bits - 1) is added; codes follow each other along a row, zeros along a column.
 */
class CompressedLinearsTest {
    private static final Scheme GROUPS_OF_FOUR = new Scheme(4, 4, true);
    private static final Scheme WITH_ZEROS = new Scheme(4, 4, false);
    private static final Scheme CHANNELS = new Scheme(8, -1, true);

    @TempDir
    private Path folder;

    @Test
    void symmetricNibblesRunAlongTheRow() {
        // row 0: -8 -7 -6 -5 | -4 -3 -2 -1; row 1: 0 1 2 3 | 4 5 6 7
        Weight weight = unpack(GROUPS_OF_FOUR, symmetric());
        assertThat(weight.layout()).isEqualTo(new Grouped(4, 4, ZeroPoint.MIDDLE));
        assertThat(WeightCodec.decode(weight))
                .containsExactly(-8, -7, -6, -5, -8, -6, -4, -2, 0, 0.5f, 1, 1.5f, 16, 20, 24, 28);
    }

    @Test
    void zerosRunDownTheColumn() {
        Map<String, Tensor> parts = symmetric();
        // zeros of group 0: -8 and 0, of group 1: 7 and -1; the other six rows of a word are not there
        parts.put("weight_zero_point", Tensor.ofInts(new int[] {0x80, 0x7f}, 1, 2));
        Weight weight = unpack(WITH_ZEROS, parts);
        assertThat(weight.layout()).isEqualTo(new Grouped(4, 4, ZeroPoint.INTEGER));
        assertThat(weight.zeros().toArray(ValueLayout.JAVA_BYTE)).containsExactly(0, 15, 8, 7);
        assertThat(WeightCodec.decode(weight))
                .containsExactly(0, 1, 2, 3, -22, -20, -18, -16, 0, 0.5f, 1, 1.5f, 20, 24, 28, 32);
    }

    @Test
    void eightBitsOfAWholeRowShareAScale() {
        var parts = new HashMap<String, Tensor>();
        parts.put("weight_packed", Tensor.ofInts(new int[] {0xff807f00}, 1, 1)); // -128 -1 0 127
        parts.put("weight_scale", Tensor.ofFloats(new float[] {0.5f}, 1, 1).as(DType.BF16));
        parts.put("weight_shape", longs(1, 4));
        Weight weight = unpack(CHANNELS, parts);
        assertThat(weight.layout()).isEqualTo(new Grouped(8, 4, ZeroPoint.MIDDLE));
        assertThat(WeightCodec.decode(weight)).containsExactly(-64, -0.5f, 0, 63.5f);
    }

    @Test
    void aRowThatEndsWithinAWordIsPadded() {
        var parts = new HashMap<String, Tensor>();
        parts.put("weight_packed", Tensor.ofInts(new int[] {0xf10, 0x321}, 2, 1)); // -8 -7 7; -7 -6 -5
        parts.put("weight_scale", Tensor.ofFloats(new float[] {1, 2}, 2, 1));
        parts.put("weight_shape", longs(2, 3));
        Weight weight = unpack(new Scheme(4, -1, true), parts);
        assertThat(WeightCodec.decode(weight)).containsExactly(-8, -7, 7, -14, -12, -10);
    }

    @Test
    void actOrderSortsColumnsByGroup() {
        Map<String, Tensor> parts = symmetric();
        parts.put("weight_g_idx", Tensor.ofInts(new int[] {1, 0, 1, 0, 0, 1, 1, 0}, 8));
        Weight weight = unpack(GROUPS_OF_FOUR, parts);
        assertThat(weight.inputOrder()).isEqualTo(InputOrder.of(1, 3, 4, 7, 0, 2, 5, 6));
        assertThat(WeightCodec.decode(weight))
                .containsExactly(-16, -7, -12, -5, -4, -6, -4, -1, 0, 0.5f, 8, 1.5f, 2, 20, 24, 3.5f);
        parts.put("weight_g_idx", Tensor.ofInts(new int[] {-1, -1, -1, -1, -1, -1, -1, -1}, 8));
        assertThat(unpack(GROUPS_OF_FOUR, parts).inputOrder()).as("not used").isNull();
    }

    @Test
    void theTensorsChooseAmongSchemes() {
        var both = new CompressedLinears(List.of(GROUPS_OF_FOUR, CHANNELS, WITH_ZEROS));
        Weight weight = both.unpack("w", symmetric()::get);
        assertThat(((Grouped) weight.layout()).bits()).isEqualTo(4);
        Map<String, Tensor> none = symmetric();
        none.put("weight_scale", Tensor.ofFloats(new float[6], 2, 3));
        assertThatThrownBy(() -> both.unpack("w", none::get))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage("w: expected one of the schemes of config.json to fit [2, 1] words and [2, 3] scales, found"
                        + " none");
        var doubtful = new CompressedLinears(List.of(GROUPS_OF_FOUR, new Scheme(4, 5, true)));
        assertThatThrownBy(() -> doubtful.unpack("w", symmetric()::get))
                .hasMessageEndingWith("found 4 bits, groups of 4, symmetric and 4 bits, groups of 5, symmetric");
    }

    @Test
    void tensorsThatDoNotFitTogetherAreRefused() {
        refused("weight_packed", Tensor.ofInts(new int[4], 2, 2), "w.weight_packed: expected [2, 1], found [2, 2]");
        refused("weight_packed", Tensor.ofFloats(new float[2], 2, 1), "w.weight_packed: expected I32, found F32");
        refused("weight_scale", Tensor.ofFloats(new float[2], 2, 1), "w.weight_scale: expected [2, 2], found [2, 1]");
        refused("weight_scale", Tensor.ofInts(new int[4], 2, 2), "w.weight_scale: expected floats, found I32");
        refused("weight_shape", longs(2, 9), "w.weight_packed: expected [2, 2], found [2, 1]");
        refused("weight_shape", longs(0, 8), "w.weight_shape: expected extents from 1 to 2^31 - 1, found [0, 8]");
        refused("weight_shape", longs(1 << 20, 1 << 20), "w: 1048576 x 1048576 is too large, at most 2^31 - 1 codes");
        refused("weight_shape", Tensor.ofInts(new int[] {2, 8}, 2), "w.weight_shape: expected I64 [2], found I32 [2]");
        refused(
                "weight_zero_point",
                Tensor.ofInts(new int[2], 1, 2),
                "config.json states symmetric codes, the file has");
        refused("weight_g_idx", Tensor.ofInts(new int[7], 7), "w.weight_g_idx: expected [8], found [7]");
        Map<String, Tensor> parts = symmetric();
        assertThatThrownBy(() -> unpack(WITH_ZEROS, parts))
                .hasMessage("w: config.json states zeros, the file has no weight_zero_point");
        parts.put("weight_zero_point", Tensor.ofInts(new int[4], 2, 2));
        assertThatThrownBy(() -> unpack(WITH_ZEROS, parts))
                .hasMessage("w.weight_zero_point: expected [1, 2], found [2, 2]");
        for (String word : List.of("weight_packed", "weight_scale", "weight_shape")) {
            Map<String, Tensor> less = symmetric();
            less.remove(word);
            assertThatThrownBy(() -> unpack(GROUPS_OF_FOUR, less)).hasMessage("w is packed but has no " + word);
        }
    }

    private static void refused(String word, Tensor tensor, String message) {
        Map<String, Tensor> parts = symmetric();
        parts.put(word, tensor);
        assertThatThrownBy(() -> unpack(GROUPS_OF_FOUR, parts))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining(message);
    }

    /** A checkpoint as llm-compressor leaves it, its configuration in full. */
    @Test
    void aCheckpointIsReadByItsConfiguration() {
        write(symmetric(), CONFIG);
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            assertThat(checkpoint.quantization())
                    .contains(new Quantization("compressed-tensors", 4, 4, true, "pack-quantized", List.of("lm_head")));
            assertThat(checkpoint.hasLinear("a.q_proj")).isTrue();
            assertThat(checkpoint.matrixShape("a.q_proj")).isEqualTo(Shape.of(2, 8));
            assertThat(checkpoint.matrixNames("a.q_proj"))
                    .containsExactly("a.q_proj.weight_packed", "a.q_proj.weight_scale", "a.q_proj.weight_shape");
            assertThat(WeightCodec.decode(checkpoint.linear("a.q_proj"))).startsWith(-8, -7, -6, -5);
            assertThat(WeightCodec.decode(checkpoint.linear("lm_head"))).containsExactly(1, 2);
        }
    }

    private static final String CONFIG = """
            {"quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed",
             "config_groups": {"group_0": {"targets": ["Linear"], "input_activations": null,
               "output_activations": null, "weights": {"num_bits": 4, "type": "int", "symmetric": true,
                 "strategy": "group", "group_size": 4, "actorder": null, "block_structure": null, "dynamic": false,
                 "observer": "minmax", "observer_kwargs": {}}}},
             "ignore": ["lm_head"], "kv_cache_scheme": null, "sparsity_config": {}, "transform_config": {},
             "global_compression_ratio": null, "version": "0.12.2"}
            """;

    @ParameterizedTest
    @CsvSource({
        "'\"format\": \"pack-quantized\"', '\"format\": \"int-quantized\"', "
                + "'compressed-tensors format \"int-quantized\" is not supported; supported: pack-quantized'",
        "'\"num_bits\": 4', '\"num_bits\": 3', 'config_groups.group_0: weights of 3 bits, type \"int\", are not supported'",
        "'\"type\": \"int\"', '\"type\": \"float\"', 'weights of 4 bits, type \"float\", are not supported'",
        "'\"group_size\": 4', '\"group_size\": 0', 'group_size should be positive or -1, is 0'",
        "'\"group_size\": 4', '\"group_size\": 3', 'weight_scale: expected [2, 3], found [2, 2]'",
        "'\"group_size\": 4', '\"group_size\": \"4\"', 'group_size\" should be an integer'",
        "'\"strategy\": \"group\"', '\"strategy\": \"tensor\"', 'strategy \"tensor\" is not supported'",
        "'\"input_activations\": null', '\"input_activations\": {\"num_bits\": 8}', 'quantizes activations, too'",
        "'\"weights\": {', '\"heights\": {', 'has no \"config_groups.group_0.weights\"'",
        "'\"group_0\": {', '\"group_0\": null, \"x\": {', '\"config_groups.group_0\" should be an object, is null'",
        "'\"config_groups\": {', '\"groups\": {', 'has no \"quantization_config.config_groups\"'",
        "'\"sparsity_config\": {}', '\"sparsity_config\": {\"format\": \"sparse-24-bitmask\"}', 'sparsity_config of format'",
        "'\"transform_config\": {}', '\"transform_config\": {\"config_groups\": {\"R1\": {}}}', 'weights that were rotated'",
    })
    void configurationsThatAskForMoreAreRefused(String before, String after, String message) {
        assertThat(CONFIG).contains(before);
        write(symmetric(), CONFIG.replace(before, after));
        assertThatThrownBy(() -> {
                    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
                        checkpoint.linear("a.q_proj");
                    }
                })
                .hasMessageContaining(message);
    }

    private void write(Map<String, Tensor> parts, String config) {
        var sources = new ArrayList<Source>();
        parts.forEach((word, tensor) -> sources.add(Source.of("a.q_proj." + word, tensor)));
        sources.add(Source.of("lm_head.weight", Tensor.ofFloats(new float[] {1, 2}, 1, 2)));
        SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of("format", "pt"), sources);
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.set("quantization_config", JsonMapper.shared().readTree(config)));
    }

    private static Weight unpack(Scheme scheme, Map<String, Tensor> parts) {
        return new CompressedLinears(List.of(scheme)).unpack("w", parts::get);
    }

    private static Map<String, Tensor> symmetric() {
        var parts = new HashMap<String, Tensor>();
        parts.put("weight_packed", Tensor.ofInts(new int[] {0x76543210, 0xfedcba98}, 2, 1));
        parts.put(
                "weight_scale",
                Tensor.ofFloats(new float[] {1, 2, 0.5f, 4}, 2, 2).as(DType.F16));
        parts.put("weight_shape", longs(2, 8));
        return parts;
    }

    private static Tensor longs(long... values) {
        return new Tensor(DType.I64, Shape.of(values.length), MemorySegment.ofArray(values));
    }
}
