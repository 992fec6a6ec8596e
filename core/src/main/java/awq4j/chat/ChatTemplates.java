package awq4j.chat;

import awq4j.chat.jinja.TemplateException;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.gguf.GgufFiles;
import awq4j.format.gguf.GgufMetadata;
import awq4j.format.gguf.TokenKeys;
import awq4j.tokenizer.SpecialTokens;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * The chat templates of a model: one named {@code default}, and for some models others, such as {@code tool_use} for
 * prompts with tools.
 *
 * @param byName in the order of the files; not empty
 */
public record ChatTemplates(Map<String, ChatTemplate> byName) {
    /** The template for plain conversations. */
    public static final String DEFAULT = "default";

    /** The template for conversations with tools, where a model has one of its own. */
    public static final String TOOL_USE = "tool_use";

    private static final String TEMPLATE_FILE = "chat_template.jinja";
    private static final String JSON_FILE = "chat_template.json";
    private static final String FOLDER = "additional_chat_templates";
    private static final String ENDING = ".jinja";
    private static final String KEY = "chat_template";

    /**
     * Copies the map.
     *
     * @throws IllegalArgumentException if it is empty
     */
    public ChatTemplates {
        if (byName.isEmpty()) {
            throw new IllegalArgumentException("a model should have at least one chat template here, has none");
        }
        byName = Collections.unmodifiableMap(new LinkedHashMap<>(byName));
    }

    /**
     * Reads the templates of a model folder: from {@code chat_template.jinja}, else {@code chat_template.json}, else
     * {@code tokenizer_config.json}; and those in {@code additional_chat_templates}. Or those of a GGUF file.
     *
     * @return empty if the model has none, as base models do
     * @throws MalformedFileException if a file is damaged or a template cannot be parsed
     */
    public static Optional<ChatTemplates> read(Path modelFolder) {
        if (Checkpoints.isGguf(modelFolder)) {
            try (GgufFiles files = GgufFiles.open(modelFolder)) {
                return of(files.metadata());
            }
        }
        SpecialTokens tokens = SpecialTokens.read(modelFolder);
        var byName = new LinkedHashMap<String, ChatTemplate>();
        Path file = modelFolder.resolve(TEMPLATE_FILE);
        if (Files.isRegularFile(file)) {
            byName.put(DEFAULT, parse(file, text(file), tokens));
        }
        for (String json : new String[] {JSON_FILE, SpecialTokens.CONFIG_FILE}) {
            file = modelFolder.resolve(json);
            if (byName.isEmpty() && Files.isRegularFile(file)) {
                fromJson(file, tokens, byName);
            }
        }
        for (Path additional : additional(modelFolder.resolve(FOLDER))) {
            String name = additional.getFileName().toString();
            byName.put(name.substring(0, name.length() - ENDING.length()), parse(additional, text(additional), tokens));
        }
        return byName.isEmpty() ? Optional.empty() : Optional.of(new ChatTemplates(byName));
    }

    private static Optional<ChatTemplates> of(GgufMetadata metadata) {
        SpecialTokens tokens = SpecialTokens.of(metadata);
        var byName = new LinkedHashMap<String, ChatTemplate>();
        String others = TokenKeys.TEMPLATE + ".";
        for (String key : metadata.keys()) {
            if (key.equals(TokenKeys.TEMPLATE)) {
                byName.put(DEFAULT, parse(metadata.file(), metadata.text(key), tokens));
            } else if (key.startsWith(others)) {
                byName.put(key.substring(others.length()), parse(metadata.file(), metadata.text(key), tokens));
            }
        }
        return byName.isEmpty() ? Optional.empty() : Optional.of(new ChatTemplates(byName));
    }

    /** Either one template or a list of objects with {@code name} and {@code template}. */
    private static void fromJson(Path file, SpecialTokens tokens, Map<String, ChatTemplate> byName) {
        JsonNode node = Config.read(file).json().get(KEY);
        if (node == null || node.isNull()) {
            return;
        }
        if (node.isString()) {
            byName.put(DEFAULT, parse(file, node.asString(), tokens));
            return;
        }
        if (!node.isArray()) {
            throw wrong(file, node);
        }
        for (JsonNode entry : node) {
            JsonNode name = entry.get("name");
            JsonNode template = entry.get("template");
            if (name == null || !name.isString() || template == null || !template.isString()) {
                throw wrong(file, entry);
            }
            byName.put(name.asString(), parse(file, template.asString(), tokens));
        }
    }

    private static MalformedFileException wrong(Path file, JsonNode found) {
        return new MalformedFileException(
                file,
                -1,
                "\"" + KEY + "\" should be a string or a list of name and template, has a " + found.getNodeType());
    }

    private static List<Path> additional(Path folder) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(ENDING))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file, StandardCharsets.UTF_8);
        } catch (CharacterCodingException e) {
            throw new MalformedFileException(file, -1, "not UTF-8");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ChatTemplate parse(Path file, String source, SpecialTokens tokens) {
        try {
            return ChatTemplate.parse(source, tokens);
        } catch (TemplateException e) {
            throw new MalformedFileException(file, -1, "chat " + e.getMessage());
        }
    }

    /** The template for a prompt: {@link #TOOL_USE} where there are tools and such a template, else {@link #DEFAULT}. */
    public ChatTemplate choose(boolean tools) {
        ChatTemplate forTools = tools ? byName.get(TOOL_USE) : null;
        ChatTemplate chosen = forTools == null ? byName.get(DEFAULT) : forTools;
        return chosen == null ? byName.values().iterator().next() : chosen;
    }

    /** Writes a conversation with the template for it; see {@link ChatTemplate#render(List, PromptOptions)}. */
    public String render(List<Message> messages, PromptOptions options) {
        return choose(!options.tools().isEmpty()).render(messages, options);
    }
}
