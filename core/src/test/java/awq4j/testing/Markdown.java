package awq4j.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The project's Markdown files and the links between them. */
public final class Markdown {
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
    private static final Pattern ELSEWHERE = Pattern.compile("[a-z]+:.*");
    private static final Set<String> NOT_OURS = Set.of("target", "node_modules");

    private Markdown() {}

    /**
     * Every Markdown file, without those that a build wrote and those beside test data.
     *
     * @param root the repository's root
     */
    public static List<Path> files(Path root) {
        try (Stream<Path> walk = Files.walk(root)) {
            return walk.filter(file -> file.toString().endsWith(".md"))
                    .filter(file -> written(root.relativize(file)))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean written(Path file) {
        for (Path part : file) {
            String name = part.toString();
            if (name.startsWith(".") || NOT_OURS.contains(name)) {
                return false;
            }
        }
        return !file.toString().replace('\\', '/').contains("src/test/resources/");
    }

    /**
     * Links that lead nowhere: to a file that does not exist, or to a heading that the file does not have. Links to
     * other sites are not followed.
     *
     * @param root the repository's root, or a folder like it
     * @return {@code file: target} for each, sorted
     */
    public static SortedSet<String> deadLinks(Path root) {
        var dead = new TreeSet<String>();
        for (Path file : files(root)) {
            LINK.matcher(prose(file)).results().map(link -> link.group(1)).forEach(target -> {
                if (!ELSEWHERE.matcher(target).matches() && !leadsSomewhere(file, target)) {
                    dead.add(root.relativize(file) + ": " + target);
                }
            });
        }
        return dead;
    }

    private static boolean leadsSomewhere(Path file, String target) {
        int hash = target.indexOf('#');
        String path = hash < 0 ? target : target.substring(0, hash);
        Path found = path.isEmpty() ? file : file.resolveSibling(path);
        return Files.exists(found) && (hash < 0 || anchors(found).contains(target.substring(hash + 1)));
    }

    /** Headings as GitHub makes anchors of them. */
    private static Set<String> anchors(Path file) {
        var anchors = new TreeSet<String>();
        prose(file)
                .lines()
                .filter(line -> line.startsWith("#"))
                .map(line -> line.replaceFirst("#+\\s*", "")
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-'))
                .forEach(anchors::add);
        return anchors;
    }

    /** The text without fenced code, where brackets mean other things. */
    private static String prose(Path file) {
        try {
            return Files.readString(file).replaceAll("(?ms)^ {0,3}```.*?^ {0,3}```\\s*?$", "");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
