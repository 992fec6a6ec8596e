package awq4j.quant.calibration;

import awq4j.format.MalformedFileException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * The texts of a calibration source, in the source's order.
 *
 * <ul>
 *   <li>JSON lines ({@code .jsonl}, {@code .ndjson}): one text a line, the string in a field of the line's object.
 *   <li>Any other file is plain text, cut into passages at line ends: lines are added to a passage until it has
 *       {@value #PASSAGE_CHARACTERS} characters; a line longer than twice that is cut at white space first.
 *   <li>A folder: its {@code .txt}, {@code .md}, {@code .jsonl} and {@code .ndjson} files, also those in folders below,
 *       in the order of their paths.
 *   <li>The built-in set: prose, dialogue, code, data and several languages, see the README beside the resource.
 * </ul>
 *
 * @param source where they come from, for the report
 * @param sha256 of the source's bytes, as 64 hexadecimal digits
 * @param texts as read, not trimmed
 */
public record CalibrationTexts(String source, String sha256, List<Text> texts) {
    /** The name of the built-in set. */
    public static final String BUILTIN = "builtin";

    /** The field of a line of JSON that holds the text, unless told otherwise. */
    public static final String DEFAULT_FIELD = "text";

    /** Characters after which a passage of plain text ends with its line: two or three hundred tokens of English. */
    static final int PASSAGE_CHARACTERS = 1000;

    /** A few hundred texts are wanted; a file beyond this is somebody's whole corpus and would fill the heap. */
    private static final long MAX_BYTES = 256L << 20;

    private static final String RESOURCE = "builtin.jsonl";

    /** Copies the list. */
    public CalibrationTexts {
        texts = List.copyOf(texts);
    }

    /**
     * One text.
     *
     * @param passage whether it is a piece of a longer text, so that cutting it once more does no harm; a document of
     *     its own is used whole or not at all
     */
    public record Text(String text, boolean passage) {}

    /** The set that ships with the library; it needs no file and no network. */
    public static CalibrationTexts builtin() {
        try (InputStream in = CalibrationTexts.class.getResourceAsStream(RESOURCE)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + RESOURCE + " is missing from the library's jar");
            }
            byte[] bytes = in.readAllBytes();
            Path name = Path.of(RESOURCE);
            List<Text> texts = JsonLines.read(name, utf8(name, bytes), DEFAULT_FIELD).stream()
                    .map(text -> new Text(text.text(), true)) // most are longer than a short sequence
                    .toList();
            return new CalibrationTexts(BUILTIN, new Digest().update(bytes).hex(), texts);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Reads a file or a folder.
     *
     * @param field of a JSON line that holds the text
     * @throws MalformedFileException if a file is not UTF-8, or a line of JSON lacks the field
     * @throws IllegalArgumentException if there is no text file, or too much text
     * @throws UncheckedIOException if something cannot be read
     */
    public static CalibrationTexts read(Path path, String field) {
        try {
            if (!Files.exists(path)) {
                throw new NoSuchFileException(path.toString());
            }
            List<Path> files = Files.isDirectory(path) ? textFiles(path) : List.of(path);
            long bytes = 0;
            for (Path file : files) {
                bytes += Files.size(file);
            }
            if (bytes > MAX_BYTES) {
                throw new IllegalArgumentException(path + " has " + (bytes >> 20) + " MiB of text, at most "
                        + (MAX_BYTES >> 20) + " are read; a few thousand texts are plenty: give a part of it");
            }
            var digest = new Digest();
            var texts = new ArrayList<Text>();
            for (Path file : files) {
                byte[] content = Files.readAllBytes(file);
                digest.update(content);
                texts.addAll(textsOf(file, utf8(file, content), field));
            }
            return new CalibrationTexts(path.toString(), digest.hex(), texts);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Text> textsOf(Path file, String content, String field) {
        return isJsonLines(file) ? JsonLines.read(file, content, field) : Passages.of(content);
    }

    private static List<Path> textFiles(Path folder) throws IOException {
        try (Stream<Path> paths = Files.walk(folder)) {
            List<Path> files = paths.filter(Files::isRegularFile)
                    .filter(file -> isJsonLines(file) || ends(file, ".txt") || ends(file, ".md"))
                    .sorted()
                    .toList();
            if (files.isEmpty()) {
                throw new IllegalArgumentException(
                        "folder " + folder + " has no calibration text: expected .txt, .md, .jsonl or .ndjson files");
            }
            return files;
        }
    }

    private static boolean isJsonLines(Path file) {
        return ends(file, ".jsonl") || ends(file, ".ndjson");
    }

    private static boolean ends(Path file, String ending) {
        return String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT).endsWith(ending);
    }

    private static String utf8(Path file, byte[] bytes) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new MalformedFileException(file, -1, "expected calibration text in UTF-8, found other bytes");
        }
    }
}
