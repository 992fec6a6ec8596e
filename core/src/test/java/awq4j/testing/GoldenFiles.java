package awq4j.testing;

import java.nio.file.Files;
import java.nio.file.Path;

/** The reference results below {@code core/src/test/resources/golden}, as files. */
public final class GoldenFiles {
    private GoldenFiles() {}

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
