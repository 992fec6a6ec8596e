package awq4j.cli;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.Precision;
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
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code awq4j convert}: the same weights in another form. */
@Command(
        name = "convert",
        description = {
            "Keep a quantized model's weights in the order that this machine's kernels read, in the file "
                    + PackedFile.NAME + " in the model's folder. From then on the model opens in a moment.",
            "The file takes about as much disk as the weights. It may be deleted at any time, and is not used if the"
                    + " weights change or the machine has vectors of another width.",
            "With --output the folder gets all that the model needs to run, and the weights that it was made from are"
                    + " not needed any more; machines with vectors of another width cannot read it."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  awq4j convert my-model-awq --packed",
            "  awq4j convert my-model-awq --packed --output my-model-here"
        })
final class ConvertCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Parameters(paramLabel = "MODEL", description = "Folder or .gguf file of a quantized model.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private Path model;

    @Option(names = "--packed", description = "The form to convert to; so far there is one.")
    private boolean packed;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "DIR",
            description = "Folder for a model that needs no other; default: the file is written into MODEL.")
    private @Nullable Path output;

    @Option(names = "--force", description = "Replace what an earlier run wrote.")
    private boolean force;

    @Mixin
    private KernelOptions kernels = new KernelOptions();

    @Override
    public Integer call() throws IOException {
        var options = kernels.cpu(Precision.W4A8); // that of run and chat; the file serves w4a16 as well
        if (!packed) {
            throw common.wrongUsage("convert to what? So far there is --packed");
        }
        Path folder = ModelFolder.of(model);
        long start = System.nanoTime();
        Written written;
        try (Checkpoint checkpoint = Checkpoints.open(folder)) {
            if (checkpoint.packed().isPresent()) {
                throw new Refusal(model + " consists of packed weights already, and nothing else can be made of them");
            }
            if (output == null && Checkpoints.isGguf(folder)) {
                throw new Refusal(model + " is a file: give a folder for the packed model with --output");
            }
            if (output == null && PackedFile.present(folder) && !force) {
                throw new Refusal(PackedFile.of(folder) + " exists already; --force replaces it");
            }
            written = output == null ? beside(checkpoint, options) : folder(checkpoint, output, options);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        common.screen()
                .say("wrote " + written.path + ": " + written.matrices + " matrices, " + Figures.bytes(written.bytes)
                        + ", in " + Figures.fixed(seconds, 1) + " s");
        var json = new LinkedHashMap<String, Object>();
        json.put("output", written.path.toString());
        json.put("matrices", written.matrices);
        json.put("bytes", written.bytes);
        json.put("seconds", seconds);
        common.writeJson(json);
        return 0;
    }

    /** What came of it. */
    private record Written(Path path, int matrices, long bytes) {}

    private Written beside(Checkpoint checkpoint, CpuOptions options) {
        Interruption interruption = common.interruption();
        Path unfinished = PackedFile.unfinished(checkpoint.path());
        try (var _ = interruption.onInterrupt(() -> delete(unfinished));
                var backend = CpuBackend.open(options)) {
            List<PackedMatrix> matrices = matrices(checkpoint, backend);
            long bytes = PackedFile.write(checkpoint, matrices, interruption::check);
            return new Written(PackedFile.of(checkpoint.path()), matrices.size(), bytes);
        }
    }

    private Written folder(Checkpoint checkpoint, Path to, CpuOptions options) {
        Interruption interruption = common.interruption();
        PackedFolder folder = PackedFolder.of(checkpoint, to, force);
        try (var _ = interruption.onInterrupt(() -> delete(folder));
                var backend = CpuBackend.open(options)) {
            List<PackedMatrix> matrices = matrices(checkpoint, backend);
            long bytes = folder.write(Families.spec(checkpoint), matrices, interruption::check);
            return new Written(to, matrices.size(), bytes);
        }
    }

    private List<PackedMatrix> matrices(Checkpoint checkpoint, CpuBackend backend) {
        List<PackedMatrix> matrices =
                PackedModel.pack(backend, Families.spec(checkpoint), checkpoint, common.interruption()::check);
        if (matrices.isEmpty()) {
            throw new Refusal(nothing(checkpoint, backend));
        }
        return matrices;
    }

    private String nothing(Checkpoint checkpoint, CpuBackend backend) {
        return checkpoint.quantization().isEmpty()
                ? model + " is not quantized: its weights are read where they lie, there is nothing to pack"
                : "kernels " + backend.name() + " read weights as they come, there is nothing to pack; the vector"
                        + " kernels pack them";
    }

    private static void delete(Path unfinished) {
        try {
            Files.deleteIfExists(unfinished);
        } catch (IOException e) {
            System.getLogger(ConvertCommand.class.getName())
                    .log(System.Logger.Level.WARNING, "cannot remove the unfinished " + unfinished + ": " + e);
        }
    }

    private static void delete(PackedFolder folder) {
        try {
            folder.removeUnfinished();
        } catch (UncheckedIOException e) {
            System.getLogger(ConvertCommand.class.getName())
                    .log(System.Logger.Level.WARNING, "cannot remove the unfinished " + folder.unfinished() + ": " + e);
        }
    }
}
