package awq4j.demo;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** The small Llama that ships with the project, and texts for it. Weights want a file to be mapped from: unpack them. */
public final class DemoModel {
    private static final List<String> FILES = List.of(
            "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json");

    private DemoModel() {}

    /** The names of the files that make up the model's folder. */
    public static List<String> files() {
        return FILES;
    }

    /**
     * Writes the model's folder, whole or not at all: under another name beside it, which then becomes {@code folder}.
     *
     * @param folder does not exist yet; its parent does
     * @return {@code folder}
     * @throws FileAlreadyExistsException if it does exist
     * @throws IOException if it cannot be written; nothing is left then
     */
    public static Path unpack(Path folder) throws IOException {
        if (Files.exists(folder)) {
            throw new FileAlreadyExistsException(folder.toString());
        }
        Path draft = Files.createTempDirectory(folder.toAbsolutePath().getParent(), ".demo-model-");
        try {
            for (String name : FILES) {
                try (InputStream in = resource(name)) {
                    Files.copy(in, draft.resolve(name));
                }
            }
            Files.move(draft, folder, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            for (String name : FILES) {
                Files.deleteIfExists(draft.resolve(name));
            }
            Files.deleteIfExists(draft);
        }
        return folder;
    }

    /** Text of the kind the model was trained on that it has not seen: more than 40,000 tokens. */
    public static String heldOut() throws IOException {
        return text("heldout.txt");
    }

    /** Other text of that kind, for calibration; none of it is in {@link #heldOut}. */
    public static String calibration() throws IOException {
        return text("calibration.txt");
    }

    private static String text(String name) throws IOException {
        try (InputStream in = resource(name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static InputStream resource(String name) throws IOException {
        InputStream in = DemoModel.class.getResourceAsStream(name);
        if (in == null) {
            throw new FileNotFoundException("resource " + name + " of " + DemoModel.class.getModule());
        }
        return in;
    }
}
