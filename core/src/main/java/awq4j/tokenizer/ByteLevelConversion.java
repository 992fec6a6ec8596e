package awq4j.tokenizer;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Rewrites {@code vocab.json} and {@code merges.txt}, the byte-level BPE of GPT-2 and OPT, as a {@code tokenizer.json}.
 * {@code tokenizer_config.json} beside them says whether a text gets a leading BOS ({@code add_bos_token}, false if not
 * said) or a leading space ({@code add_prefix_space}, false).
 */
final class ByteLevelConversion {
    static final String VOCABULARY_FILE = "vocab.json";
    static final String MERGES_FILE = "merges.txt";

    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private ByteLevelConversion() {}

    static boolean present(Path folder) {
        return Files.isRegularFile(folder.resolve(VOCABULARY_FILE)) && Files.isRegularFile(folder.resolve(MERGES_FILE));
    }

    /**
     * The text of a tokenizer.json.
     *
     * @throws MalformedFileException if a file is damaged, or a role's token is not in the vocabulary
     */
    static String json(Path folder, SpecialTokens roles) {
        Config vocabulary = Config.read(folder.resolve(VOCABULARY_FILE));
        Path settings = folder.resolve(SpecialTokens.CONFIG_FILE);
        boolean addBos = false;
        boolean prefixSpace = false;
        if (Files.isRegularFile(settings)) {
            Config config = Config.read(settings);
            addBos = config.flag("add_bos_token", false);
            prefixSpace = config.flag("add_prefix_space", false);
        }
        ObjectNode root = MAPPER.createObjectNode();
        root.put("version", "1.0");
        ArrayNode added = root.putArray("added_tokens");
        Set<String> special = new TreeSet<>(roles.byRole().values());
        for (String token : special) {
            added.addObject()
                    .put("id", vocabulary.integer(token))
                    .put("content", token)
                    .put("single_word", false)
                    .put("lstrip", false)
                    .put("rstrip", false)
                    .put("normalized", false)
                    .put("special", true);
        }
        root.putNull("normalizer");
        root.set("pre_tokenizer", byteLevel(prefixSpace));
        if (addBos && roles.bos().isPresent()) {
            String bos = roles.bos().get();
            root.set("post_processor", leading(bos, vocabulary.integer(bos)));
        } else {
            root.putNull("post_processor");
        }
        root.set("decoder", byteLevel(true));
        ObjectNode model = root.putObject("model").put("type", "BPE");
        model.set("vocab", vocabulary.json());
        merges(folder.resolve(MERGES_FILE), model.putArray("merges"));
        return root.toString();
    }

    /** One merge a line, its two parts apart by a blank; the first line may be a comment with the version. */
    private static void merges(Path file, ArrayNode merges) {
        List<String> lines;
        try {
            lines = Files.readAllLines(file, StandardCharsets.UTF_8);
        } catch (CharacterCodingException e) {
            throw new MalformedFileException(file, -1, "not UTF-8");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
        }
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            if (line.isEmpty() || (i == 0 && line.startsWith("#version"))) {
                continue;
            }
            int blank = line.indexOf(' ');
            if (blank < 1 || blank == line.length() - 1 || line.indexOf(' ', blank + 1) >= 0) {
                throw new MalformedFileException(
                        file,
                        -1,
                        "line " + (i + 1) + " should be two tokens, is \""
                                + (line.length() > 60 ? line.substring(0, 60) + "..." : line) + "\"");
            }
            merges.addArray().add(line.substring(0, blank)).add(line.substring(blank + 1));
        }
    }

    private static ObjectNode byteLevel(boolean prefixSpace) {
        return MAPPER.createObjectNode()
                .put("type", "ByteLevel")
                .put("add_prefix_space", prefixSpace)
                .put("trim_offsets", true)
                .put("use_regex", true);
    }

    private static ObjectNode leading(String bos, int id) {
        ObjectNode template = MAPPER.createObjectNode().put("type", "TemplateProcessing");
        for (String form : List.of("single", "pair")) {
            ArrayNode parts = template.putArray(form);
            for (String sequence : form.equals("single") ? List.of("A") : List.of("A", "B")) {
                parts.addObject().putObject("SpecialToken").put("id", bos).put("type_id", 0);
                parts.addObject().putObject("Sequence").put("id", sequence).put("type_id", 0);
            }
        }
        ObjectNode token = template.putObject("special_tokens").putObject(bos).put("id", bos);
        token.putArray("ids").add(id);
        token.putArray("tokens").add(bos);
        return template;
    }
}
