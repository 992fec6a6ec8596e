package awq4j.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** Reference data that lives beside the repository; tests that want it are skipped where it is absent. */
public final class Shared {
    private Shared() {}

    /**
     * A file or folder of the reference data. Where it does not exist the calling test is skipped, with the reason.
     *
     * @param relative path below the folder that system property {@code awq4j.shared} names; by default {@code shared}
     *     beside the repository
     * @return the existing path, absolute
     */
    public static Path path(String relative) {
        Path path = folder().resolve(relative).toAbsolutePath().normalize();
        Assumptions.assumeTrue(Files.exists(path), () -> "reference data is absent: " + path);
        return path;
    }

    private static Path folder() {
        String named = System.getProperty("awq4j.shared");
        return named == null ? Repository.root().resolve("../shared") : Path.of(named);
    }
}
