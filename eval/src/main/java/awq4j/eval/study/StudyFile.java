package awq4j.eval.study;

import awq4j.eval.Estimate;
import awq4j.format.Checkpoint;
import awq4j.format.MalformedFileException;
import awq4j.format.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The points that an unfinished study has so far, in a hidden file beside its output: {@code .NAME.partial}.
 *
 * <p>The first line says what is studied with which settings, each further one is a point. Lines are only added, so the
 * process may end at any moment; an incomplete last line is as if it had never been written.
 */
public final class StudyFile implements AutoCloseable {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final int VERSION = 1;

    private final Path file;
    private final FileChannel channel;
    private final Map<Map<String, String>, List<Row>> points = new LinkedHashMap<>();

    private StudyFile(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /** Where a study that makes {@code output} keeps what it has. */
    public static Path beside(Path output) {
        return output.toAbsolutePath().resolveSibling("." + output.getFileName() + ".partial");
    }

    /**
     * Opens the file, which is created if need be, and keeps others out.
     *
     * @param output what the study makes
     * @param run what is studied, in words; an unfinished study with other words is refused
     * @param restart whether to forget an unfinished study
     * @throws IllegalArgumentException if there is an unfinished study of another kind, or one is at work
     * @throws UncheckedIOException if the file cannot be written
     */
    public static StudyFile open(Path output, SortedMap<String, String> run, boolean restart) {
        Path file = beside(output);
        try {
            FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            boolean opened = false;
            try {
                if (lock(channel) == null) {
                    throw new IllegalArgumentException("another process is making " + output + " right now");
                }
                var study = new StudyFile(file, channel);
                if (restart) {
                    channel.truncate(0);
                }
                study.adopt(run);
                opened = true;
                return study;
            } finally {
                if (!opened) {
                    channel.close();
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static @Nullable FileLock lock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null;
        }
    }

    private void adopt(SortedMap<String, String> run) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        int whole = bytes.length;
        while (whole > 0 && bytes[whole - 1] != '\n') {
            whole--;
        }
        channel.truncate(whole);
        channel.position(whole);
        List<String> lines =
                new String(bytes, 0, whole, StandardCharsets.UTF_8).lines().toList();
        if (lines.isEmpty()) {
            begin(run);
            return;
        }
        try {
            JsonNode header = MAPPER.readTree(lines.getFirst());
            var found = new TreeMap<>(texts(header.path("run")));
            boolean same = header.path("version").asInt(-1) == VERSION && found.equals(run);
            if (!same && lines.size() == 1) { // nothing is lost
                channel.truncate(0);
                begin(run);
                return;
            }
            if (!same) {
                throw new IllegalArgumentException(file + " holds an unfinished study with other settings ("
                        + differences(found, run) + "): run it again with those, or start over with --restart");
            }
            for (String line : lines.subList(1, lines.size())) {
                JsonNode point = MAPPER.readTree(line);
                var rows = new ArrayList<Row>();
                point.path("rows").forEach(row -> rows.add(new Row(texts(row.path("labels")), numbers(row))));
                points.put(texts(point.path("point")), rows);
            }
        } catch (JacksonException e) {
            throw new MalformedFileException(
                    file,
                    -1,
                    "is not the work file of an unfinished study: take it away, or start over with --restart");
        }
    }

    private void begin(SortedMap<String, String> run) throws IOException {
        var header = new LinkedHashMap<String, Object>();
        header.put("version", VERSION);
        header.put("run", run);
        append(header);
    }

    /** The rows of a point, null if it is not finished. */
    @Nullable
    List<Row> rows(Point point) {
        return points.get(point.labels());
    }

    /** Keeps the rows of a point. */
    void keep(Point point, List<Row> rows) {
        var line = new LinkedHashMap<String, Object>();
        line.put("point", point.labels());
        line.put("rows", rows.stream().map(StudyFile::json).toList());
        try {
            append(line);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        points.put(point.labels(), rows);
    }

    /** A row as it stands in JSON: numbers are [value, standard error], null where there is none. */
    public static Map<String, Object> json(Row row) {
        var numbers = new LinkedHashMap<String, Object>();
        row.numbers().forEach((key, number) -> numbers.put(key, pair(number)));
        var json = new LinkedHashMap<String, Object>();
        json.put("labels", row.labels());
        json.put("numbers", numbers);
        return json;
    }

    @SuppressWarnings("NullAway") // a JSON null
    private static Object[] pair(Estimate number) {
        return new Object[] {
            Double.isFinite(number.value()) ? number.value() : null,
            Double.isFinite(number.standardError()) ? number.standardError() : null
        };
    }

    private static Map<String, Estimate> numbers(JsonNode row) {
        var numbers = new LinkedHashMap<String, Estimate>();
        for (String key : row.path("numbers").propertyNames()) {
            JsonNode pair = row.path("numbers").path(key);
            numbers.put(
                    key,
                    new Estimate(pair.path(0).asDouble(Double.NaN), pair.path(1).asDouble(Double.NaN)));
        }
        return numbers;
    }

    private static Map<String, String> texts(JsonNode node) {
        var texts = new LinkedHashMap<String, String>();
        node.propertyNames().forEach(key -> texts.put(key, node.path(key).asString("")));
        return texts;
    }

    private void append(Map<String, Object> line) throws IOException {
        byte[] bytes = (MAPPER.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
        channel.force(true);
    }

    private static String differences(Map<String, String> found, Map<String, String> wanted) {
        var keys = new TreeSet<>(found.keySet());
        keys.addAll(wanted.keySet());
        var texts = new ArrayList<String>();
        for (String key : keys) {
            String before = found.getOrDefault(key, "none");
            String now = wanted.getOrDefault(key, "none");
            if (!before.equals(now)) {
                texts.add(key + " was " + brief(before) + ", is " + brief(now));
            }
        }
        return texts.isEmpty() ? "made by another version of the program" : String.join("; ", texts);
    }

    private static String brief(String value) {
        return value.length() > 40 ? value.substring(0, 12) + "..." : value;
    }

    /** The hash of a text. */
    static String sha256(String text) {
        return HexFormat.of().formatHex(Sha256.begin().digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    /** The hash of the files that say what a model is. */
    public static String sha256(Checkpoint checkpoint) {
        MessageDigest digest = Sha256.begin();
        byte[] piece = new byte[1 << 20];
        try {
            for (Path part : checkpoint.files()) {
                try (InputStream in = Files.newInputStream(part)) {
                    for (int read = in.read(piece); read > 0; read = in.read(piece)) {
                        digest.update(piece, 0, read);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Deletes the file: the study is finished, and its results lie elsewhere. */
    public void remove() {
        close();
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Leaves the file as it is; one without points is taken away. */
    @Override
    public void close() {
        try {
            channel.close(); // gives the lock back
            if (points.isEmpty()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
