package awq4j.cli;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Precision;
import awq4j.quant.checkpoint.ConversionTargets;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
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
            "Write a model's weights in another form, with all else that a model's folder has.",
            "What the form can hold comes out as it went in: the same codes, scales and zeros. If something cannot be"
                    + " held, the command says what and how much is lost, and does it with --lossy only.",
            "--to packed keeps a quantized model's weights in the order that this machine's kernels read, in the file "
                    + PackedFile.NAME
                    + " in the model's folder. From then on the model opens in a moment. The file takes"
                    + " about as much disk as the weights; it may be deleted at any time, and is not used if the weights"
                    + " change or the machine has vectors of another width. With OUT that folder gets all that the model"
                    + " needs to run; machines with vectors of another width cannot read it."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  awq4j convert my-model-gptq my-model-awq --to awq-gemm",
            "  awq4j convert my-model-awq my-model-f16 --to safetensors-f16 --lossy",
            "  awq4j convert my-model-awq --to packed",
            "  awq4j convert my-model-awq my-model-here --to packed"
        })
final class ConvertCommand implements Callable<Integer> {
    /** The form that is this machine's own. */
    static final String PACKED = "packed";

    @Mixin
    private CommonOptions common = new CommonOptions();

    @Parameters(index = "0", paramLabel = "MODEL", description = "Folder or file of a model; only read.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private Path model;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "OUT",
            description = "What to make; it appears when it is complete. --to packed can do without.")
    private @Nullable Path out;

    @Option(
            names = "--to",
            paramLabel = "FORM",
            completionCandidates = Forms.class,
            description = "One of: ${COMPLETION-CANDIDATES}.")
    private @Nullable String form;

    @Option(names = "--packed", description = "The same as --to packed.")
    private boolean packed;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "OUT",
            description = "The same as the second argument.")
    private @Nullable Path output;

    @Option(names = "--lossy", description = "Convert even if something is lost.")
    private boolean lossy;

    @Option(names = "--force", description = "Replace what an earlier run wrote.")
    private boolean force;

    @Mixin
    private KernelOptions kernels = new KernelOptions();

    /** What {@code --to} knows. */
    private static final class Forms implements Iterable<String> {
        static List<String> all() {
            var forms = new ArrayList<>(ConversionTargets.labels());
            forms.add(PACKED);
            return forms;
        }

        @Override
        public Iterator<String> iterator() {
            return all().iterator();
        }
    }

    @Override
    public Integer call() throws IOException {
        var options = kernels.cpu(Precision.W4A8); // that of run and chat; the file serves w4a16 as well
        String to = form();
        Path place = place();
        if (place == null && !to.equals(PACKED)) {
            throw common.wrongUsage("where to? --to " + to + " needs OUT, the second argument");
        }
        common.checkJson();
        try (Checkpoint checkpoint = Checkpoints.open(ModelFolder.of(model))) {
            if (place == null || to.equals(PACKED)) {
                new PackConversion(checkpoint, model, options, common).run(place, force);
            } else {
                new FormConversion(checkpoint, model, common).run(to, place, lossy, force);
            }
        }
        return 0;
    }

    private String form() {
        String forms = String.join(", ", Forms.all());
        if (form == null && !packed) {
            throw common.wrongUsage("convert to what? --to FORM, one of " + forms);
        }
        if (form == null) {
            return PACKED;
        }
        if (packed && !form.equals(PACKED)) {
            throw common.wrongUsage("--packed and --to " + form + ": give one of them");
        }
        if (!Forms.all().contains(form)) {
            throw common.wrongUsage("--to " + form + ": expected one of " + forms);
        }
        return form;
    }

    private @Nullable Path place() {
        if (out != null && output != null) {
            throw common.wrongUsage("OUT and --output are the same: give one of them");
        }
        return out == null ? output : out;
    }
}
