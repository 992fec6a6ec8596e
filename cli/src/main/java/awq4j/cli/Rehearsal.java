package awq4j.cli;

import awq4j.demo.DemoModel;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the launcher has a new build run once, so that the start-up cache holds the classes of an ordinary run, and the
 * tokenizer's native code is unpacked.
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
        Path folder = Files.createTempDirectory("awq4j-rehearsal-");
        Path model = DemoModel.unpack(folder.resolve("model"));
        try {
            Main.execute(screen, new Interruption(), "--help");
            Main.execute(screen, new Interruption(), "no-such-command");
            String[] run = {"run", model.toString(), "--prompt", "Once", "--max-tokens", "2", "--kernels", "scalar"};
            Main.execute(screen, new Interruption(), run);
        } finally {
            for (String file : DemoModel.files()) {
                Files.delete(model.resolve(file));
            }
            Files.delete(model);
            Files.delete(folder);
        }
        Main.main(new String[] {"--version"});
    }
}
