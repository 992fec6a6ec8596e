package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gptq.GptqPacking;
import awq4j.format.pickle.TorchModels;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.GoldenModel;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.tensor.DType;
import awq4j.testing.GgufModels;
import awq4j.testing.GgufModels.BlockType;
import awq4j.testing.GoldenFiles;
import awq4j.testing.ModelFolders;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConversionTest {
    private static final Conversion.Watch UNWATCHED = (step, done, all) -> {};

    /** Half a unit in float16's last place, relative: what rounding a value that is in its normal range costs. */
    private static final double HALF_UNIT = 0x1p-11;

    /** Of logits, by rounding embedding and output matrix to float16. */
    private static final double ROUNDED_HEAD = 1e-3;

    @TempDir
    private Path folder;

    private static List<Arguments> awqAndOthers() {
        return Stream.of("llama_tiny", "opt_tiny")
                .flatMap(model -> Stream.of("awq-gemv", "awq-gemv-fast", "gptq").map(form -> Arguments.of(model, form)))
                .toList();
    }

    /** The fixture was made by AutoAWQ: what comes back is its file, bit for bit. */
    @ParameterizedTest
    @MethodSource("awqAndOthers")
    void codesOfAwqComeBackFromEveryForm(String model, String form) {
        Path awq = GoldenFiles.path("quantization/" + model + "/autoawq_gemm_ckpt");
        Path there = convert(awq, form);
        Path back = convert(there, "awq-gemm");
        assertSameTensors(back, awq);
        assertThat(Config.read(back.resolve("config.json"))
                        .json()
                        .at("/quantization_config/version")
                        .asString())
                .isEqualTo("gemm");
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama_tiny", "opt_tiny"})
    void codesOfGptqComeBackFromAwq(String model) throws IOException {
        Path gptq = GoldenFiles.path("quantization/" + model + "/gptq_v1_ckpt");
        Path awq = convert(gptq, "awq-gemm");
        assertThat(awq.resolve("quantize_config.json")).doesNotExist();
        Path back = convert(awq, "gptq");
        assertSameTensors(back, gptq);
        var section = Config.read(back.resolve("config.json"))
                .section("quantization_config")
                .orElseThrow();
        assertThat(section.text("quant_method")).isEqualTo("gptq");
        assertThat(section.text("checkpoint_format")).isEqualTo("gptq");
        assertThat(section.flag("sym", false)).isTrue();
        assertThat(section.flag("desc_act", true)).isFalse();
        assertThat(section.integer("bits")).isEqualTo(4);
        assertThat(section.integer("group_size")).isEqualTo(128);
        assertThat(Files.readString(back.resolve("config.json"))).doesNotContain("\"awq\"");
    }

    /** A zero of 0 less one is the greatest code, and adding one without cutting off gives 16. */
    @Test
    void zerosOfNoughtAskForTheSecondVersion() {
        Path model = RandomModels.llama(folder.resolve("plain"), Sizes.SMALL, DType.F16, 1, (name, values) -> {
            if (name.endsWith("up_proj.weight")) {
                for (int i = 0; i < values.length; i++) {
                    values[i] = Math.abs(values[i]);
                }
            }
        });
        Path awq = rtn(model, new QuantScheme(4, 32, false, Range.INCLUDE_ZERO));
        try (Checkpoint checkpoint = Checkpoints.open(awq)) {
            var conversion = Conversion.of(checkpoint, "gptq", folder.resolve("gptq"), false);
            ConversionPlan plan = conversion.plan(UNWATCHED);
            assertThat(plan.exact()).isTrue();
            conversion.write(plan, UNWATCHED);
            assertThat(conversion.target().remarks(plan))
                    .singleElement()
                    .asString()
                    .contains("gptq_v2");
        }
        var section = Config.read(folder.resolve("gptq/config.json"))
                .section("quantization_config")
                .orElseThrow();
        assertThat(section.text("checkpoint_format")).isEqualTo("gptq_v2");
        assertThat(section.flag("sym", true)).isFalse();
        assertSameTensors(convert(folder.resolve("gptq"), "awq-gemm"), awq);
    }

    @Test
    void actOrderHasAPlaceInGptqOnly() throws IOException {
        Path model = actOrder();
        Path again = convert(model, "gptq");
        assertSameTensors(again, model);
        assertThat(Config.read(again.resolve("config.json"))
                        .json()
                        .at("/quantization_config/desc_act")
                        .asBoolean())
                .isTrue();
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            var conversion = Conversion.of(checkpoint, "awq-gemm", folder.resolve("lossy"), false);
            ConversionPlan plan = conversion.plan(UNWATCHED);
            assertThat(plan.exact()).isFalse();
            assertThat(plan.reasons())
                    .containsExactly(Map.entry(
                            "columns in an order of their own (act-order), rounded anew",
                            plan.coded().size()));
            assertThat(plan.relativeError()).isBetween(0.01, 0.2);
            assertThat(plan.worst().relativeError()).isGreaterThanOrEqualTo(plan.relativeError());
            conversion.write(plan, UNWATCHED);
            assertThat(errorBetween(model, folder.resolve("lossy")))
                    .isCloseTo(plan.relativeError(), org.assertj.core.data.Percentage.withPercentage(1));
        }
    }

    @Test
    void narrowCodesHaveAPlaceAmongWiderOnes() {
        Path plain = RandomModels.llama(folder.resolve("plain"), Sizes.SMALL, DType.F16, 2);
        Path three = rtn(plain, new QuantScheme(3, 32, false, Range.REFERENCE));
        for (String form : List.of("awq-gemm", "awq-gemv", "gptq")) {
            Path out = convert(three, form);
            assertThat(errorBetween(three, out)).as(form).isZero();
            try (Checkpoint checkpoint = Checkpoints.open(out)) {
                assertThat(checkpoint.quantization().orElseThrow().bits())
                        .as(form)
                        .isEqualTo(form.equals("gptq") ? 3 : 4);
            }
        }
        Path eight = rtn(plain, new QuantScheme(8, 32, true, Range.REFERENCE));
        Path wide = convert(eight, "awq-gemm");
        assertThat(errorBetween(eight, wide)).isZero();
        try (Checkpoint checkpoint = Checkpoints.open(eight)) {
            var plan = Conversion.of(checkpoint, "awq-gemv", folder.resolve("out"), false)
                    .plan(UNWATCHED);
            assertThat(plan.reasons().keySet()).containsExactly("codes of 8 bits, rounded anew");
        }
    }

    @Test
    void plainWeightsComeOutAsTheirNearestFloat16() throws IOException {
        Path awq = GoldenFiles.path("quantization/llama_tiny/autoawq_gemm_ckpt");
        Path out = folder.resolve("plain");
        try (Checkpoint checkpoint = Checkpoints.open(awq)) {
            var conversion = Conversion.of(checkpoint, "safetensors-f16", out, false);
            ConversionPlan plan = conversion.plan(UNWATCHED);
            assertThat(plan.reasons().keySet()).containsExactly("values finer than float16, rounded");
            assertThat(plan.relativeError()).isPositive().isLessThan(HALF_UNIT);
            conversion.write(plan, UNWATCHED);
        }
        assertThat(Files.readString(out.resolve("config.json"))).doesNotContain("quantization_config");
        try (Checkpoint before = Checkpoints.open(awq);
                Checkpoint after = Checkpoints.open(out)) {
            String name = "model.layers.1.mlp.down_proj";
            Weight weight = before.linear(name);
            float[] row = new float[weight.columns()];
            WeightCodec.decodeRow(weight, 5, row);
            float[] found = new float[row.length];
            after.tensor(name + ".weight").copyTo(5L * row.length, found, 0, row.length);
            for (int i = 0; i < row.length; i++) {
                assertThat(found[i]).isEqualTo(Float.float16ToFloat(Float.floatToFloat16(row[i])));
            }
        }
        Path again = convert(out, "safetensors-f16"); // what is float16 already stays
        assertSameTensors(again, out);
    }

    @Test
    void whatLiesBesideTheWeightsComesAlong() throws IOException {
        Path model = ModelFolders.copy("quantization/llama_tiny/gptq_v1_ckpt", folder.resolve("model"));
        for (String name : List.of("tokenizer.json", "generation_config.json", "LICENSE")) {
            Files.writeString(model.resolve(name), "{}");
        }
        Files.writeString(model.resolve("train.log"), "nothing");
        Path out = convert(model, "awq-gemm");
        try (var files = Files.list(out)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            "config.json", "model.safetensors", "tokenizer.json", "generation_config.json", "LICENSE");
        }
    }

    @Test
    void nothingIsLeftWhereItWasInterrupted() {
        Path awq = GoldenFiles.path("quantization/llama_tiny/autoawq_gemm_ckpt");
        for (String step : List.of("checking", "writing", "verifying")) {
            Path out = folder.resolve(step);
            try (Checkpoint checkpoint = Checkpoints.open(awq)) {
                var conversion = Conversion.of(checkpoint, "gptq", out, false);
                assertThatThrownBy(() -> {
                            Conversion.Watch watch = (now, done, all) -> {
                                assertThat(done).isBetween(0, all);
                                if (now.equals(step) && done == 9) {
                                    throw new CancellationException("interrupted");
                                }
                            };
                            conversion.write(conversion.plan(watch), watch);
                        })
                        .as(step)
                        .isInstanceOf(CancellationException.class);
            }
            assertThat(folder).isEmptyDirectory();
        }
    }

    @Test
    void modelsAreReplacedOnlyWhenForced() throws IOException {
        Path awq = GoldenFiles.path("quantization/llama_tiny/autoawq_gemm_ckpt");
        Path out = convert(awq, "gptq");
        try (Checkpoint checkpoint = Checkpoints.open(awq)) {
            assertThatThrownBy(() -> Conversion.of(checkpoint, "gptq", out, false))
                    .hasMessageContaining("exists and is not empty");
            assertThatThrownBy(() -> Conversion.of(checkpoint, "gptq", awq, true))
                    .hasMessageContaining("the same folder");
            Files.writeString(out.resolve("model.safetensors"), "damaged");
            Files.createDirectories(folder.resolve("." + out.getFileName() + ".converting")); // of a killed process
            var conversion = Conversion.of(checkpoint, "awq-gemv", out, true);
            conversion.write(conversion.plan(UNWATCHED), UNWATCHED);
        }
        assertSameTensors(convert(out, "awq-gemm"), awq);
    }

    @Test
    void plainModelsAreSentToQuantize() {
        Path plain = RandomModels.llama(folder.resolve("plain"), Sizes.SMALL, DType.F16, 1);
        try (Checkpoint checkpoint = Checkpoints.open(plain)) {
            for (String form : List.of("awq-gemm", "awq-gemv-fast", "gptq")) {
                assertThatThrownBy(() -> Conversion.of(checkpoint, form, folder.resolve("out"), false))
                        .isInstanceOf(UnsupportedModelException.class)
                        .hasMessageContaining("is not quantized", "awq4j quantize");
            }
            assertThatThrownBy(() -> Conversion.of(checkpoint, "onnx", folder.resolve("out"), false))
                    .hasMessageStartingWith("\"onnx\" is no form of weights; there are awq-gemm, ");
        }
    }

    /** GPT-2 stores plain matrices as [inputs, outputs]. */
    @Test
    void turnedMatricesAreTurnedBack() {
        Path plain = ModelFolders.copy("models/gpt2", folder.resolve("plain"));
        Path awq = rtn(plain, new QuantScheme(8, 8, false, Range.REFERENCE));
        Path out = folder.resolve("out");
        try (Checkpoint checkpoint = Checkpoints.open(awq)) {
            var conversion = Conversion.of(checkpoint, "safetensors-f16", out, false);
            conversion.write(conversion.plan(UNWATCHED), UNWATCHED);
        }
        try (Checkpoint before = Checkpoints.open(plain);
                Checkpoint after = Checkpoints.open(out)) {
            for (String name : before.names()) {
                assertThat(after.shape(name)).as(name).isEqualTo(before.shape(name));
            }
        }
        assertThat(errorBetween(plain, out)).isPositive().isLessThan(0.01);
    }

    @Test
    void blocksOfGgufBecomeTheGroupsThatTheyAre() {
        Path plain = RandomModels.llama(folder.resolve("plain"), Sizes.SMALL, DType.F16, 4);
        Path file = GgufModels.of(plain, BlockType.Q4_0).write(folder.resolve("model.gguf"));
        Path out = folder.resolve("out");
        try (Checkpoint checkpoint = Checkpoints.open(file)) {
            var conversion = Conversion.of(checkpoint, "awq-gemm", out, false);
            ConversionPlan plan = conversion.plan(UNWATCHED);
            assertThat(plan.coded())
                    .hasSize(21)
                    .allSatisfy(planned -> assertThat(planned.loss()).isEmpty());
            assertThat(plan.reasons()).containsExactly(Map.entry("outside of the blocks, kept in float16", 2));
            assertThat(plan.relativeError()).isPositive().isLessThan(HALF_UNIT);
            conversion.write(plan, UNWATCHED);
        }
        assertThat(errorBetween(file, out)).isZero();
        assertThat(Config.read(out.resolve("config.json"))
                        .json()
                        .at("/quantization_config/group_size")
                        .asInt())
                .isEqualTo(32);
        assertThat(out.resolve("generation_config.json")).exists();
    }

    /** The same codes, so the same sums in the same order. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_tiny", "opt_tiny"})
    void everyFormOfTheSameCodesGivesTheSameLogits(String model) {
        Path awq = GoldenFiles.path("quantization/" + model + "/autoawq_gemm_ckpt");
        float[] expected = logits(awq);
        for (String form : List.of("awq-gemv", "awq-gemv-fast", "gptq")) {
            assertThat(logits(convert(awq, form))).as(form).isEqualTo(expected);
        }
    }

    @Test
    void blocksOfGgufGiveTheSameLogitsInEveryForm() {
        Path plain = RandomModels.llama(folder.resolve("plain"), Sizes.SMALL, DType.F16, 5);
        Path symmetric = GgufModels.of(plain, BlockType.Q4_0).write(folder.resolve("q4_0.gguf"));
        float[] awq = logits(convertLossy(symmetric, "awq-gemm"));
        assertThat(logits(convertLossy(symmetric, "gptq"))).isEqualTo(awq);
        assertThat(logits(convertLossy(symmetric, "awq-gemv-fast"))).isEqualTo(awq);
        // the file's embedding and output matrix have codes, theirs are float16
        assertThat(relative(awq, logits(symmetric))).isPositive().isLessThan(ROUNDED_HEAD);

        Path biased = GgufModels.of(plain, BlockType.Q4_1).write(folder.resolve("q4_1.gguf"));
        Path fast = convertLossy(biased, "awq-gemv-fast");
        assertThat(errorBetween(biased, fast)).isZero();
        assertThat(relative(logits(fast), logits(biased))).isPositive().isLessThan(ROUNDED_HEAD);
    }

    /** llm-awq saves weights alone, without a word on what they are. */
    @ParameterizedTest
    @ValueSource(strings = {"awq-gemv-fast llama_tiny", "awq-gemv-fast opt_tiny", "awq-gemv llama_tiny"})
    void filesOfLlmAwqAreModels(String formAndModel) throws IOException {
        String[] words = formAndModel.split(" ", -1);
        Path awq = GoldenFiles.path("quantization/" + words[1] + "/autoawq_gemm_ckpt");
        Path converted = convert(awq, words[0]);
        Path original = ModelFolders.copy("quantization/" + words[1], folder.resolve("original"));
        Path file = TorchModels.write(
                converted.resolve("model.safetensors"),
                original.resolve("tiny-w4-g128-awq-v2.pt"),
                name -> words[0].equals("awq-gemv") ? name : name.replace(".qzeros", ".scaled_zeros"));
        try (Checkpoint checkpoint = Checkpoints.open(file)) {
            var stated = checkpoint.quantization().orElseThrow();
            assertThat(stated.groupSize()).isEqualTo(128);
            assertThat(stated.version()).isEqualTo(words[0].equals("awq-gemv") ? "gemv" : "gemv_fast");
        }
        assertThat(logits(file)).isEqualTo(logits(awq));
        assertSameTensors(convert(file, "awq-gemm"), awq);
        try (Checkpoint plain = Checkpoints.open(original)) {
            assertThat(plain.quantization()).as("the folder's own weights").isEmpty();
        }
    }

    private static float[] logits(Path model) {
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
                GoldenModel opened = GoldenModel.open(model, backend)) {
            int[] tokens = RandomModels.tokens(1, 16, 96, 7)[0];
            return opened.run(tokens, 16, KvPrecision.F32).logits();
        }
    }

    private static double relative(float[] found, float[] expected) {
        double error = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            error += ((double) found[i] - expected[i]) * ((double) found[i] - expected[i]);
            norm += (double) expected[i] * expected[i];
        }
        return Math.sqrt(error / norm);
    }

    private Path actOrder() throws IOException {
        Path model = ModelFolders.copy("quantization/llama_tiny/gptq_v1_ckpt", folder.resolve("actorder"));
        Files.delete(model.resolve("quantize_config.json"));
        var sources = new ArrayList<Source>();
        try (Checkpoint checkpoint = Checkpoints.open(GoldenFiles.path("quantization/llama_tiny/gptq_v1_ckpt"))) {
            ConversionSource source = ConversionSource.of(checkpoint);
            for (var matrix : source.matrices()) {
                Weight weight = source.read(matrix);
                if (!(weight.layout() instanceof Grouped)) {
                    sources.add(Source.of(matrix.name() + ".weight", checkpoint.tensor(matrix.name() + ".weight")));
                    continue;
                }
                Weight ordered = ascending(weight);
                var packed = GptqPacking.pack(ordered, GptqPacking.Version.V1);
                sources.add(Source.of(matrix.name() + ".qweight", packed.qweight()));
                sources.add(Source.of(matrix.name() + ".qzeros", packed.qzeros()));
                sources.add(Source.of(matrix.name() + ".scales", packed.scales()));
                sources.add(Source.of(matrix.name() + ".g_idx", packed.groupIndex()));
            }
            for (String name : source.tensors()) {
                sources.add(Source.of(name, checkpoint.tensor(name)));
            }
            SafetensorsWriter.write(model.resolve("model.safetensors"), Map.of("format", "pt"), sources);
        }
        return model;
    }

    /** Every other column is of another group: columns of a group ascend, as GPTQ leaves them. */
    private static Weight ascending(Weight weight) {
        int groups = ((Grouped) weight.layout()).groups(weight.columns());
        int[] inputs = new int[weight.columns()];
        for (int i = 0; i < inputs.length; i++) {
            int size = inputs.length / groups;
            inputs[i] = i % size * groups + i / size;
        }
        return new Weight(
                weight.name(),
                weight.rows(),
                weight.columns(),
                weight.layout(),
                weight.values(),
                weight.scales(),
                weight.zeros(),
                awq4j.weight.InputOrder.of(inputs));
    }

    private Path rtn(Path source, QuantScheme scheme) {
        Path out = source.resolveSibling("rtn" + scheme.bits() + "-" + scheme.symmetric());
        CheckpointQuantizer.run(QuantizeSettings.of(source, out, scheme, MethodChoice.rtn(), null));
        return out;
    }

    private Path convertLossy(Path model, String form) {
        Path out = folder.resolve(model.getFileName() + "-" + form);
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            var conversion = Conversion.of(checkpoint, form, out, false);
            conversion.write(conversion.plan(UNWATCHED), UNWATCHED);
        }
        return out;
    }

    /** Converts what loses nothing by it. */
    private Path convert(Path model, String form) {
        Path out = folder.resolve(model.getFileName() + "-" + form);
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            var conversion = Conversion.of(checkpoint, form, out, false);
            ConversionPlan plan = conversion.plan(UNWATCHED);
            assertThat(plan.reasons()).isEmpty();
            assertThat(plan.exact()).isTrue();
            assertThat(out).doesNotExist();
            conversion.write(plan, UNWATCHED);
        }
        return out;
    }

    private static void assertSameTensors(Path found, Path expected) {
        try (var a = SafetensorsFile.open(found.resolve("model.safetensors"));
                var b = SafetensorsFile.open(expected.resolve("model.safetensors"))) {
            assertThat(a.names()).isEqualTo(b.names());
            for (String name : b.names()) {
                assertThat(a.tensor(name).dtype())
                        .as(name)
                        .isEqualTo(b.tensor(name).dtype());
                assertThat(a.tensor(name).shape())
                        .as(name)
                        .isEqualTo(b.tensor(name).shape());
                assertThat(a.tensor(name).data().mismatch(b.tensor(name).data()))
                        .as(name)
                        .isEqualTo(-1);
            }
        }
    }

    /** Root mean square of the difference of all matrices of blocks, relative to that of the first. */
    private static double errorBetween(Path first, Path second) {
        double error = 0;
        double norm = 0;
        try (Checkpoint a = Checkpoints.open(first);
                Checkpoint b = Checkpoints.open(second)) {
            ConversionSource before = ConversionSource.of(a);
            ConversionSource after = ConversionSource.of(b);
            for (var matrix : before.matrices()) {
                if (matrix.place() != ConversionSource.Place.BLOCK) {
                    continue;
                }
                float[] x = WeightCodec.decode(before.read(matrix));
                float[] y = WeightCodec.decode(after.read(matrix));
                assertThat(y).hasSameSizeAs(x);
                for (int i = 0; i < x.length; i++) {
                    error += ((double) x[i] - y[i]) * ((double) x[i] - y[i]);
                    norm += (double) x[i] * x[i];
                }
            }
        }
        return Math.sqrt(error / norm);
    }
}
