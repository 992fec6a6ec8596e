package awq4j.cli.hub;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The folder in which Python's {@code huggingface_hub} keeps models, laid out as it does: what either downloads, the
 * other finds.
 *
 * <pre>
 * models--ORG--MODEL/
 *   blobs/HASH                      contents, by their SHA-256 or Git hash; HASH.incomplete while they arrive
 *   refs/REVISION                   which commit a branch or tag was when it was last asked for
 *   snapshots/COMMIT/FILE           links into blobs, or the files themselves where links cannot be made
 *   .no_exist/COMMIT/FILE           empty: Python asked for the file, and the hub has none in that commit
 * </pre>
 *
 * @param folder usually {@code ~/.cache/huggingface/hub}
 */
public record HubCache(Path folder) {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final Pattern SNAPSHOT = Pattern.compile("/models--([^/]+)/snapshots/[0-9a-f]{40}$");
    private static final List<String> INDEXES = List.of("model.safetensors.index.json", "pytorch_model.bin.index.json");
    private static final List<String> WEIGHTS = List.of(".safetensors", ".bin", ".gguf", ".pt", ".pth");

    /**
     * The folder of a model's files.
     *
     * @return empty if nothing of this revision was downloaded; else a folder that may lack files, see {@link #missing}
     */
    public Optional<Path> find(ModelName name) {
        return commit(name).map(commit -> snapshot(name, commit)).filter(Files::isDirectory);
    }

    /** The name of the model whose snapshot a folder is; empty if it is a folder of another kind. */
    public static Optional<String> idOf(Path folder) {
        Matcher snapshot =
                SNAPSHOT.matcher(folder.toAbsolutePath().normalize().toString().replace('\\', '/'));
        return snapshot.find() ? Optional.of(snapshot.group(1).replace("--", "/")) : Optional.empty();
    }

    /** The revisions of a model of which there is something, sorted; for hints. */
    public List<String> revisions(ModelName name) {
        var found = new TreeSet<String>();
        for (String part : List.of("refs", "snapshots")) {
            Path below = model(name).resolve(part);
            if (Files.isDirectory(below)) {
                try (Stream<Path> files = Files.list(below)) {
                    files.forEach(file -> found.add(String.valueOf(file.getFileName())));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }
        return List.copyOf(found);
    }

    /**
     * What a snapshot lacks to be a model that can be opened: an interrupted download leaves such.
     *
     * @return a file's name or {@code its weights}; empty if nothing is missing
     */
    public static Optional<String> missing(Path snapshot) {
        List<String> weights = weights(snapshot);
        if (weights.stream().noneMatch(name -> name.toLowerCase(Locale.ROOT).endsWith(".gguf"))
                && !Files.exists(snapshot.resolve("config.json"))) {
            return Optional.of("config.json");
        }
        for (String index : INDEXES) {
            Path file = snapshot.resolve(index);
            if (Files.isRegularFile(file)) {
                return shards(file).stream()
                        .filter(shard -> !Files.exists(snapshot.resolve(shard)))
                        .findFirst();
            }
        }
        if (weights.isEmpty()) {
            return Optional.of("its weights");
        }
        return weights.stream()
                .filter(name -> !Files.exists(snapshot.resolve(name)))
                .findFirst();
    }

    /** Whether Python's library has noted that the hub has no such file in a snapshot's commit. */
    public static boolean isKnownAbsent(Path snapshot, String file) {
        return Files.isRegularFile(absence(snapshot, file));
    }

    /** Removes such a note of a file that is there: Python reads it first, and would not find the file. */
    static void forgetAbsence(Path snapshot, String file) throws IOException {
        Files.deleteIfExists(absence(snapshot, file));
    }

    private static Path absence(Path snapshot, String file) {
        return snapshot.toAbsolutePath()
                .resolve("../../.no_exist/" + snapshot.getFileName() + "/" + file)
                .normalize();
    }

    /** The GGUF file, the first of its parts, that is all of a model: one without a configuration beside it. */
    public static Optional<Path> gguf(Path snapshot) {
        if (Files.exists(snapshot.resolve("config.json"))) {
            return Optional.empty();
        }
        try (Stream<Path> files = Files.list(snapshot)) {
            return files.filter(file -> String.valueOf(file.getFileName())
                            .toLowerCase(Locale.ROOT)
                            .endsWith(".gguf"))
                    .min(Comparator.naturalOrder());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether there are files of weights in a folder, by their names. */
    public static boolean hasWeights(Path folder) {
        return !weights(folder).isEmpty();
    }

    private static List<String> weights(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(HubCache::holdsWeights)
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean holdsWeights(String file) {
        String name = file.toLowerCase(Locale.ROOT);
        return WEIGHTS.stream().anyMatch(name::endsWith);
    }

    /** The files that an index names; none if it is damaged: who opens the model says what is wrong with it. */
    private static TreeSet<String> shards(Path index) {
        var shards = new TreeSet<String>();
        try {
            JsonNode map = MAPPER.readTree(Files.readAllBytes(index)).path("weight_map");
            map.valueStream().filter(JsonNode::isString).map(JsonNode::asString).forEach(shards::add);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (JacksonException e) {
            shards.clear();
        }
        shards.removeIf(shard -> !RemoteFile.isSafe(shard));
        return shards;
    }

    /** The commit that a revision was when it was last asked for. */
    private Optional<String> commit(ModelName name) {
        Path ref = ref(name);
        if (Files.isRegularFile(ref)) {
            try {
                String commit =
                        Files.readString(ref, StandardCharsets.ISO_8859_1).strip();
                return ModelName.isCommit(commit) ? Optional.of(commit) : Optional.empty();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return name.isCommit() ? Optional.of(name.revision()) : Optional.empty();
    }

    Path model(ModelName name) {
        return folder.resolve("models--" + name.id().replace("/", "--"));
    }

    Path snapshot(ModelName name, String commit) {
        return model(name).resolve("snapshots").resolve(commit);
    }

    Path blob(ModelName name, RemoteFile file) {
        return model(name).resolve("blobs").resolve(file.hash());
    }

    private Path ref(ModelName name) {
        return model(name).resolve("refs").resolve(name.revision());
    }

    /** Remembers which commit a branch or tag is. */
    void writeRef(ModelName name, String commit) throws IOException {
        Path ref = ref(name);
        if (name.revision().equals(commit)
                || commit(name).filter(commit::equals).isPresent()) {
            return;
        }
        Files.createDirectories(ref.getParent());
        Path draft = ref.resolveSibling(
                "." + ref.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
        Files.writeString(draft, commit, StandardCharsets.ISO_8859_1);
        Files.move(draft, ref, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }
}
