package awq4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code awq4j inspect}: what a model is, what it takes to run and to quantize it, and what is odd about it. */
@Command(
        name = "inspect",
        description = "Show what a model is, what it takes to run or quantize it, and what is odd about its files."
                + " Weights are not read, so it is quick for models of any size.",
        footerHeading = "%nExamples:%n",
        footer = {"  awq4j inspect DIR", "  awq4j inspect DIR --tensors | less", "  awq4j inspect DIR --json facts.json"
        })
final class InspectCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Parameters(
            paramLabel = "MODEL",
            description = "Folder or .gguf file of a model, plain or quantized, one .safetensors file, or ORG/MODEL.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private Path model;

    @Option(names = "--tensors", description = "Also list every tensor: name, type, shape, size.")
    private boolean tensors;

    @Override
    public Integer call() throws IOException {
        Inspection inspection = Inspection.of(model);
        Screen screen = common.screen();
        for (String line : InspectionPage.lines(inspection, tensors, screen.outStyle())) {
            screen.say(line);
        }
        common.writeJson(InspectionJson.of(inspection, tensors));
        return 0;
    }
}
