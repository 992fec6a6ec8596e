package awq4j.format.pickle;

import static awq4j.format.pickle.TorchFiles.counted;
import static awq4j.format.pickle.TorchFiles.counting;
import static awq4j.format.pickle.TorchFiles.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.format.pickle.PickleValue.Dictionary;
import awq4j.format.pickle.PickleValue.None;
import awq4j.format.pickle.PickleValue.Real;
import awq4j.format.pickle.PickleValue.Sequence;
import awq4j.format.pickle.PickleValue.TensorView;
import awq4j.format.pickle.PickleValue.Text;
import awq4j.format.pickle.PickleValue.Truth;
import awq4j.format.pickle.PickleValue.Tuple;
import awq4j.format.pickle.PickleValue.Whole;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.testing.GoldenFiles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class PickleFileTest {
    private static final Map<String, DType> TYPES = Map.of(
            "torch.float64", DType.F64,
            "torch.float32", DType.F32,
            "torch.bfloat16", DType.BF16,
            "torch.int64", DType.I64,
            "torch.int32", DType.I32,
            "torch.int8", DType.I8,
            "torch.uint8", DType.U8,
            "torch.bool", DType.BOOL);

    @TempDir
    private Path folder;

    /** Views, strides, shared storages, a scalar, an empty tensor, and each element type, as PyTorch wrote them. */
    @ParameterizedTest
    @ValueSource(strings = {"tricky.pt", "tricky_legacy.pt"})
    void bothFormsHoldWhatPyTorchPutIn(String name) {
        JsonNode expected = Config.read(GoldenFiles.path("models/checkpoint_formats/tricky_expected.json"))
                .json();
        try (var file = PickleFile.open(GoldenFiles.path("models/checkpoint_formats/" + name))) {
            assertThat(file.names())
                    .containsExactly(
                            "t", "slice", "shared_a", "scalar", "i8", "u8", "i32", "i64", "bf", "f64", "bool", "empty");
            for (String tensor : file.names()) {
                JsonNode node = expected.get(tensor);
                assertThat(file.dtypeName(tensor))
                        .as(tensor)
                        .isEqualTo(TYPES.get(node.get("dtype").asString()).name());
                assertHolds(tensor, file.tensor(tensor), node);
                assertThat(file.sizeBytes(tensor))
                        .isEqualTo(file.tensor(tensor).data().byteSize());
            }
            var root = (Dictionary) file.root();
            var nested = (Dictionary) root.entries().get("nested");
            assertThat(((Sequence) nested.entries().get("list")).items())
                    .containsExactly(new Whole(1), new Real(2.5), new Text("x"), new None(), new Truth(true));
            var tuple = ((Tuple) nested.entries().get("tuple")).items();
            assertThat(tuple.get(0)).isEqualTo(new Whole(1));
            assertHolds(
                    "nested.tuple.1",
                    file.tensor((TensorView) tuple.get(1)),
                    expected.get("nested").get("tuple").get(1));
            var parameter = ((Dictionary) root.entries().get("od")).entries().get("w");
            assertHolds(
                    "od.w",
                    file.tensor((TensorView) parameter),
                    expected.get("od").get("w"));
        }
    }

    private static void assertHolds(String name, Tensor tensor, JsonNode expected) {
        assertThat(tensor.shape().dims())
                .as(name)
                .isEqualTo(expected.get("shape")
                        .valueStream()
                        .map(JsonNode::asLong)
                        .toList());
        float[] values = tensor.toFloats();
        assertThat(values).as(name).hasSize(expected.get("values").size());
        for (int i = 0; i < values.length; i++) {
            assertThat(values[i]).as("%s, value %d", name, i).isEqualTo((float)
                    expected.get("values").get(i).asDouble());
        }
    }

    @Test
    void aModelOfPyTorchIsTheModelOfSafetensorsInHalfPrecision() {
        try (var file = PickleFile.open(GoldenFiles.path("models/checkpoint_formats/fp16_bin/pytorch_model.bin"));
                Checkpoint single = Checkpoints.open(GoldenFiles.path("models/llama_mha"))) {
            assertThat(file.names()).containsExactlyInAnyOrderElementsOf(single.names());
            for (String name : file.names()) {
                Tensor expected = single.tensor(name).as(DType.F16);
                assertThat(file.tensor(name).dtype()).isEqualTo(DType.F16);
                assertThat(file.tensor(name).shape()).isEqualTo(expected.shape());
                assertThat(file.tensor(name).data().mismatch(expected.data()))
                        .as(name)
                        .isEqualTo(-1);
                assertThat(file.tensor(name).data().isMapped()).as(name).isTrue();
            }
        }
    }

    @Test
    void searchResultsAreListsOfTuples() {
        try (var file = PickleFile.open(GoldenFiles.path("models/checkpoint_formats/awq_cache_example.pt"))) {
            assertThat(file.names()).isEmpty();
            var root = (Dictionary) file.root();
            var scale = (Tuple) ((Sequence) root.entries().get("scale")).items().getFirst();
            assertThat(scale.items().get(0)).isEqualTo(new Text("input_layernorm"));
            assertThat(((Sequence) scale.items().get(1)).items())
                    .containsExactly(
                            new Text("self_attn.q_proj"), new Text("self_attn.k_proj"), new Text("self_attn.v_proj"));
            assertThat(file.tensor((TensorView) scale.items().get(2)).shape()).isEqualTo(Shape.of(4));
            var clip = (Tuple) ((Sequence) root.entries().get("clip")).items().getFirst();
            assertThat(clip.items().get(0)).isEqualTo(new Text("model.layers.0.self_attn.v_proj"));
            assertThat(file.tensor((TensorView) clip.items().get(1)).shape()).isEqualTo(Shape.of(2, 3, 1));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "model_state_dict,a.weight",
        "state_dict,a.weight",
        "model,a.weight",
        "module,a.weight",
        "model/state_dict,a.weight",
        "model_state_dict,module.a.weight",
        "'',module.a.weight"
    })
    void theStateDictIsFoundInItsWrappers(String wrappers, String name) {
        var code = new PickleCode();
        List<String> path = wrappers.isEmpty() ? List.of() : List.of(wrappers.split("/"));
        for (String wrapper : path) {
            code.ops("}").text("epoch").whole(3).ops("s").text(wrapper);
        }
        code.ops("}")
                .text(name)
                .tensor("FloatStorage", "0", 2, 0, new long[] {2}, 1)
                .ops("s");
        code.ops("s".repeat(path.size()));
        Path file =
                TorchFiles.write(folder.resolve("a.pt"), TorchFiles.zip(code.ended(), Map.of("0", floats(1.5f, -2))));
        try (var opened = PickleFile.open(file)) {
            assertThat(opened.names()).containsExactly("a.weight");
            assertThat(opened.tensor("a.weight").toFloats()).containsExactly(1.5f, -2);
        }
    }

    /** A model's parameter may be called like a wrapper, and a wrapper's neighbours may be tensors. */
    @Test
    void aDictWithoutTensorsIsNoStateDict() {
        var code = new PickleCode()
                .ops("}")
                .text("model")
                .ops("}")
                .text("size")
                .whole(7)
                .ops("ss");
        code.text("w").tensor("FloatStorage", "0", 1, 0, new long[] {1}, 1).ops("s");
        code.text("module.x").whole(1).ops("s");
        Path file = TorchFiles.write(folder.resolve("a.pt"), TorchFiles.zip(code.ended(), Map.of("0", floats(1))));
        try (var opened = PickleFile.open(file)) {
            assertThat(opened.names()).containsExactly("w");
        }
    }

    /** What protocols 3 to 5 write otherwise: names on the stack, memos without numbers, frames, short strings. */
    @Test
    void newerProtocolsAreRead() {
        var code = new PickleCode().op(0x80, 5).op(0x95).int64(10).ops("}").op(0x94);
        code.op(0x8c, 1).ops("w").op(0x94);
        code.op(0x8c, 12)
                .ops("torch._utils")
                .op(0x8c, 18)
                .ops("_rebuild_tensor_v2")
                .op(0x93, 0x94);
        code.ops("(")
                .storage("HalfStorage", "0", 3)
                .whole(1)
                .tuple(2)
                .tuple(1)
                .op(0x89)
                .ops("}tR");
        code.ops("s")
                .op(0x8c, 5)
                .ops("bytes")
                .op('C', 2, 7, 8)
                .ops("s")
                .text("again")
                .ops("h")
                .op(1)
                .ops("s");
        Path file = TorchFiles.write(folder.resolve("a.pt"), TorchFiles.zip(code.ended(), Map.of("0", new byte[] {
            0, 0, 0, 0x3c, 0, 0x40
        })));
        try (var opened = PickleFile.open(file)) {
            assertThat(opened.tensor("w").toFloats()).containsExactly(1, 2);
            var root = ((Dictionary) opened.root()).entries();
            assertThat(root.get("again")).isEqualTo(new Text("w"));
            assertThat(((PickleValue.Bytes) root.get("bytes")).value().byteSize())
                    .isEqualTo(2);
        }
    }

    @Test
    void tensorsThatNameTheirTypeAreRead() {
        var code = new PickleCode().ops("}");
        for (String type : List.of("bfloat16", "float8_e4m3fn")) {
            code.text(type).name("torch._utils", "_rebuild_tensor_v3").ops("((").text("storage");
            code.name("torch.storage", "UntypedStorage")
                    .text("0")
                    .text("cpu")
                    .whole(4)
                    .ops("tQ");
            code.whole(0)
                    .tuple(2)
                    .tuple(1)
                    .op(0x89)
                    .ops("}")
                    .name("torch", type)
                    .ops("tRs");
        }
        Path file = TorchFiles.write(folder.resolve("a.pt"), TorchFiles.zip(code.ended(), Map.of("0", new byte[] {
            0, 0, (byte) 0x80, 0x3f
        })));
        try (var opened = PickleFile.open(file)) {
            assertThat(opened.tensor("bfloat16").toFloats()).containsExactly(0, 1);
            assertThat(opened.dtypeName("float8_e4m3fn")).isEqualTo("float8_e4m3fn");
            assertThat(opened.sizeBytes("float8_e4m3fn")).isEqualTo(2);
            assertThatThrownBy(() -> opened.tensor("float8_e4m3fn"))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessageStartingWith(
                            "a.pt: tensor float8_e4m3fn has element type float8_e4m3fn; supported: F64");
        }
    }

    /** A state dict of a module carries attributes, tensors of a GPU name its storages, parameters come wrapped. */
    @Test
    void whatTrainingScriptsSaveIsRead() {
        var code = new PickleCode().name("collections", "OrderedDict").ops(")R").text("w");
        code.name("torch._tensor", "_rebuild_from_type_v2").ops("(").name("torch._utils", "_rebuild_tensor_v2");
        code.name("torch.nn.parameter", "Parameter").ops("((").text("storage").name("torch.cuda", "FloatStorage");
        code.text("0")
                .text("cuda:0")
                .whole(2)
                .ops("tQ")
                .whole(1)
                .ops("))")
                .op(0x88)
                .ops("Nt}tRs");
        code.text("_extra_state")
                .ops("Ns")
                .text("size")
                .name("torch", "Size")
                .tuple(2, 3)
                .op(0x85)
                .ops("Rs");
        code.text("raw")
                .name("_codecs", "encode")
                .text("\u00e9")
                .text("latin1")
                .op(0x86)
                .ops("Rs");
        code.ops("}").text("_metadata").ops("}sb");
        Path file = TorchFiles.write(folder.resolve("a.pt"), TorchFiles.zip(code.ended(), Map.of("0", floats(1, 2))));
        try (var opened = PickleFile.open(file)) {
            assertThat(opened.names()).containsExactly("w");
            assertThat(opened.shape("w")).isEqualTo(Shape.of());
            assertThat(opened.tensor("w").toFloats()).containsExactly(2);
            var root = ((Dictionary) opened.root()).entries();
            assertThat(root.get("size")).isEqualTo(new Tuple(List.of(new Whole(2), new Whole(3))));
            var raw = (PickleValue.Bytes) root.get("raw");
            assertThat(raw.value().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE))
                    .containsExactly(0xe9);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void viewsComeInOrder(boolean legacy) {
        var code = new PickleCode().ops("}");
        code.text("permuted")
                .tensor("ByteStorage", "0", 24, 0, new long[] {4, 2, 3}, 1, 12, 4)
                .ops("s");
        code.text("stepped")
                .tensor("ByteStorage", "0", 24, 3, new long[] {3, 2}, 8, 2)
                .ops("s");
        code.text("expanded")
                .tensor("ByteStorage", "0", 24, 5, new long[] {3, 2}, 0, 1)
                .ops("s");
        code.text("ones")
                .tensor("ByteStorage", "0", 24, 9, new long[] {1, 3, 1}, 77, 1, 99)
                .ops("s");
        code.text("empty")
                .tensor("ByteStorage", "0", 24, 24, new long[] {5, 0}, 0, 1)
                .ops("s");
        byte[] pickle = code.ended();
        if (legacy) { // there the persistent id has a sixth part
            pickle = new String(pickle, java.nio.charset.StandardCharsets.ISO_8859_1)
                    .replace("K\u0018tQ", "K\u0018NtQ")
                    .getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
        }
        byte[] bytes = legacy
                ? TorchFiles.legacy(pickle, Map.of("0", counted(24, counting(24))))
                : TorchFiles.zip(pickle, Map.of("0", counting(24)));
        try (var file = PickleFile.open(TorchFiles.write(folder.resolve("a.pt"), bytes))) {
            assertThat(file.tensor("permuted").toFloats())
                    .containsExactly(
                            0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23);
            assertThat(file.tensor("stepped").toFloats()).containsExactly(3, 5, 11, 13, 19, 21);
            assertThat(file.tensor("expanded").toFloats()).containsExactly(5, 6, 5, 6, 5, 6);
            assertThat(file.tensor("ones").toFloats()).containsExactly(9, 10, 11);
            assertThat(file.tensor("ones").data().isMapped()).isTrue();
            assertThat(file.tensor("empty").shape()).isEqualTo(Shape.of(5, 0));
        }
    }

    @Test
    void aViewThatRepeatsItselfBeyondItsFileIsRefusedWhenRead() {
        var code = new PickleCode().ops("}").text("w");
        code.tensor("FloatStorage", "0", 1, 0, new long[] {1L << 20, 1L << 20}, 0, 0)
                .ops("s");
        Path file = TorchFiles.write(folder.resolve("a.pt"), TorchFiles.zip(code.ended(), Map.of("0", floats(1))));
        try (var opened = PickleFile.open(file)) {
            assertThat(opened.sizeBytes("w")).isEqualTo(1L << 42);
            assertThatThrownBy(() -> opened.tensor("w"))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessage(
                            "a.pt: tensor w [1048576, 1048576] has strides [0, 0] and would take 4398046511104 bytes"
                                    + " in order, more than its file or an array has; save it with contiguous()");
        }
    }

    @Test
    void largeZipsAreRead() throws IOException {
        long far = 5L << 30;
        var code = new PickleCode().ops("}");
        code.text("huge")
                .tensor("ByteStorage", "0", far, 0, new long[] {far}, 1)
                .ops("s");
        code.text("last").tensor("IntStorage", "1", 2, 0, new long[] {2}, 1).ops("s");
        var zip = new TorchFiles.Zip(true).entry("m/data.pkl", code.ended()).hole("m/data/0", far);
        int before = zip.size();
        byte[] bytes =
                zip.entry("m/data/1", new byte[] {1, 0, 0, 0, 2, 0, 0, 0}).ended("a comment behind the end");
        Path file = folder.resolve("sparse.pt");
        try (var raw = new RandomAccessFile(file.toFile(), "rw")) { // sparse: a hole takes no space
            raw.write(bytes, 0, before);
            raw.seek(before + (3L << 30));
            raw.write(77);
            raw.seek(before + far);
            raw.write(bytes, before, bytes.length - before);
        }
        try (var opened = PickleFile.open(file)) {
            assertThat(opened.tensor("last").toInts()).containsExactly(1, 2);
            float[] one = new float[1];
            opened.tensor("huge").copyTo(3L << 30, one, 0, 1);
            assertThat(one).containsExactly(77);
            assertThat(opened.sizeBytes("huge")).isEqualTo(far);
        }
    }

    @Test
    void anUnknownNameIsTheCallersFault() {
        try (var file = PickleFile.open(GoldenFiles.path("models/checkpoint_formats/tricky.pt"))) {
            assertThatThrownBy(() -> file.tensor("od"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("tricky.pt has no tensor od");
        }
    }
}
