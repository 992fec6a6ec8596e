package awq4j.eval.speed;

import awq4j.format.Config;
import awq4j.model.ModelSpec;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a model looks like, without its weights: all that its speed depends on.
 *
 * @param name for reports
 * @param config in the form of Hugging Face's {@code config.json}
 * @param spec what its family makes of it
 */
public record ModelShape(String name, Config config, ModelSpec spec) {
    /** The shapes that are known by name; any other comes from a {@code config.json}. */
    public static final List<String> NAMES = List.of("tinyllama-1.1b", "llama-3.2-1b", "qwen2.5-0.5b", "llama-2-7b");

    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    /**
     * A shape by its name, or from a file.
     *
     * @param nameOrFile one of {@link #NAMES}, or the path of a {@code config.json}
     * @throws IllegalArgumentException if it is neither; the message lists the names
     * @throws awq4j.format.MalformedFileException if the file is not what it should be
     * @throws awq4j.format.UnsupportedModelException if it names an architecture that is not known
     */
    public static ModelShape of(String nameOrFile) {
        if (NAMES.contains(nameOrFile)) {
            return named(nameOrFile);
        }
        Path file = Path.of(nameOrFile);
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException("shape " + nameOrFile + " is neither one that is known ("
                    + String.join(", ", NAMES) + ") nor a file such as a model's config.json");
        }
        return read(file);
    }

    /**
     * The shape that a {@code config.json} describes, called by the name of its folder, or by its own if that is another.
     *
     * @throws awq4j.format.MalformedFileException if the file is missing or not what it should be
     * @throws awq4j.format.UnsupportedModelException if it names an architecture that is not known
     */
    public static ModelShape read(Path file) {
        String name = String.valueOf(file.toAbsolutePath().normalize().getFileName());
        Path folder = file.toAbsolutePath().normalize().getParent();
        if (name.equals("config.json") && folder != null && folder.getFileName() != null) {
            name = folder.getFileName().toString();
        }
        return of(name.endsWith(".json") ? name.substring(0, name.length() - 5) : name, Config.read(file));
    }

    private static ModelShape named(String name) {
        try (InputStream in = ModelShape.class.getResourceAsStream(name + ".json")) {
            if (in == null) {
                throw new IllegalStateException("shape " + name + " is missing from the program");
            }
            return of(name, Config.of(Path.of(name + ".json"), MAPPER.readTree(in)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ModelShape of(String name, Config config) {
        return new ModelShape(name, config, ConfigOnly.spec(config));
    }
}
