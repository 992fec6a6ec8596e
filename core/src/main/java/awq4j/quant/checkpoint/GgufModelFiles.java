package awq4j.quant.checkpoint;

import awq4j.chat.ChatTemplates;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.GenerationConfig;
import awq4j.format.gguf.GgufFiles;
import awq4j.format.gguf.GgufMetadata;
import awq4j.format.gguf.TokenKeys;
import awq4j.tokenizer.SpecialTokens;
import awq4j.tokenizer.gguf.GgufTokens;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.TreeSet;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Tokenizer, chat templates and sampling of a GGUF file as the files of a model folder. */
final class GgufModelFiles {
    private GgufModelFiles() {}

    /** Writes {@code tokenizer.json}, {@code tokenizer_config.json} and {@code generation_config.json}. */
    static void write(Path from, Path folder) {
        try (GgufFiles files = GgufFiles.open(from)) {
            GgufMetadata metadata = files.metadata();
            if (metadata.has(TokenKeys.MODEL)) {
                byte[] json = GgufTokens.json(metadata).getBytes(StandardCharsets.UTF_8);
                WholeFile.write(folder.resolve("tokenizer.json"), json);
            }
            WholeFile.writeJson(folder.resolve(SpecialTokens.CONFIG_FILE), tokenizerConfig(metadata));
        }
        try (Checkpoint checkpoint = Checkpoints.open(from)) {
            GenerationConfig generation = GenerationConfig.read(from, checkpoint.config());
            WholeFile.writeJson(folder.resolve(GenerationConfig.FILE), json(generation));
        }
    }

    private static ObjectNode tokenizerConfig(GgufMetadata metadata) {
        ObjectNode config = WholeFile.JSON.createObjectNode();
        SpecialTokens.of(metadata).byRole().forEach(config::put);
        String others = TokenKeys.TEMPLATE + ".";
        if (metadata.keysWith(others).isEmpty()) {
            if (metadata.has(TokenKeys.TEMPLATE)) {
                config.put("chat_template", metadata.text(TokenKeys.TEMPLATE));
            }
            return config;
        }
        ArrayNode templates = config.putArray("chat_template");
        for (String key : metadata.keysWith(TokenKeys.TEMPLATE)) {
            String name = key.equals(TokenKeys.TEMPLATE) ? ChatTemplates.DEFAULT : key.substring(others.length());
            templates.addObject().put("name", name).put("template", metadata.text(key));
        }
        return config;
    }

    private static ObjectNode json(GenerationConfig generation) {
        ObjectNode json = WholeFile.JSON.createObjectNode();
        if (!generation.endTokens().isEmpty()) {
            new TreeSet<>(generation.endTokens()).forEach(json.putArray("eos_token_id")::add);
        }
        if (generation.sample()) {
            json.put("do_sample", true);
        }
        generation.temperature().ifPresent(value -> json.put("temperature", value));
        generation.topP().ifPresent(value -> json.put("top_p", value));
        generation.topK().ifPresent(value -> json.put("top_k", value));
        generation.minP().ifPresent(value -> json.put("min_p", value));
        generation.repetitionPenalty().ifPresent(value -> json.put("repetition_penalty", value));
        return json;
    }
}
