package awq4j.cli;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.Precision;
import awq4j.model.PackedModel;
import awq4j.model.family.Families;
import awq4j.weight.PackedMatrix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.Callable;
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
                    + " weights change or the machine has vectors of another width."
        },
        footerHeading = "%nExample:%n",
        footer = {"  awq4j convert my-model-awq --packed"})
final class ConvertCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Parameters(paramLabel = "MODEL", description = "Folder of a quantized model; the file is written into it.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private Path model;

    @Option(names = "--packed", description = "The form to convert to; so far there is one.")
    private boolean packed;

    @Option(names = "--force", description = "Replace a file that an earlier run wrote.")
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
        Path file = PackedFile.of(folder);
        if (PackedFile.present(folder) && !force) {
            throw new Refusal(file + " exists already; --force replaces it");
        }
        long start = System.nanoTime();
        Interruption interruption = common.interruption();
        Path unfinished = PackedFile.unfinished(folder);
        long bytes;
        int count;
        try (var _ = interruption.onInterrupt(() -> delete(unfinished));
                Checkpoint checkpoint = Checkpoints.open(folder);
                var backend = CpuBackend.open(options)) {
            List<PackedMatrix> matrices =
                    PackedModel.pack(backend, Families.spec(checkpoint), checkpoint, interruption::check);
            if (matrices.isEmpty()) {
                throw new Refusal(nothing(checkpoint, backend));
            }
            count = matrices.size();
            bytes = PackedFile.write(checkpoint, matrices, interruption::check);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        common.screen()
                .say("wrote " + file + ": " + count + " matrices, " + Figures.bytes(bytes) + ", in "
                        + Figures.fixed(seconds, 1) + " s");
        var json = new LinkedHashMap<String, Object>();
        json.put("output", file.toString());
        json.put("matrices", count);
        json.put("bytes", bytes);
        json.put("seconds", seconds);
        common.writeJson(json);
        return 0;
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
}
