package awq4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.PlacedWeight;
import awq4j.kernel.Precision;
import awq4j.model.ModelSpec;
import awq4j.model.PackedModel;
import awq4j.model.StepBatch;
import awq4j.model.Taps;
import awq4j.model.TensorCheck;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.quant.QuantScheme;
import awq4j.quant.checkpoint.CheckpointQuantizer;
import awq4j.quant.checkpoint.MethodChoice;
import awq4j.quant.checkpoint.PackedFolder;
import awq4j.quant.checkpoint.QuantizeSettings;
import awq4j.tensor.DType;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import awq4j.testing.Samples;
import awq4j.testing.SmallDisk;
import awq4j.weight.PackedMatrix;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A file of packed weights gives what packing gives, or is refused. */
class PackedModelTest {
    private static final CpuOptions ROUNDED = new CpuOptions(Arithmetic.VECTOR, Precision.W4A8, 2);

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({
        "W4A8, 4, false",
        "W4A8, 4, true",
        "W4A16, 4, false",
        "W4A16, 4, true",
        "W4A16, 3, false",
        "W4A8, 2, false",
        "W4A8, 3, false",
        "W8A8, 8, false"
    })
    void mappedWeightsGiveTheSameLogitsBitForBit(Precision precision, int bits, boolean tied) {
        Path model = quantized(bits, tied);
        var options = new CpuOptions(Arithmetic.VECTOR, precision, 2);
        float[] expected = logits(model, options, false);
        convert(model, ROUNDED);
        assertThat(logits(model, options, true)).containsExactly(expected);
    }

    @Test
    void allMatricesOfCodesAndTheRoundedHeadAreKept() {
        Path model = quantized(4, true);
        convert(model, ROUNDED);
        try (PackedFile file = PackedFile.open(model)) {
            assertThat(file.orders()).hasSize(2).allMatch(order -> order.startsWith("rows"));
            assertThat(file.find("model.layers.1.mlp.down_proj")).isPresent();
            assertThat(file.find("model.embed_tokens as head")).isPresent();
            assertThat(file.find("model.embed_tokens")).isEmpty();
        }
    }

    @Test
    void theFileOfOtherWeightsIsNotUsed() throws IOException {
        Path model = quantized(4, false);
        convert(model, ROUNDED);
        assertThat(used(model, ROUNDED)).isTrue();
        Path weights = model.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        bytes[bytes.length - 1] ^= 1;
        Files.write(weights, bytes);
        assertThat(used(model, ROUNDED)).isFalse();
    }

    @Test
    void aCopiedFolderUsesItsFile() throws IOException {
        Path model = quantized(4, false);
        convert(model, ROUNDED);
        Path copy = Files.createDirectory(folder.resolve("copy"));
        for (String name : List.of("config.json", "model.safetensors", PackedFile.NAME)) {
            Files.copy(model.resolve(name), copy.resolve(name));
        }
        assertThat(used(copy, ROUNDED)).isTrue();
    }

