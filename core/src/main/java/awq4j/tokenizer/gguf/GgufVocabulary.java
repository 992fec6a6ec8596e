package awq4j.tokenizer.gguf;

import static awq4j.tokenizer.gguf.TokenKinds.BYTE;
import static awq4j.tokenizer.gguf.TokenKinds.CONTROL;
import static awq4j.tokenizer.gguf.TokenKinds.NORMAL;
import static awq4j.tokenizer.gguf.TokenKinds.UNKNOWN;
import static awq4j.tokenizer.gguf.TokenKinds.UNUSED;
import static awq4j.tokenizer.gguf.TokenKinds.USER_DEFINED;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.GgufWriter;
import awq4j.format.gguf.TokenKeys;
import awq4j.tokenizer.TokenizerFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A tokenizer in the keys of a GGUF file: pieces with scores ({@code llama}), or bytes and merges ({@code gpt2}).
 *
 * <p>A {@code tokenizer.json} has merges in order where llama.cpp wants scores: a piece gets the rank of the first merge
 * that makes it, the later the lower, and then the two rules choose the same merges.
 */
public final class GgufVocabulary {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final String SPACE = "\u2581";
    private static final Pattern BYTE_PIECE = Pattern.compile("<0x[0-9A-F]{2}>");

    private final Path file;
    private final JsonNode root;
    private final Map<String, String> roles;
    private final String[] tokens;
    private final int[] kinds;
    private final Map<String, Integer> ids = new HashMap<>();
    private final List<String> remarks = new ArrayList<>();
    private final Optional<WordRules> rules;

    private GgufVocabulary(TokenizerFile tokenizer, int rows) {
        this.file = tokenizer.file();
        this.root = MAPPER.readTree(tokenizer.json());
        this.roles = tokenizer.roles().byRole();
        this.tokens = new String[rows];
        this.kinds = new int[rows];
        this.rules = isPieces() ? Optional.empty() : Optional.of(words());
        collect();
        remark();
    }

    /**
     * Looks at a tokenizer.
     *
     * @param rows of the model's embedding; a file has a token for each
     * @throws UnsupportedModelException if GGUF files have no place for it
     */
    public static GgufVocabulary of(TokenizerFile tokenizer, int rows) {
        return new GgufVocabulary(tokenizer, rows);
    }

    private boolean isPieces() {
        String type = root.path("model").path("type").asString("");
        if (!type.equals("BPE")) {
            throw new UnsupportedModelException(file.getFileName() + ": a tokenizer of the kind " + type
                    + " is not written to GGUF files; supported: BPE, of bytes or of pieces");
        }
        return root.path("normalizer").toString().contains(SPACE)
                || root.path("pre_tokenizer").toString().contains(SPACE);
    }

    private WordRules words() {
        JsonNode normalizer = root.path("normalizer");
        boolean composed = normalizer.path("type").asString("").equals("NFC");
        boolean whole = root.path("model").path("ignore_merges").asBoolean(false);
        if (!composed && !normalizer.isNull() && !normalizer.isMissingNode()) {
            throw new UnsupportedModelException(file.getFileName() + ": its tokenizer changes characters first ("
                    + normalizer.path("type").asString("") + "), for which GGUF files have no place");
        }
        return WordRules.of(root.path("pre_tokenizer"), composed, whole)
                .orElseThrow(() -> new UnsupportedModelException(
                        file.getFileName() + ": its tokenizer cuts words in a way that llama.cpp has no name for"));
    }

    private void collect() {
        boolean bytes = root.path("model").path("byte_fallback").asBoolean(false);
        String unknown = root.path("model").path("unk_token").asString(roles.getOrDefault("unk_token", ""));
        root.path("model").path("vocab").properties().forEach(entry -> {
            String token = entry.getKey();
            boolean fallback = bytes && BYTE_PIECE.matcher(token).matches();
            put(entry.getValue().asInt(-1), token, fallback ? BYTE : NORMAL);
        });
        for (JsonNode token : root.path("added_tokens")) {
            boolean special = token.path("special").asBoolean(false);
            put(token.path("id").asInt(-1), token.path("content").asString(""), special ? CONTROL : USER_DEFINED);
        }
        Integer id = ids.get(unknown);
        if (id != null && rules.isEmpty()) {
            kinds[id] = UNKNOWN;
        }
        for (int i = 0; i < tokens.length; i++) {
            if (kinds[i] == 0) {
                tokens[i] = "[PAD" + i + "]";
                kinds[i] = UNUSED;
            }
        }
    }

    private void put(int id, String token, int kind) {
        if (id < 0) {
            throw new MalformedFileException(
                    file, -1, "token \"" + MalformedFileException.shown(token) + "\" has no id");
        }
        if (id >= tokens.length) {
            throw new UnsupportedModelException(file.getFileName() + ": token " + id + " is beyond the " + tokens.length
                    + " rows of the model's embedding, and a GGUF file has as many tokens as rows");
        }
        tokens[id] = token;
        kinds[id] = kind;
        ids.put(token, id);
    }

    private void remark() {
        for (JsonNode token : root.path("added_tokens")) {
            if (token.path("lstrip").asBoolean(false) || token.path("rstrip").asBoolean(false)) {
                remarks.add("White space beside " + token.path("content").asString("")
                        + " and the like belongs to the token, which GGUF files cannot say.");
                break;
            }
        }
        if (root.path("pre_tokenizer").path("prepend_scheme").asString("").equals("first")) {
            remarks.add("The tokenizer puts a space before the beginning of a text only; llama.cpp also puts one behind"
                    + " special tokens.");
        }
        if (rules.isPresent() && rules.get().composed()) {
            remarks.add("The tokenizer composes characters (NFC) first, which llama.cpp leaves to whoever asks it.");
        }
    }

