package awq4j;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Mutations;
import awq4j.format.Mutations.Outcome;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.Precision;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.PackedModel;
import awq4j.model.Parameters;
import awq4j.model.family.Families;
import awq4j.quant.QuantScheme;
import awq4j.quant.checkpoint.CheckpointQuantizer;
import awq4j.quant.checkpoint.MethodChoice;
import awq4j.quant.checkpoint.PackedFolder;
import awq4j.quant.checkpoint.QuantizeSettings;
import awq4j.tensor.DType;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model that consists of packed weights, damaged: header, metadata and matrices. */
class PackedMutationTest {
    private static final int FILES = 10_000;

    @TempDir
    private Path folder;

    @Test
    void damagedFilesAreReadOrRefused() throws IOException {
        try (Backend backend = CpuBackend.open(new CpuOptions(Arithmetic.VECTOR, Precision.W4A8, 1))) {
            Path model = folder.resolve("packed");
            pack(backend, model);
            Path file = PackedFile.of(model);
            byte[] good = Files.readAllBytes(file);
            int header = 8
                    + Math.toIntExact(
                            ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN).getLong(0));
            Outcome outcome = Mutations.of(good, 31).within(0, header).read(FILES, file, path -> place(backend, model));
            assertThat(outcome.accepted()).isGreaterThan(FILES / 10);
            assertThat(outcome.malformed()).isGreaterThan(FILES / 10);
            assertThat(outcome.unsupported()).isPositive();
        }
    }

    private void pack(Backend backend, Path out) {
        Path plain = RandomModels.llama(folder.resolve("plain"), new Sizes(32, 64, 1, 2, 1, 40, false), DType.F16, 5);
        Path quantized = folder.resolve("quantized");
        var scheme = new QuantScheme(4, 32, false, QuantScheme.Range.REFERENCE);
        CheckpointQuantizer.run(QuantizeSettings.of(plain, quantized, scheme, MethodChoice.rtn(), null));
        try (Checkpoint checkpoint = Checkpoints.open(quantized)) {
            ModelSpec spec = Families.spec(checkpoint);
            PackedFolder.of(checkpoint, out, false)
                    .write(spec, PackedModel.pack(backend, spec, checkpoint, () -> {}), () -> {});
        }
    }

    /** What opening a model does with the file. */
    private static void place(Backend backend, Path model) {
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            ModelSpec spec = Families.spec(checkpoint);
            Optional<PackedFile> file = PackedModel.beside(checkpoint, backend);
            Parameters parameters = Parameters.of(checkpoint, file);
            for (BlockSpec block : spec.blocks()) {
                for (Linear linear : block.linears()) {
                    parameters.packed(backend, linear.name(), linear);
                }
            }
            checkpoint.names().forEach(name -> Mutations.touch(checkpoint.tensor(name)));
        }
    }
}