    @Test
    void otherKernelsDoNotUseTheFile() {
        Path model = quantized(4, false);
        convert(model, ROUNDED);
        assertThat(used(model, new CpuOptions(Arithmetic.SCALAR, Precision.W4A8, 1)))
                .isFalse();
        change(model, header -> header.replace("rows", "cols"));
        assertThat(used(model, ROUNDED)).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "'\"awq4j.packed\":\"1\"', '\"awq4j.packed\":\"2\"', 'expected version 1 of packed weights, found 2'",
        "'\"source\"', '\"sauce!\"', 'does not say what it was made from'",
        "'matrix model.layers.0.mlp.up_proj', 'matrix_model.layers.0.mlp.up_proj', 'metadata do not describe model.l'",
        "'128 64 4 32 INTEGER', '128 64 4 3x INTEGER', 'does not describe a matrix'",
        "'128 64 4 32 INTEGER', '128 64 9 32 INTEGER', 'bits must be in [2, 8], was 9'",
        "'128 64 4 32 INTEGER', '0x0 64 4 32 INTEGER', 'does not describe a matrix'",
        "'128 64 4 32 INTEGER', '000 64 4 32 INTEGER', 'expected rows and columns'",
        "'128 64 4 32 INTEGER', '128 64 4 32 UNICORN', 'does not describe a matrix'",
        "'128 64 4 32 INTEGER', '128 63 4 32 INTEGER', 'config.json asks for [128, 64], file has [128, 63]'",
        "'128 64 4 32 INTEGER', '128 64 4 16 INTEGER', 'bytes in the order rows'",
    })
    void aFileThatContradictsItselfIsRefused(String before, String after, String message) {
        Path model = quantized(4, false);
        convert(model, ROUNDED);
        change(
                model,
                header -> header.replaceFirst(
                        java.util.regex.Pattern.quote(before), java.util.regex.Matcher.quoteReplacement(after)));
        assertThatThrownBy(() -> logits(model, ROUNDED, true))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("awq4j.packed")
                .hasMessageContaining(message);
    }

    @Test
    void aFileThatEndsTooEarlyIsRefusedWhereverItEnds() throws IOException {
        Path model = quantized(4, false);
        convert(model, ROUNDED);
        Path file = PackedFile.of(model);
        byte[] head = Arrays.copyOf(Files.readAllBytes(file), 8);
        int length = 8
                + Math.toIntExact(
                        ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).getLong());
        long size = Files.size(file);
        try (var access = new RandomAccessFile(file.toFile(), "rw")) {
            access.setLength(size - 1);
            refused(model, size - 1);
            for (int end = length; end >= 0; end--) {
                access.setLength(end);
                refused(model, end);
            }
        }
    }

    private static void refused(Path model, long end) {
        assertThatThrownBy(() -> PackedFile.open(model))
                .as("cut at %d", end)
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("awq4j.packed");
    }

    @Test
    void matricesOutOfPlaceOrSizeAreNotTakenIn() {
        Path model = quantized(4, false);
        convert(model, ROUNDED);
        try (PackedFile file = PackedFile.open(model);
                var backend = CpuBackend.open(ROUNDED);
                Arena arena = Arena.ofConfined()) {
            PackedMatrix good = file.find("model.layers.0.mlp.up_proj").orElseThrow();
            long size = good.memory().byteSize();
            var shifted = arena.allocate(size + 64, 64).asSlice(4, size);
            assertThatThrownBy(() -> backend.place(
                            new PackedMatrix("w", good.rows(), good.columns(), good.layout(), good.order(), shifted)))
                    .hasMessage("matrix w: expected memory aligned to 64 bytes");
            assertThatThrownBy(() -> backend.place(new PackedMatrix(
                            "w", good.rows(), good.columns(), good.layout(), "cols-v1", good.memory())))
                    .hasMessageStartingWith("matrix w: expected the order rows")
                    .hasMessageEndingWith("found cols-v1");
        }
    }

    @ParameterizedTest
    @CsvSource({"2, 640, 32", "3, 640, 32", "4, 640, 32", "8, 640, 32"})
    void codesTakeTheirBitsAndNoMore(int bits, int columns, int rows) {
        var weight = Samples.grouped(7, rows, columns, bits, 64, ZeroPoint.INTEGER);
        try (var backend = CpuBackend.open(ROUNDED)) {
            PackedMatrix kept = backend.packed(backend.place(weight)).orElseThrow();
            long scalesAndZeros =
                    2L * Float.BYTES * rows * (columns / 64); // those of the sample are no float16 numbers
            assertThat(kept.memory().byteSize()).isEqualTo((long) rows * columns * bits / 8 + scalesAndZeros);
            assertThat(kept.order()).endsWith(bits < 4 ? "-f32-bits" + bits : "-f32");
        }
    }

    @Test
    void theOrderOfInputsIsKept() {
        var plain = Samples.grouped(7, 70, 160, 4, 32, ZeroPoint.INTEGER);
        for (Precision precision : Precision.values()) {
            var options = new CpuOptions(Arithmetic.VECTOR, precision, 2);
            try (var backend = CpuBackend.open(options)) {
                PlacedWeight placed = backend.place(Samples.inRandomOrder(8, plain));
                PackedMatrix kept = backend.packed(placed).orElseThrow();
                assertThat(kept.order()).startsWith("rows").endsWith("-gathered");
                float[] x = Samples.floats(9, 160);
                assertThat(product(backend, backend.place(kept), x))
                        .containsExactly(product(backend, placed, x))
                        .isNotEqualTo(product(backend, backend.place(plain), x));
                long end = kept.memory().byteSize() - 160 * Integer.BYTES;
                kept.memory().set(ValueLayout.JAVA_INT, end, 160);
                assertThatThrownBy(() -> backend.place(kept))
                        .hasMessage("matrix grouped: input order: expected each of 0 to 159 once, found 160 at 0");
                var cut = new PackedMatrix(
                        "w", 70, 160, kept.layout(), kept.order(), kept.memory().asSlice(0, 64));
                assertThatThrownBy(() -> backend.place(cut))
                        .hasMessage("matrix w: expected 640 bytes of input order at its end, found 64");
            }
        }
    }

    private static float[] product(Backend backend, PlacedWeight weight, float[] x) {
        Buffer from = backend.allocate(1, x.length);
        Buffer to = backend.allocate(1, weight.rows());
        backend.write(x, from);
        backend.kernels().linear(weight, null, from, to);
        float[] out = new float[weight.rows()];
        backend.read(to, out);
        return out;
    }

    @Test
    void anInterruptionLeavesTheOlderFile() throws IOException {
        Path model = quantized(4, false);
        convert(model, ROUNDED);
        byte[] older = Files.readAllBytes(PackedFile.of(model));
        try (Checkpoint checkpoint = Checkpoints.open(model);
                var backend = CpuBackend.open(ROUNDED)) {
            var matrices = PackedModel.pack(backend, Families.spec(checkpoint), checkpoint, () -> {});
            int[] count = {0};
            assertThatThrownBy(() -> PackedFile.write(checkpoint, matrices, () -> {
                        if (++count[0] == 5) {
                            throw new CancellationException("enough");
                        }
                    }))
                    .isInstanceOf(CancellationException.class);
        }
        assertThat(PackedFile.of(model)).hasBinaryContent(older);
        assertThat(PackedFile.unfinished(model)).doesNotExist();
    }

    @Test
    void aFullDiskLeavesNothing() throws IOException {
        Path model = quantized(4, false);
        try (SmallDisk disk = SmallDisk.mount(Files.size(model.resolve("model.safetensors")) + 32_768)) {
            for (String name : List.of("config.json", "model.safetensors")) {
                Files.copy(model.resolve(name), disk.folder().resolve(name));
            }
            assertThatThrownBy(() -> convert(disk.folder(), ROUNDED))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("cannot write " + PackedFile.of(disk.folder()));
            assertThat(PackedFile.of(disk.folder())).doesNotExist();
            assertThat(PackedFile.unfinished(disk.folder())).doesNotExist();
        }
    }

    @ParameterizedTest
    @CsvSource({"W4A8, 4, false", "W4A8, 4, true", "W4A16, 4, false", "W4A16, 4, true", "W4A16, 3, false"})
    void aFolderOfItsOwnNeedsNothingElse(Precision precision, int bits, boolean tied) throws IOException {
        Path model = quantized(bits, tied);
        var options = new CpuOptions(Arithmetic.VECTOR, precision, 2);
        float[] expected = logits(model, options, false);
        Files.writeString(model.resolve("generation_config.json"), "{}");
        Path own = folder(model, false);
        Files.move(model, folder.resolve("elsewhere"));
        assertThat(names(own)).containsExactly("awq4j.packed", "config.json", "generation_config.json");
        assertThat(logits(own, options, true)).containsExactly(expected);
        try (Checkpoint checkpoint = Checkpoints.open(own)) {
            assertThat(checkpoint.quantization().orElseThrow().bits()).isEqualTo(bits);
            assertThat(checkpoint.names()).doesNotContain("model.layers.0.mlp.up_proj.qweight");
            assertThat(TensorCheck.of(Families.spec(checkpoint), checkpoint))
                    .isEqualTo(new TensorCheck(List.of(), List.of()));
        }
    }

    @Test
    void aFolderOfItsOwnIsRefusedByOtherKernels() {
        Path own = folder(quantized(4, false), false);
        assertThatThrownBy(() -> used(own, new CpuOptions(Arithmetic.SCALAR, Precision.W4A8, 1)))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageStartingWith(own.resolve("awq4j.packed") + ": cpu/scalar")
                .hasMessageContaining("does not read the order rows")
                .hasMessageContaining("the weights that it was made from are not in the folder");
        try (Checkpoint checkpoint = Checkpoints.open(own)) {
            assertThatThrownBy(() -> checkpoint.linear("model.layers.0.mlp.up_proj"))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessageContaining("holds model.layers.0.mlp.up_proj in an order of these kernels' own");
            assertThatThrownBy(() -> checkpoint.tensor("nothing"))
                    .isInstanceOf(UnsupportedModelException.class)
                    .hasMessageContaining("has no tensor nothing");
        }
    }

    @Test
    void aFileThatStandsBesideNoWeightsIsNoModel() throws IOException {
        Path model = quantized(4, false);
        convert(model, ROUNDED);
        Files.delete(model.resolve("model.safetensors"));
        assertThatThrownBy(() -> Checkpoints.open(model))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("holds packed matrices only: the weights that it was made from are missing");
    }

    @ParameterizedTest
    @CsvSource({
        "'awq 4 32 false gemm', 'awq 4 32 false_gemm', 'expected 5 words, found 4'",
        "'awq 4 32 false gemm', 'awq x 32 false gemm', 'does not describe a quantized model'",
    })
    void aModelFileThatContradictsItselfIsRefused(String before, String after, String message) {
        Path own = folder(quantized(4, false), false);
        change(own, header -> header.replace(before, after));
        assertThatThrownBy(() -> Checkpoints.open(own))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining(message);
    }

    @Test
    void aFolderIsReplacedOnlyByForceAndNeverTheSource() {
        Path model = quantized(4, false);
        folder(model, false);
        assertThatThrownBy(() -> folder(model, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("exists and is not empty");
        assertThat(folder(model, true)).isDirectory();
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            assertThatThrownBy(() -> PackedFolder.of(checkpoint, model, true))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("are the same folder");
        }
    }

    @Test
    void anInterruptionLeavesNoFolder() throws IOException {
        Path model = quantized(4, false);
        Path out = folder.resolve("own");
        try (Checkpoint checkpoint = Checkpoints.open(model);
                var backend = CpuBackend.open(ROUNDED)) {
            var matrices = PackedModel.pack(backend, Families.spec(checkpoint), checkpoint, () -> {});
            int[] count = {0};
            PackedFolder own = PackedFolder.of(checkpoint, out, false);
            assertThatThrownBy(() -> own.write(Families.spec(checkpoint), matrices, () -> {
                        if (++count[0] == matrices.size() + 2) {
                            throw new CancellationException("enough");
                        }
                    }))
                    .isInstanceOf(CancellationException.class);
            assertThat(own.unfinished()).doesNotExist();
        }
        assertThat(out).doesNotExist();
    }

    private Path folder(Path model, boolean force) {
        Path out = folder.resolve("own");
        try (Checkpoint checkpoint = Checkpoints.open(model);
                var backend = CpuBackend.open(ROUNDED)) {
            ModelSpec spec = Families.spec(checkpoint);
            PackedFolder.of(checkpoint, out, force)
                    .write(spec, PackedModel.pack(backend, spec, checkpoint, () -> {}), () -> {});
        }
        return out;
    }

    private static List<String> names(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .sorted()
                    .toList();
        }
    }

    private Path quantized(int bits, boolean tied) {
        var sizes = new Sizes(64, 128, 2, 4, 2, 96, tied);
        Path plain = RandomModels.llama(folder.resolve("plain"), sizes, DType.F16, 5);
        Path out = folder.resolve("q");
        var scheme = new QuantScheme(bits, 32, false, QuantScheme.Range.REFERENCE);
        CheckpointQuantizer.run(QuantizeSettings.of(plain, out, scheme, MethodChoice.rtn(), null));
        return out;
    }

    private static void convert(Path model, CpuOptions options) {
        try (Checkpoint checkpoint = Checkpoints.open(model);
                var backend = CpuBackend.open(options)) {
            PackedFile.write(
                    checkpoint, PackedModel.pack(backend, Families.spec(checkpoint), checkpoint, () -> {}), () -> {});
        }
    }

    private static boolean used(Path model, CpuOptions options) {
        try (Checkpoint checkpoint = Checkpoints.open(model);
                var backend = CpuBackend.open(options)) {
            Optional<PackedFile> file = PackedModel.beside(checkpoint, backend);
            file.ifPresent(PackedFile::close);
            return file.isPresent();
        }
    }

    /** The logits of some tokens in one batch, then of some one by one. */
    private static float[] logits(Path model, CpuOptions options, boolean mapped) {
        try (Checkpoint checkpoint = Checkpoints.open(model);
                Backend backend = CpuBackend.open(options)) {
            Optional<PackedFile> file = PackedModel.beside(checkpoint, backend);
            try {
                assertThat(file.isPresent()).isEqualTo(mapped);
                return logits(Transformer.open(backend, Families.spec(checkpoint), checkpoint, file, 16));
            } finally {
                file.ifPresent(PackedFile::close);
            }
        }
    }

    private static float[] logits(Transformer transformer) {
        int vocabulary = transformer.spec().vocabulary();
        var cache = transformer.newSequence(KvPrecision.F16, 16);
        int[] ids = RandomModels.tokens(1, 11, vocabulary, 3)[0];
        float[] all = new float[14 * vocabulary];
        int filled = 0;
        for (int[] part : List.of(ids, new int[] {4}, new int[] {8}, new int[] {15})) {
            var batch = StepBatch.of(part, filled, StepBatch.Logits.ALL);
            var buffer = Objects.requireNonNull(transformer.forward(batch, List.of(cache), Taps.NONE));
            float[] some = new float[part.length * vocabulary];
            transformer.backend().read(buffer, some);
            System.arraycopy(some, 0, all, filled * vocabulary, some.length);
            filled += part.length;
        }
        return all;
    }

    /** Changes the header to another text of the same length. */
    private static void change(Path model, UnaryOperator<String> edit) {
        try (var access = new RandomAccessFile(PackedFile.of(model).toFile(), "rw")) {
            byte[] length = new byte[8];
            access.readFully(length);
            byte[] json = new byte
                    [Math.toIntExact(ByteBuffer.wrap(length)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .getLong())];
            access.readFully(json);
            String before = new String(json, StandardCharsets.UTF_8);
            String after = edit.apply(before);
            assertThat(after).hasSameSizeAs(before).isNotEqualTo(before);
            access.seek(8);
            access.write(after.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
