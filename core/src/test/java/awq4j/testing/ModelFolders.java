package awq4j.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Copies of golden models that a test may damage. */
public final class ModelFolders {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private ModelFolders() {}

    /**
     * Copies the files of a golden folder, not what lies below it.
     *
     * @param golden for example {@code models/llama_gqa}
     * @param target created
     * @return {@code target}
     */
    public static Path copy(String golden, Path target) {
        try (Stream<Path> files = Files.list(GoldenFiles.path(golden))) {
            Files.createDirectories(target);
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, target.resolve(file.getFileName()));
            }
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Changes a JSON file, creating it if it is not there. */
    public static void edit(Path file, Consumer<ObjectNode> change) {
        try {
            ObjectNode node = Files.exists(file)
                    ? (ObjectNode) MAPPER.readTree(Files.readAllBytes(file))
                    : MAPPER.createObjectNode();
            change.accept(node);
            Files.write(file, MAPPER.writeValueAsBytes(node));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
