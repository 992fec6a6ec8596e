package awq4j.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The reference results below {@code core/src/test/resources/golden}, as files. */
public final class GoldenFiles {
    private GoldenFiles() {}

    /** All golden models of language, by their folders' names. */
    public static List<String> models() {
        try (Stream<Path> folders = Files.list(path("models"))) {
            return folders.filter(path -> Files.exists(path.resolve("config.v5.json"))
                            && Files.exists(path.resolve("io.safetensors")))
                    .map(path -> path.getFileName().toString())
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Those without experts. */
    public static List<String> denseModels() {
        return models().stream()
                .filter(name -> {
                    try {
                        return !Files.readString(path("models/" + name).resolve("keys.json"))
                                .contains(".experts.");
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                })
                .toList();
    }

    /**
     * A file or folder of the reference results.
     *
     * @param relative for example {@code models/llama_gqa}
     * @throws IllegalStateException if there is none
     */
    public static Path path(String relative) {
        Path path = Repository.root().resolve("core/src/test/resources/golden").resolve(relative);
        if (!Files.exists(path)) {
            throw new IllegalStateException("no golden file " + path);
        }
        return path;
    }
}
