package awq4j.cli;

import awq4j.demo.DemoModel;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What the launcher has a new build run once, so that the start-up cache holds the classes of an ordinary run, and what
 * the compiler learned of the methods that open quantized models (JEP 515); and the tokenizer's native code is unpacked.
 *
 * <p>On scalar kernels: a cache cannot hold classes that name the Vector API's unless an option named its module.
 */
final class Rehearsal {
    private Rehearsal() {}

    /**
     * Runs a few commands to nobody's eyes, and ends like the program.
     *
     * @param arguments not looked at
     */
    public static void main(String[] arguments) throws IOException {
        var nowhere = new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
        var screen = new Screen(InputStream.nullInputStream(), nowhere, nowhere, false, false);
        var interruption = new Interruption();
        try (WorkingFolder folder = WorkingFolder.create(null, interruption)) {
            Path model = DemoModel.unpack(folder.path().resolve("model"));
            Main.execute(screen, interruption, "no-such-command");
            for (List<String> command : commands(model, folder.path())) {
                Main.execute(screen, interruption, command.toArray(String[]::new));
            }
        }
        Main.main(new String[] {"--version"});
    }

    /**
     * The commands, each of which succeeds.
     *
     * @param model the demo model
     * @param folder where others are made
     */
    static List<List<String>> commands(Path model, Path folder) {
        String plain = model.toString();
        String awq = folder.resolve("awq").toString();
        String gptq = folder.resolve("gptq").toString();
        String gguf = folder.resolve("model.gguf").toString();
        var commands = new ArrayList<List<String>>();
        commands.add(List.of("--help"));
        commands.add(run(plain));
        commands.add(List.of("quantize", plain, "--out", awq, "--method", "rtn", "--kernels", "scalar"));
        commands.add(List.of("convert", awq, gptq, "--to", "gptq"));
        commands.add(List.of("convert", plain, gguf, "--to", "gguf-q4_0", "--lossy"));
        for (String quantized : List.of(awq, gptq, gguf)) {
            commands.add(run(quantized));
        }
        return commands;
    }

    private static List<String> run(String model) {
        return List.of("run", model, "--prompt", "Once", "--max-tokens", "2", "--kernels", "scalar");
    }
}
