package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.GoldenModel;
import awq4j.model.TensorCheck;
import awq4j.model.family.Families;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.testing.GoldenFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Golden models with their experts in one tensor a layer, as transformers 5 has them in memory. */
class FusedExpertsTest {
    private static final Pattern EXPERT =
            Pattern.compile("(model\\.layers\\.\\d+\\.)(?:mlp|block_sparse_moe)\\.experts\\.(\\d+)\\.(\\w+)\\.weight");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"mixtral", "qwen2_moe", "qwen3_moe", "olmoe"})
    void logitsAreThoseOfExpertsApart(String name) throws IOException {
        Path golden = GoldenFiles.path("models/" + name);
        fuse(golden);
        int[] tokens = GoldenModel.integers(golden.resolve("expected.json"), "input_ids");
        try (Backend backend = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, 2));
                GoldenModel apart = GoldenModel.open(golden, backend);
                GoldenModel fused = GoldenModel.open(folder, backend)) {
            assertThat(fused.run(tokens, tokens.length, KvPrecision.F32).logits())
                    .isEqualTo(apart.run(tokens, tokens.length, KvPrecision.F32).logits());
        }
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            var check = TensorCheck.of(Families.spec(checkpoint), checkpoint);
            assertThat(check.faults()).isEmpty();
            assertThat(check.unused()).isEmpty();
        }
    }

    private void fuse(Path golden) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(golden.resolve("model.safetensors"))) {
            var sources = new ArrayList<Source>();
            var experts = new LinkedHashMap<String, List<Tensor>>();
            for (String name : file.names()) {
                Matcher matcher = EXPERT.matcher(name);
                if (!matcher.matches()) {
                    sources.add(Source.of(name.replace("block_sparse_moe.gate", "mlp.gate"), file.tensor(name)));
                    continue;
                }
                // the files list w1, w2, w3 and down, gate, up: both in the order of letters
                boolean down = matcher.group(3).equals("w2") || matcher.group(3).equals("down_proj");
                experts.computeIfAbsent(
                                matcher.group(1) + "mlp.experts." + (down ? "down_proj" : "gate_up_proj"),
                                key -> new ArrayList<>())
                        .add(file.tensor(name));
            }
            experts.forEach((name, parts) -> sources.add(Source.of(name, together(name, parts))));
            SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of("format", "pt"), sources);
        }
        Files.copy(golden.resolve("config.v5.json"), folder.resolve("config.json"));
    }

    private static Tensor together(String name, List<Tensor> parts) {
        long bytes = parts.stream().mapToLong(part -> part.data().byteSize()).sum();
        MemorySegment memory = MemorySegment.ofArray(new byte[(int) bytes]);
        long at = 0;
        for (Tensor part : parts) {
            memory.asSlice(at).copyFrom(part.data());
            at += part.data().byteSize();
        }
        Tensor first = parts.getFirst();
        int linears = name.endsWith("gate_up_proj") ? 2 : 1;
        return new Tensor(
                first.dtype(),
                Shape.of(
                        parts.size() / linears,
                        linears * first.shape().dim(0),
                        first.shape().dim(1)),
                memory);
    }

    @Test
    void whatIsNoTensorOfExpertsStaysAsItIs() {
        long[][] shapes = {{8, 96}, {5_000, 2, 512}, {4, 3, 512}, {4, 2, 4}, {0, 2, 512}, {4, 0, 512}};
        for (long[] shape : shapes) {
            String name = "model.layers.0.mlp.experts.gate_up_proj";
            long elements = Shape.of(shape).elements();
            Path file = folder.resolve("model.safetensors");
            SafetensorsWriter.write(
                    file,
                    Map.of("format", "pt"),
                    List.of(Source.of(
                            name,
                            new Tensor(DType.U8, Shape.of(shape), MemorySegment.ofArray(new byte[(int) elements])))));
            try (TensorFolder opened = Checkpoints.tensors(folder).orElseThrow()) {
                assertThat(opened.names()).as("%s", Shape.of(shape)).containsExactly(name);
                assertThat(opened.tensor(name).shape()).isEqualTo(Shape.of(shape));
            }
        }
    }

    @Test
    void partsAreSlicesInTheOrderOfRows() {
        byte[] values = new byte[2 * 4 * 256];
        for (int i = 0; i < values.length; i++) {
            values[i] = (byte) (i / 256);
        }
        SafetensorsWriter.write(
                folder.resolve("model.safetensors"),
                Map.of("format", "pt"),
                List.of(Source.of(
                        "l.block_sparse_moe.input_linear.weight",
                        new Tensor(DType.U8, Shape.of(2, 4, 256), MemorySegment.ofArray(values)))));
        try (TensorFolder opened = Checkpoints.tensors(folder).orElseThrow()) {
            assertThat(opened.names())
                    .containsExactly(
                            "l.block_sparse_moe.experts.0.gate_proj.weight",
                            "l.block_sparse_moe.experts.0.up_proj.weight",
                            "l.block_sparse_moe.experts.1.gate_proj.weight",
                            "l.block_sparse_moe.experts.1.up_proj.weight");
            Tensor up = opened.tensor("l.block_sparse_moe.experts.1.up_proj.weight");
            assertThat(up.shape()).isEqualTo(Shape.of(2, 256));
            assertThat(up.toFloats()[255]).isEqualTo(6);
            assertThat(up.toFloats()[256]).isEqualTo(7);
        }
    }
}
