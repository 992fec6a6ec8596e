package awq4j.format.gguf;

import awq4j.format.MalformedFileException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The file of a model, or the parts that llama.cpp splits a large one into: {@code NAME-00001-of-00003.gguf} and so on. The
 * first part has the metadata.
 */
public final class GgufFiles implements AutoCloseable {
    private static final Pattern PART = Pattern.compile("(.+)-(\\d{5})-of-(\\d{5})\\.gguf", Pattern.CASE_INSENSITIVE);
    private static final String NUMBER = "split.no";
    private static final String COUNT = "split.count";
    private static final String TENSORS = "split.tensors.count";

    private final List<GgufFile> files;
    private final Map<String, GgufFile> places;

    private GgufFiles(List<GgufFile> files, Map<String, GgufFile> places) {
        this.files = files;
        this.places = Collections.unmodifiableMap(places);
    }

    /**
     * Maps a file and, if it is a part, all the others.
     *
     * @param path of the file or of any part
     * @throws MalformedFileException if a part is missing, damaged, or belongs to other parts
     * @throws awq4j.format.UnsupportedModelException if a file is of a version that is not read
     */
    public static GgufFiles open(Path path) {
        Matcher name = PART.matcher(String.valueOf(path.getFileName()));
        int count = name.matches() ? Integer.parseInt(name.group(3)) : 1;
        var files = new ArrayList<GgufFile>();
        boolean complete = false;
        try {
            for (int i = 0; i < count; i++) {
                Path part = count == 1 ? path : part(path, name.group(1), i, count);
                if (!Files.exists(part)) {
                    throw new MalformedFileException(
                            path,
                            -1,
                            "is one of " + count + " parts, but " + part.getFileName() + " is missing beside it");
                }
                files.add(GgufFile.open(part));
                checkPart(files.getLast(), i, count);
            }
            var places = new LinkedHashMap<String, GgufFile>();
            for (GgufFile file : files) {
                for (String tensor : file.tensors().keySet()) {
                    if (places.put(tensor, file) != null) {
                        throw new MalformedFileException(
                                file.path(), -1, "tensor " + ByteCursor.shown(tensor) + " is in an earlier part too");
                    }
                }
            }
            checkCount(files.getFirst(), places.size());
            complete = true;
            return new GgufFiles(List.copyOf(files), places);
        } finally {
            if (!complete) {
                files.forEach(GgufFile::close);
            }
        }
    }

    /**
     * The GGUF models of a folder, each by its file or by the first of its parts, sorted. Projectors of images
     * ({@code mmproj}), which are no model alone, are left out.
     */
    public static List<Path> in(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> {
                        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
                        return name.endsWith(".gguf") && !name.startsWith("mmproj");
                    })
                    .map(file -> {
                        Matcher name = PART.matcher(String.valueOf(file.getFileName()));
                        return name.matches() ? part(file, name.group(1), 0, Integer.parseInt(name.group(3))) : file;
                    })
                    .distinct()
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder + ": " + e.getMessage(), e);
        }
    }

    private static Path part(Path path, String stem, int index, int count) {
        return path.resolveSibling(String.format(Locale.ROOT, "%s-%05d-of-%05d.gguf", stem, index + 1, count));
    }

    private static void checkPart(GgufFile file, int index, int count) {
        GgufMetadata metadata = file.metadata();
        int stated = metadata.integer(COUNT, 1);
        if (Math.max(1, stated) != count) {
            throw new MalformedFileException(
                    file.path(),
                    -1,
                    "says that it is one of " + stated + " parts, its name says " + count
                            + (stated > count ? "; parts are named like model-00001-of-00003.gguf" : ""));
        }
        if (count > 1 && metadata.integer(NUMBER) != index) {
            throw metadata.wrong(NUMBER, String.valueOf(index));
        }
    }

    private static void checkCount(GgufFile first, int found) {
        if (first.metadata().has(TENSORS) && first.metadata().integer(TENSORS) != found) {
            throw first.metadata().wrong(TENSORS, found + ", as many as all parts have");
        }
    }

    /** The files in their order. */
    public List<GgufFile> files() {
        return files;
    }

    /** The metadata, which are those of the first file. */
    public GgufMetadata metadata() {
        return files.getFirst().metadata();
    }

    /** Whether there is a tensor of that name. */
    public boolean has(String name) {
        return places.containsKey(name);
    }

    /** The names of all tensors. */
    public java.util.Set<String> names() {
        return places.keySet();
    }

    /**
     * What the header says of a tensor.
     *
     * @throws IllegalArgumentException if there is none of that name
     */
    public GgufTensor tensor(String name) {
        return java.util.Objects.requireNonNull(place(name).tensors().get(name));
    }

    /** The data of a tensor, see {@link GgufFile#data}. */
    public java.lang.foreign.MemorySegment data(String name) {
        return place(name).data(name);
    }

    private GgufFile place(String name) {
        GgufFile file = places.get(name);
        if (file == null) {
            throw new IllegalArgumentException(files.getFirst().path().getFileName() + " has no tensor " + name);
        }
        return file;
    }

    @Override
    public void close() {
        files.forEach(GgufFile::close);
    }
}
