package awq4j.tokenizer.gguf;

import static awq4j.tokenizer.gguf.TokenKinds.CONTROL;
import static awq4j.tokenizer.gguf.TokenKinds.UNKNOWN;
import static awq4j.tokenizer.gguf.TokenKinds.UNUSED;
import static awq4j.tokenizer.gguf.TokenKinds.USER_DEFINED;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.GgufMetadata;
import awq4j.format.gguf.TokenKeys;
import awq4j.tokenizer.SpecialTokens;
import awq4j.tokenizer.json.AddedToken;
import awq4j.tokenizer.json.JsonParts;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.NullNode;
import tools.jackson.databind.node.ObjectNode;

/** A vocabulary of bytes and merges ({@code gpt2}) as a {@code tokenizer.json}. */
final class ByteLevelVocabulary {
    private ByteLevelVocabulary() {}

    /**
     * The text of a tokenizer.json.
     *
     * @throws MalformedFileException if the file contradicts itself
     * @throws UnsupportedModelException if words are cut in a way that is not known here
     */
    static String json(GgufMetadata metadata, SpecialTokens roles) {
        WordRules rules = rules(metadata);
        List<String> tokens = metadata.texts(TokenKeys.TOKENS);
        int[] kinds = kinds(metadata, tokens.size());
        var added = new TreeMap<Integer, AddedToken>();
        ObjectNode vocabulary = JsonParts.object();
        for (int id = 0; id < kinds.length; id++) {
            String token = tokens.get(id);
            switch (kinds[id]) {
                case CONTROL, UNKNOWN -> added.put(id, AddedToken.marker(token));
                case USER_DEFINED -> added.put(id, new AddedToken(token, false, false, false, false, false));
                case UNUSED -> {
                    continue; // fills the vocabulary up to the embedding's rows
                }
                default -> {
                    // text
                }
            }
            vocabulary.put(token, id);
        }
        ObjectNode root = JsonParts.object().put("version", "1.0");
        root.set("added_tokens", JsonParts.added(added));
        root.set("normalizer", rules.composed() ? JsonParts.typed("NFC") : NullNode.getInstance());
        root.set("pre_tokenizer", rules.preTokenizer(metadata.flag(TokenKeys.ADD_SPACE, false)));
        root.set(
                "post_processor",
                JsonParts.around(
                        metadata.flag(TokenKeys.ADD_BEGIN, rules.begins())
                                ? entry(metadata, TokenKeys.BEGIN, roles.bos())
                                : Optional.empty(),
                        metadata.flag(TokenKeys.ADD_END, false)
                                ? entry(metadata, TokenKeys.END, roles.eos())
                                : Optional.empty()));
        root.set(
                "decoder",
                JsonParts.typed("ByteLevel")
                        .put("add_prefix_space", true)
                        .put("trim_offsets", true)
                        .put("use_regex", true));
        ObjectNode model = root.putObject("model").put("type", "BPE").put("ignore_merges", rules.takesWholeWords());
        merges(metadata, tokens, model.putArray("merges"));
        model.set("vocab", vocabulary);
        return root.toString();
    }

    private static Optional<Map.Entry<String, Integer>> entry(
            GgufMetadata metadata, String key, Optional<String> token) {
        return token.map(text -> Map.entry(text, metadata.integer(key)));
    }

    private static WordRules rules(GgufMetadata metadata) {
        String name = metadata.text(TokenKeys.PRE, "default");
        boolean unnamed = name.equals("default");
        if (unnamed && metadata.text("general.architecture").startsWith("qwen")) {
            return WordRules.QWEN2; // there it has never been another; files of before the key say nothing
        }
        return WordRules.named(name)
                .orElseThrow(() -> new UnsupportedModelException(metadata.file().getFileName() + ": "
                        + (unnamed
                                ? "does not say how its tokenizer cuts words"
                                : "its tokenizer cuts words as \"" + MalformedFileException.shown(name)
                                        + "\", which is not supported")
                        + " (\"" + TokenKeys.PRE + "\"); supported: " + WordRules.known()));
    }

    private static int[] kinds(GgufMetadata metadata, int size) {
        if (!metadata.has(TokenKeys.KINDS)) {
            return new int[size];
        }
        if (metadata.length(TokenKeys.KINDS) != size) {
            throw metadata.wrong(TokenKeys.KINDS, "an array of " + size + ", as many as there are tokens");
        }
        return metadata.integers(TokenKeys.KINDS);
    }

    /** Each a text of two tokens apart by a space, which no token has: bytes stand for themselves as other characters. */
    private static void merges(GgufMetadata metadata, List<String> tokens, ArrayNode merges) {
        Set<String> known = new HashSet<>(tokens);
        for (String merge : metadata.texts(TokenKeys.MERGES)) {
            int blank = merge.indexOf(' ', 1);
            String left = blank < 0 ? merge : merge.substring(0, blank);
            String right = blank < 0 ? "" : merge.substring(blank + 1);
            if (!known.contains(left) || !known.contains(right) || !known.contains(left + right)) {
                throw new MalformedFileException(
                        metadata.file(),
                        -1,
                        "\"" + TokenKeys.MERGES + "\" has \"" + MalformedFileException.shown(merge)
                                + "\", expected two tokens that make a third");
            }
            merges.addArray().add(left).add(right);
        }
    }
}