    /** What other programs will do otherwise, in whole sentences; often nothing. */
    public List<String> remarks() {
        return List.copyOf(remarks);
    }

    /** The id of the token with a role, such as {@code bos_token}. */
    public OptionalInt id(String role) {
        Integer id = ids.get(roles.getOrDefault(role, ""));
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /**
     * Adds the keys.
     *
     * @param ends ids of tokens that end a reply, the tokenizer's own not among them
     */
    public void write(GgufWriter writer, List<Integer> ends) {
        writer.text(TokenKeys.MODEL, rules.isPresent() ? "gpt2" : "llama");
        writer.text(TokenKeys.PRE, rules.map(WordRules::label).orElse("default"));
        writer.texts(TokenKeys.TOKENS, Arrays.asList(tokens));
        if (rules.isEmpty()) {
            writer.reals(TokenKeys.SCORES, scores());
        }
        writer.numbers(TokenKeys.KINDS, kinds);
        if (rules.isPresent()) {
            writer.texts(
                    TokenKeys.MERGES,
                    merges().stream().map(merge -> merge[0] + " " + merge[1]).toList());
        }
        Around around = around();
        OptionalInt end = around.end.isPresent() ? around.end : id("eos_token");
        (around.begin.isPresent() ? around.begin : id("bos_token")).ifPresent(id -> writer.number(TokenKeys.BEGIN, id));
        ends(writer, end, ends);
        id("unk_token").ifPresent(id -> writer.number(TokenKeys.UNKNOWN, id));
        id("pad_token").ifPresent(id -> writer.number(TokenKeys.PADDING, id));
        writer.flag(TokenKeys.ADD_BEGIN, around.begin.isPresent());
        writer.flag(TokenKeys.ADD_END, around.end.isPresent());
        writer.flag(TokenKeys.ADD_SPACE, rules.isPresent() ? bytesBeginWithSpace() : piecesBeginWithSpace());
    }

    /** There is place for three tokens that end something. */
    private static void ends(GgufWriter writer, OptionalInt own, List<Integer> others) {
        var all = new LinkedHashSet<Integer>();
        own.ifPresent(all::add);
        all.addAll(others);
        int place = 0;
        for (int id : all) {
            if (place < TokenKeys.ENDS.size()) {
                writer.number(TokenKeys.ENDS.get(place++), id);
            }
        }
    }

    private float[] scores() {
        Map<String, Integer> ranks = new HashMap<>();
        List<String[]> merges = merges();
        merges.forEach(merge -> ranks.putIfAbsent(merge[0] + merge[1], ranks.size()));
        float[] scores = new float[tokens.length];
        for (int id = 0; id < scores.length; id++) {
            String token = tokens[id];
            boolean single = token.codePointCount(0, token.length()) == 1 || kinds[id] == BYTE;
            Integer rank = ranks.get(token);
            // what no merge makes must not come before what one does
            scores[id] = single ? 0 : rank == null ? -merges.size() - 1 : -rank - 1;
        }
        return scores;
    }

    private List<String[]> merges() {
        var merges = new ArrayList<String[]>();
        for (JsonNode merge : root.path("model").path("merges")) {
            String[] parts = merge.isString()
                    ? merge.asString().split(" ", 2)
                    : new String[] {merge.path(0).asString(""), merge.path(1).asString("")};
            if (parts.length != 2 || parts[0].isEmpty() || parts[1].isEmpty()) {
                throw new MalformedFileException(file, -1, "a merge should be two tokens, is " + merge);
            }
            merges.add(parts);
        }
        return merges;
    }

    /** The tokens that a text gets in front and behind. */
    private record Around(OptionalInt begin, OptionalInt end) {}

    private Around around() {
        JsonNode processor = root.path("post_processor");
        JsonNode template = processor;
        for (JsonNode step : processor.path("processors")) {
            if (step.path("type").asString("").equals("TemplateProcessing")) {
                template = step;
            }
        }
        OptionalInt begin = OptionalInt.empty();
        OptionalInt end = OptionalInt.empty();
        boolean text = false;
        for (JsonNode part : template.path("single")) {
            if (part.has("Sequence")) {
                text = true;
                continue;
            }
            String name = part.path("SpecialToken").path("id").asString("");
            Integer id = ids.get(name);
            if (id == null || (text ? end : begin).isPresent()) {
                throw new UnsupportedModelException(file.getFileName() + ": a text gets more than one token in front or"
                        + " behind, for which GGUF files have no place");
            }
            if (text) {
                end = OptionalInt.of(id);
            } else {
                begin = OptionalInt.of(id);
            }
        }
        return new Around(begin, end);
    }

    private boolean bytesBeginWithSpace() {
        return root.path("pre_tokenizer").findValues("add_prefix_space").stream()
                .anyMatch(JsonNode::asBoolean);
    }

    private boolean piecesBeginWithSpace() {
        JsonNode preTokenizer = root.path("pre_tokenizer");
        String scheme = preTokenizer
                .path("prepend_scheme")
                .asString(preTokenizer.path("add_prefix_space").asBoolean(false) ? "always" : "never");
        return !scheme.equals("never")
                || root.path("normalizer").findValues("prepend").stream().anyMatch(JsonNode::isString);
    }
}
