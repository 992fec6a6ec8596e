package awq4j.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The project's Java sources, all modules, tests included. */
public final class SourceFiles {
    /** {@code core/src}, {@code integrations/spark/src}. */
    private static final int DEPTH_OF_SRC = 3;

    private SourceFiles() {}

    /**
     * Sources with more lines than a limit.
     *
     * @param root the repository's root, or a folder of modules shaped like it
     * @param lines the longest length that is still fine
     * @return {@code path: n lines} for each, sorted
     */
    public static List<String> longerThan(Path root, int lines) {
        return below(root).stream()
                .filter(file -> length(file) > lines)
                .map(file -> root.relativize(file) + ": " + length(file) + " lines")
                .toList();
    }

    /**
     * Every Java source of every module.
     *
     * @param root as for {@link #longerThan}
     * @return paths, sorted
     */
    public static List<Path> below(Path root) {
        try (Stream<Path> folders = Files.find(root, DEPTH_OF_SRC, (path, kind) -> kind.isDirectory())) {
            return folders.filter(folder -> folder.endsWith("src"))
                    .flatMap(SourceFiles::java)
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Stream<Path> java(Path sources) {
        try (Stream<Path> files = Files.walk(sources)) {
            return files.filter(file -> file.toString().endsWith(".java")).toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long length(Path file) {
        try (Stream<String> lines = Files.lines(file)) {
            return lines.count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
