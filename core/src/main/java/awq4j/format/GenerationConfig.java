package awq4j.format;

import awq4j.format.gguf.GgufFiles;
import awq4j.format.gguf.GgufMetadata;
import awq4j.format.gguf.SamplingKeys;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * What {@code generation_config.json} recommends; a model without the file recommends nothing.
 *
 * @param endTokens ids that end a reply: its own {@code eos_token_id} (one or a list), else that of config.json
 * @param sample whether sampling is meant, {@code do_sample}
 */
public record GenerationConfig(
        Set<Integer> endTokens,
        boolean sample,
        OptionalDouble temperature,
        OptionalDouble topP,
        Optional<Integer> topK,
        OptionalDouble minP,
        OptionalDouble repetitionPenalty) {
    /** The file's name. */
    public static final String FILE = "generation_config.json";

    /** Copies the set. */
    public GenerationConfig {
        endTokens = Set.copyOf(endTokens);
    }

    /**
     * Reads the recommendation of a model folder, or of a GGUF file.
     *
     * @param config its config.json
     * @throws MalformedFileException if the file is there and damaged
     */
    public static GenerationConfig read(Path folder, Config config) {
        if (Checkpoints.isGguf(folder)) {
            try (GgufFiles files = GgufFiles.open(folder)) {
                return of(files.metadata(), config);
            }
        }
        Path path = folder.resolve(FILE);
        if (!Files.isRegularFile(path)) {
            return new GenerationConfig(
                    endTokens(config),
                    false,
                    OptionalDouble.empty(),
                    OptionalDouble.empty(),
                    Optional.empty(),
                    OptionalDouble.empty(),
                    OptionalDouble.empty());
        }
        Config own = Config.read(path);
        Set<Integer> ends = own.has("eos_token_id") ? endTokens(own) : endTokens(config);
        return new GenerationConfig(
                ends,
                own.flag("do_sample", false),
                number(own, "temperature"),
                number(own, "top_p"),
                own.has("top_k") ? Optional.of(own.integer("top_k")) : Optional.empty(),
                number(own, "min_p"),
                number(own, "repetition_penalty"));
    }

    /** Keys of llama.cpp; sampling is meant where there is a temperature and it is not 0. */
    private static GenerationConfig of(GgufMetadata metadata, Config config) {
        OptionalDouble temperature = number(metadata, SamplingKeys.TEMPERATURE);
        return new GenerationConfig(
                endTokens(config),
                temperature.orElse(0) > 0,
                temperature,
                number(metadata, SamplingKeys.TOP_P),
                metadata.has(SamplingKeys.TOP_K) ? Optional.of(metadata.integer(SamplingKeys.TOP_K)) : Optional.empty(),
                number(metadata, SamplingKeys.MIN_P),
                number(metadata, SamplingKeys.REPETITION_PENALTY));
    }

    private static OptionalDouble number(GgufMetadata metadata, String key) {
        return metadata.has(key) ? OptionalDouble.of(metadata.number(key)) : OptionalDouble.empty();
    }

    private static OptionalDouble number(Config config, String key) {
        return config.has(key) ? OptionalDouble.of(config.number(key)) : OptionalDouble.empty();
    }

    private static Set<Integer> endTokens(Config config) {
        var ids = new LinkedHashSet<Integer>();
        if (config.has("eos_token_id")) {
            JsonNode node = config.json().get("eos_token_id");
            for (JsonNode id : node.isArray() ? node.valueStream().toList() : java.util.List.of(node)) {
                if (!id.isInt() || id.asInt() < 0) {
                    throw new MalformedFileException(
                            config.file(), -1, "\"eos_token_id\" should be one id or a list of ids, is " + node);
                }
                ids.add(id.asInt());
            }
        }
        return ids;
    }
}
