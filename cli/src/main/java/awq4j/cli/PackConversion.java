package awq4j.cli;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.PackedModel;
import awq4j.model.family.Families;
import awq4j.quant.checkpoint.PackedFolder;
import awq4j.weight.PackedMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code awq4j convert --packed}: weights in the order that this machine's kernels read. */
final class PackConversion {
    private final Checkpoint checkpoint;
    private final Path model;
    private final CpuOptions options;
    private final CommonOptions common;

    /** @param model as the user named it */
    PackConversion(Checkpoint checkpoint, Path model, CpuOptions options, CommonOptions common) {
        this.checkpoint = checkpoint;
        this.model = model;
        this.options = options;
        this.common = common;
    }

    /**
     * Converts.
     *
     * @param output null to write beside the model's weights
     */
    void run(@Nullable Path output, boolean force) throws IOException {
        if (checkpoint.packed().isPresent()) {
            throw new Refusal(model + " consists of packed weights already, and nothing else can be made of them");
        }
        if (output == null && Checkpoints.isGguf(checkpoint.path())) {
            throw new Refusal(model + " is a file: give a folder for the packed model as the second argument");
        }
        if (output == null && PackedFile.present(checkpoint.path()) && !force) {
            throw new Refusal(PackedFile.of(checkpoint.path()) + " exists already; --force replaces it");
        }
        long start = System.nanoTime();
        Written written = output == null ? beside() : folder(output, force);
        double seconds = (System.nanoTime() - start) / 1e9;
        common.screen()
                .say("wrote " + written.path + ": " + written.matrices + " matrices, " + Figures.bytes(written.bytes)
                        + ", in " + Figures.fixed(seconds, 1) + " s");
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("output", written.path.toString());
        json.put("form", ConvertCommand.PACKED);
        json.put("matrices", written.matrices);
        json.put("bytes", written.bytes);
        json.put("seconds", seconds);
        common.writeJson(json);
    }

    /** What came of it. */
    private record Written(Path path, int matrices, long bytes) {}

    private Written beside() {
        Interruption interruption = common.interruption();
        Path unfinished = PackedFile.unfinished(checkpoint.path());
        try (var _ = interruption.onInterrupt(() -> delete(unfinished));
                var backend = CpuBackend.open(options)) {
            List<PackedMatrix> matrices = matrices(backend);
            long bytes = PackedFile.write(checkpoint, matrices, interruption::check);
            return new Written(PackedFile.of(checkpoint.path()), matrices.size(), bytes);
        }
    }

    private Written folder(Path to, boolean force) {
        Interruption interruption = common.interruption();
        PackedFolder folder = PackedFolder.of(checkpoint, to, force);
        try (var _ = interruption.onInterrupt(() -> delete(folder));
                var backend = CpuBackend.open(options)) {
            List<PackedMatrix> matrices = matrices(backend);
            long bytes = folder.write(Families.spec(checkpoint), matrices, interruption::check);
            return new Written(to, matrices.size(), bytes);
        }
    }

    private List<PackedMatrix> matrices(CpuBackend backend) {
        List<PackedMatrix> matrices =
                PackedModel.pack(backend, Families.spec(checkpoint), checkpoint, common.interruption()::check);
        if (matrices.isEmpty()) {
            throw new Refusal(nothing(backend));
        }
        return matrices;
    }

    private String nothing(CpuBackend backend) {
        return checkpoint.quantization().isEmpty()
                ? model + " is not quantized: its weights are read where they lie, there is nothing to pack"
                : "kernels " + backend.name() + " read weights as they come, there is nothing to pack; the vector"
                        + " kernels pack them";
    }

    private static void delete(Path unfinished) {
        try {
            Files.deleteIfExists(unfinished);
        } catch (IOException e) {
            System.getLogger(PackConversion.class.getName())
                    .log(System.Logger.Level.WARNING, "cannot remove the unfinished " + unfinished + ": " + e);
        }
    }

    private static void delete(PackedFolder folder) {
        try {
            folder.removeUnfinished();
        } catch (UncheckedIOException e) {
            System.getLogger(PackConversion.class.getName())
                    .log(System.Logger.Level.WARNING, "cannot remove the unfinished " + folder.unfinished() + ": " + e);
        }
    }
}
