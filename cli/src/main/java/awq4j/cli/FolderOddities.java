package awq4j.cli;

import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.GenerationConfig;
import awq4j.format.MalformedFileException;
import awq4j.format.safetensors.SafetensorsFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** What is odd about the files of a model folder, though nothing is damaged. */
final class FolderOddities {
    private static final Map<String, String> TYPES =
            Map.of("float64", "F64", "float32", "F32", "float16", "F16", "bfloat16", "BF16");

    private FolderOddities() {}

    static List<String> of(Path folder, Config config, StoredTensors stored) throws IOException {
        var found = new ArrayList<String>();
        if (Checkpoints.isGguf(folder)) {
            endTokens(folder, config, found);
            return found;
        }
        strayFiles(folder, stored, found);
        statedSize(folder, stored, found);
        statedType(config, stored, found);
        endTokens(folder, config, found);
        stored.tensors().stream()
                .filter(row -> row.dtype().startsWith("F8") || row.dtype().startsWith("F4"))
                .findFirst()
                .ifPresent(row -> found.add("tensor " + row.name() + " has element type " + row.dtype()
                        + ", which can be listed but not read"));
        return found;
    }

    private static void strayFiles(Path folder, StoredTensors stored, List<String> found) throws IOException {
        if (Files.exists(folder.resolve(SafetensorsFolder.SINGLE))
                && Files.exists(folder.resolve(SafetensorsFolder.INDEX))) {
            found.add("has both " + SafetensorsFolder.SINGLE + ", which is used, and " + SafetensorsFolder.INDEX
                    + ", which is not");
        }
        try (Stream<Path> files = Files.list(folder)) {
            List<String> stray = files.map(path -> String.valueOf(path.getFileName()))
                    .filter(name -> name.endsWith(".safetensors") || name.endsWith(".tmp") || name.endsWith(".part"))
                    .filter(name -> !stored.files().containsKey(name))
                    .sorted()
                    .toList();
            if (!stray.isEmpty()) {
                found.add("not part of the model: " + Inspection.some(stray, "files"));
            }
        }
    }

    private static void statedSize(Path folder, StoredTensors stored, List<String> found) {
        Path index = folder.resolve(SafetensorsFolder.INDEX);
        if (stored.files().size() < 2 || !Files.isRegularFile(index)) {
            return;
        }
        JsonNode stated = Config.read(index).json().path("metadata").path("total_size");
        if (stated.isNumber() && stated.asLong() != stored.tensorBytes()) {
            found.add("the index states " + Figures.grouped(stated.asLong()) + " bytes of tensors, the shards hold "
                    + Figures.grouped(stored.tensorBytes()));
        }
    }

    private static void statedType(Config config, StoredTensors stored, List<String> found) {
        JsonNode node = config.json().path(config.has("dtype") ? "dtype" : "torch_dtype");
        String type = node.isString() ? TYPES.get(node.asString().toLowerCase(Locale.ROOT)) : null;
        if (type != null && !stored.types().containsKey(type)) {
            found.add("config.json states " + node.asString() + ", no tensor has that type");
        }
    }

    private static void endTokens(Path folder, Config config, List<String> found) {
        try {
            var ends = GenerationConfig.read(folder, config).endTokens();
            JsonNode vocabulary = config.json().path("vocab_size");
            if (ends.isEmpty()) {
                found.add("no eos_token_id is stated: replies end only at their limit of tokens");
            }
            ends.stream()
                    .filter(id -> vocabulary.isInt() && id >= vocabulary.asInt())
                    .forEach(id -> found.add("eos_token_id " + id + " is not below the vocabulary of "
                            + vocabulary.asInt() + " tokens"));
        } catch (MalformedFileException e) {
            found.add(String.valueOf(e.getMessage()));
        }
    }
}
