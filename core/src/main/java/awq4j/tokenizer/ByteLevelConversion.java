package awq4j.tokenizer;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.tokenizer.json.AddedToken;
import awq4j.tokenizer.json.AddedTokens;
import awq4j.tokenizer.json.JsonParts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Rewrites {@code vocab.json} and {@code merges.txt}, the byte-level BPE of GPT-2, as a {@code tokenizer.json}.
 * {@code tokenizer_config.json} beside them says which tokens a text gets before and behind it ({@code add_bos_token},
 * {@code add_eos_token}, false if not said), whether it gets a leading space ({@code add_prefix_space}, false), and by
 * its {@code tokenizer_class} how words are cut.
 */
final class ByteLevelConversion {
    static final String VOCABULARY_FILE = "vocab.json";
    static final String MERGES_FILE = "merges.txt";

    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    /** How Qwen cuts a text: like GPT-4, and each digit by itself. */
    private static final String QWEN_WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    private ByteLevelConversion() {}

    /** How a class of tokenizers cuts a text into words. */
    private enum Words {
        GPT2,
        /** As GPT-2, over composed characters. */
        NEOX,
        QWEN2;

        static Words of(Path folder, String tokenizerClass) {
            return switch (tokenizerClass.replaceFirst("Fast$", "")) {
                case "", "GPT2Tokenizer", "CodeGenTokenizer", "OPTTokenizer", "PreTrainedTokenizer" -> GPT2;
                case "GPTNeoXTokenizer" -> NEOX;
                case "Qwen2Tokenizer" -> QWEN2;
                default ->
                    throw new UnsupportedModelException("no tokenizer.json in " + folder + ", and " + VOCABULARY_FILE
                            + " of a " + tokenizerClass + " cannot be converted; the model's maker or transformers"
                            + " (save_pretrained) can give a tokenizer.json");
            };
        }
    }

    static boolean present(Path folder) {
        return Files.isRegularFile(folder.resolve(VOCABULARY_FILE)) && Files.isRegularFile(folder.resolve(MERGES_FILE));
    }

    /**
     * The text of a tokenizer.json.
     *
     * @throws MalformedFileException if a file is damaged
     * @throws UnsupportedModelException if words are cut in a way that is not known here
     */
    static String json(Path folder, SpecialTokens roles) {
        Path settings = folder.resolve(SpecialTokens.CONFIG_FILE);
        Optional<Config> config = Files.isRegularFile(settings) ? Optional.of(Config.read(settings)) : Optional.empty();
        Words words =
                Words.of(folder, config.map(c -> c.text("tokenizer_class", "")).orElse(""));
        Config vocabulary = Config.read(folder.resolve(VOCABULARY_FILE));
        Map<String, Integer> ids = new HashMap<>();
        int size = 0;
        for (String token : vocabulary.json().propertyNames()) {
            int id = vocabulary.integer(token);
            ids.put(token, id);
            size = Math.max(size, id + 1);
        }
        SortedMap<Integer, AddedToken> added =
                AddedTokens.read(folder).placed(token -> Optional.ofNullable(ids.get(token)), size);
        added.forEach((id, token) -> ids.put(token.content(), id));

        ObjectNode root = JsonParts.object().put("version", "1.0");
        root.set("added_tokens", JsonParts.added(added));
        root.set("normalizer", words == Words.GPT2 ? MAPPER.nullNode() : JsonParts.typed("NFC"));
        boolean prefixSpace = flag(config, "add_prefix_space");
        root.set("pre_tokenizer", words == Words.QWEN2 ? qwen(prefixSpace) : byteLevel(prefixSpace, true));
        root.set(
                "post_processor",
                JsonParts.around(
                        flag(config, "add_bos_token") ? known(roles.bos(), ids) : Optional.empty(),
                        flag(config, "add_eos_token") ? known(roles.eos(), ids) : Optional.empty()));
        root.set("decoder", byteLevel(true, true));
        ObjectNode model = root.putObject("model").put("type", "BPE");
        model.set("vocab", vocabulary.json());
        merges(folder.resolve(MERGES_FILE), model.putArray("merges"));
        return root.toString();
    }

    private static boolean flag(Optional<Config> config, String key) {
        return config.map(c -> c.flag(key, false)).orElse(false);
    }

    private static Optional<Map.Entry<String, Integer>> known(Optional<String> token, Map<String, Integer> ids) {
        return token.filter(ids::containsKey).map(text -> Map.entry(text, ids.get(text)));
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

    private static ObjectNode qwen(boolean prefixSpace) {
        ObjectNode sequence = JsonParts.typed("Sequence");
        ArrayNode steps = sequence.putArray("pretokenizers");
        ObjectNode split = JsonParts.typed("Split").put("behavior", "Isolated").put("invert", false);
        split.putObject("pattern").put("Regex", QWEN_WORDS);
        steps.add(split);
        steps.add(byteLevel(prefixSpace, false));
        return sequence;
    }

    private static ObjectNode byteLevel(boolean prefixSpace, boolean words) {
        return JsonParts.typed("ByteLevel")
                .put("add_prefix_space", prefixSpace)
                .put("trim_offsets", true)
                .put("use_regex", words);
    }
}
