package awq4j.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Finds the model that a command was given, and says what is wrong with an argument that is none. */
final class ModelFolder {
    private static final Pattern HUB_ID = Pattern.compile("[A-Za-z0-9][\\w.-]*/[\\w.-]+");
    private static final List<String> OTHER_FORMATS = List.of(".gguf", ".ggml", ".onnx", ".pth", ".pt", ".ckpt");

    private ModelFolder() {}

    /**
     * The folder that holds {@code config.json}.
     *
     * @param argument as typed; a file of the folder ({@code config.json}, {@code *.safetensors}) will do
     * @throws Refusal if there is no model, with a hint at what there is
     */
    static Path of(Path argument) {
        if (Files.isDirectory(argument)) {
            return checked(argument);
        }
        String name = String.valueOf(argument.getFileName()).toLowerCase(Locale.ROOT);
        if (Files.isRegularFile(argument)) {
            for (String ending : OTHER_FORMATS) {
                if (name.endsWith(ending)) {
                    throw new Refusal(argument + " is a " + ending + " file, which is not supported yet; give a folder"
                            + " with config.json, *.safetensors and tokenizer.json");
                }
            }
            Path parent = argument.toAbsolutePath().getParent();
            if (parent != null && (name.endsWith(".safetensors") || name.endsWith(".json"))) {
                return checked(parent);
            }
            throw new Refusal(
                    argument + " is a file, expected a model folder (config.json, *.safetensors," + " tokenizer.json)");
        }
        if (HUB_ID.matcher(argument.toString()).matches() && !Files.exists(argument.getName(0))) {
            throw new Refusal("there is no folder " + argument + "; if that is a model's name on the Hugging Face hub,"
                    + " download it first (hf download " + argument + " --local-dir FOLDER) and give the folder");
        }
        throw new Refusal("there is no folder " + argument + nearby(argument));
    }

    private static Path checked(Path folder) {
        if (Files.isRegularFile(folder.resolve("config.json"))) {
            return folder;
        }
        String found = folderBelow(folder);
        throw new Refusal(folder + " is not a model folder: it has no config.json"
                + (found.isEmpty() ? "" : "; did you mean " + found + "?"));
    }

    /** The first folder below, at most three levels down, that holds a model; a hub cache nests that deep. */
    private static String folderBelow(Path folder) {
        try (Stream<Path> below =
                Files.find(folder, 4, (path, attributes) -> "config.json".equals(String.valueOf(path.getFileName())))) {
            return below.limit(1000)
                    .sorted()
                    .findFirst()
                    .map(path -> String.valueOf(path.getParent()))
                    .orElse("");
        } catch (IOException | UncheckedIOException e) {
            return ""; // only a hint: what cannot be read cannot be suggested
        }
    }

    private static String nearby(Path missing) {
        Path parent = missing.toAbsolutePath().normalize().getParent();
        Path name = missing.getFileName();
        if (parent == null || name == null || !Files.isDirectory(parent)) {
            return "";
        }
        try (Stream<Path> siblings = Files.list(parent)) {
            return siblings.filter(Files::isDirectory)
                    .map(path -> String.valueOf(path.getFileName()))
                    .filter(other -> Spelling.distance(other, name.toString())
                            <= Math.max(other.length() / 4, Math.min(2, other.length() / 2)))
                    .sorted()
                    .findFirst()
                    .map(other -> "; did you mean " + missing.resolveSibling(other) + "?")
                    .orElse("");
        } catch (IOException | UncheckedIOException e) {
            return "";
        }
    }
}
