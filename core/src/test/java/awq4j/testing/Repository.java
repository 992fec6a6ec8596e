package awq4j.testing;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where the sources under test lie. */
public final class Repository {
    private Repository() {}

    /**
     * The repository's root: what system property {@code awq4j.root} names, else the nearest folder upwards from the
     * working directory that holds {@code .mvn}.
     *
     * @return an absolute path
     * @throws IllegalStateException if no such folder exists
     */
    public static Path root() {
        String named = System.getProperty("awq4j.root");
        if (named != null) {
            return Path.of(named).toAbsolutePath().normalize();
        }
        Path start = Path.of("").toAbsolutePath();
        for (Path folder = start; folder != null; folder = folder.getParent()) {
            if (Files.isDirectory(folder.resolve(".mvn"))) {
                return folder;
            }
        }
        throw new IllegalStateException("no folder with .mvn at or above " + start);
    }
}
