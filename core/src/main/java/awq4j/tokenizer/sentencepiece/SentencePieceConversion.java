package awq4j.tokenizer.sentencepiece;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.tokenizer.SpecialTokens;
import awq4j.tokenizer.sentencepiece.SentencePieceModel.Piece;
import awq4j.tokenizer.sentencepiece.SentencePieceModel.Trainer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Rewrites a {@code tokenizer.model} as a {@code tokenizer.json} with the same tokens for the same text.
 *
 * <p>What the model file does not say comes from {@code tokenizer_config.json} beside it: {@code add_bos_token} (true
 * if not said), {@code add_eos_token} (false), {@code legacy} (true: every piece of text between special tokens gets
 * the leading space; false: only a text's beginning) and {@code added_tokens_decoder}; and from
 * {@code added_tokens.json}.
 */
public final class SentencePieceConversion {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final String SPACE = "\u2581";

    private final SentencePieceModel model;
    private final Optional<Config> config;
    private final Map<Integer, AddedToken> added = new TreeMap<>();

    private SentencePieceConversion(SentencePieceModel model) {
        this.model = model;
        Path file = model.file().resolveSibling(SpecialTokens.CONFIG_FILE);
        this.config = Files.isRegularFile(file) ? Optional.of(Config.read(file)) : Optional.empty();
    }

    private record AddedToken(String content, boolean special, boolean lstrip, boolean rstrip) {}

    /**
     * A converted model.
     *
     * @param json the text of a tokenizer.json
     * @param roles the tokens that the model file itself names, by role
     */
    public record Result(String json, Map<String, String> roles) {
        /** Roles of the folder's own files, and where these say nothing, those of the model file. */
        public SpecialTokens rolesOver(SpecialTokens folder) {
            var merged = new LinkedHashMap<String, String>(roles);
            merged.putAll(folder.byRole());
            return new SpecialTokens(merged);
        }
    }

    /**
     * Converts a model file.
     *
     * @throws MalformedFileException if it is damaged
     * @throws UnsupportedModelException if it is neither BPE nor Unigram
     */
    public static Result of(Path file) {
        return new SentencePieceConversion(SentencePieceModel.read(file)).convert();
    }

    private Result convert() {
        Trainer trainer = model.trainer();
        if (trainer.modelKind() != SentencePieceModel.BPE && trainer.modelKind() != SentencePieceModel.UNIGRAM) {
            throw new UnsupportedModelException(model.file().getFileName() + " is a SentencePiece model of type "
                    + trainer.modelKind() + "; supported: 1 (Unigram), 2 (BPE)");
        }
        if (trainer.spaceAsSuffix()) {
            throw new UnsupportedModelException(
                    model.file().getFileName() + " treats white space as a suffix, which is not supported");
        }
        String unknown = piece(trainer.unkId());
        if (unknown == null) {
            throw new MalformedFileException(
                    model.file(), -1, "its unknown token " + trainer.unkId() + " is not one of its pieces");
        }
        collectAdded(trainer);
        boolean legacy = config.map(c -> c.flag("legacy", true)).orElse(true);
        ObjectNode root = MAPPER.createObjectNode();
        root.put("version", "1.0");
        root.set("added_tokens", addedTokens());
        root.set("normalizer", normalizer(legacy));
        root.set("pre_tokenizer", legacy ? MAPPER.nullNode() : metaspace());
        root.set("post_processor", postProcessor(trainer));
        root.set("decoder", decoder());
        root.set("model", trainer.modelKind() == SentencePieceModel.BPE ? bpe(unknown) : unigram());
        return new Result(root.toString(), roles(trainer));
    }

    private @Nullable String piece(int id) {
        return id >= 0 && id < model.pieces().size() ? model.pieces().get(id).text() : null;
    }

    private Map<String, String> roles(Trainer trainer) {
        var roles = new LinkedHashMap<String, String>();
        put(roles, "unk_token", piece(trainer.unkId()));
        put(roles, "bos_token", piece(trainer.bosId()));
        put(roles, "eos_token", piece(trainer.eosId()));
        put(roles, "pad_token", piece(trainer.padId()));
        return roles;
    }

    private static void put(Map<String, String> roles, String role, @Nullable String token) {
        if (token != null) {
            roles.put(role, token);
        }
    }

    private void collectAdded(Trainer trainer) {
        for (int id = 0; id < model.pieces().size(); id++) {
            Piece piece = model.pieces().get(id);
            boolean special = piece.kind() == SentencePieceModel.CONTROL
                    || piece.kind() == SentencePieceModel.UNKNOWN
                    || id == trainer.bosId()
                    || id == trainer.eosId();
            if (special || piece.kind() == SentencePieceModel.USER_DEFINED) {
                added.put(id, new AddedToken(piece.text(), special, false, false));
            }
        }
        Path file = model.file().resolveSibling("added_tokens.json");
        if (Files.isRegularFile(file)) {
            Config tokens = Config.read(file);
            for (String content : tokens.json().propertyNames()) {
                added.put(tokens.integer(content), new AddedToken(content, true, false, false));
            }
        }
        config.flatMap(c -> c.section("added_tokens_decoder")).ifPresent(section -> {
            for (String id : section.json().propertyNames()) {
                section.section(id)
                        .ifPresent(token -> added.put(
                                parseId(section.file(), id),
                                new AddedToken(
                                        token.text("content"),
                                        token.flag("special", false),
                                        token.flag("lstrip", false),
                                        token.flag("rstrip", false))));
            }
        });
    }

    private static int parseId(Path file, String id) {
        try {
            return Integer.parseInt(id);
        } catch (NumberFormatException e) {
            throw new MalformedFileException(file, -1, "\"added_tokens_decoder\" has the id \"" + id + "\"");
        }
    }

    private ArrayNode addedTokens() {
        ArrayNode tokens = MAPPER.createArrayNode();
        added.forEach((id, token) -> tokens.addObject()
                .put("id", id)
                .put("content", token.content())
                .put("single_word", false)
                .put("lstrip", token.lstrip())
                .put("rstrip", token.rstrip())
                .put("normalized", false)
                .put("special", token.special()));
        return tokens;
    }

    private JsonNode normalizer(boolean legacy) {
        ObjectNode sequence = typed("Sequence");
        ArrayNode steps = sequence.putArray("normalizers");
        SentencePieceModel.Normalizer normalizer = model.normalizer();
        if (normalizer.charsMap().length > 0) {
            steps.add(typed("Precompiled")
                    .put("precompiled_charsmap", Base64.getEncoder().encodeToString(normalizer.charsMap())));
        }
        if (normalizer.removeExtraSpaces()) {
            steps.add(replace("Regex", "\\A +| +\\z", ""));
            steps.add(replace("Regex", " {2,}", " "));
        }
        if (legacy && normalizer.addDummyPrefix()) {
            steps.add(typed("Prepend").put("prepend", normalizer.escapeSpaces() ? SPACE : " "));
        }
        if (legacy && normalizer.escapeSpaces()) {
            steps.add(replace("String", " ", SPACE));
        }
        return steps.isEmpty() ? MAPPER.nullNode() : sequence;
    }

    private ObjectNode metaspace() {
        return typed("Metaspace")
                .put("replacement", SPACE)
                .put("prepend_scheme", model.normalizer().addDummyPrefix() ? "first" : "never")
                .put("split", false);
    }

    private JsonNode postProcessor(Trainer trainer) {
        String bos = piece(trainer.bosId());
        String eos = piece(trainer.eosId());
        boolean addBos =
                bos != null && config.map(c -> c.flag("add_bos_token", true)).orElse(true);
        boolean addEos =
                eos != null && config.map(c -> c.flag("add_eos_token", false)).orElse(false);
        if (!addBos && !addEos) {
            return MAPPER.nullNode();
        }
        ObjectNode template = typed("TemplateProcessing");
        ObjectNode special = MAPPER.createObjectNode();
        for (String form : new String[] {"single", "pair"}) {
            ArrayNode parts = template.putArray(form);
            for (String sequence : form.equals("single") ? new String[] {"A"} : new String[] {"A", "B"}) {
                if (addBos) {
                    parts.add(part("SpecialToken", bos));
                }
                parts.add(part("Sequence", sequence));
                if (addEos) {
                    parts.add(part("SpecialToken", eos));
                }
            }
        }
        if (addBos) {
            special.set(bos, specialToken(bos, trainer.bosId()));
        }
        if (addEos) {
            special.set(eos, specialToken(eos, trainer.eosId()));
        }
        template.set("special_tokens", special);
        return template;
    }

    private static ObjectNode part(String kind, @Nullable String id) {
        ObjectNode part = MAPPER.createObjectNode();
        part.putObject(kind).put("id", id).put("type_id", 0);
        return part;
    }

    private static ObjectNode specialToken(@Nullable String token, int id) {
        ObjectNode node = MAPPER.createObjectNode().put("id", token);
        node.putArray("ids").add(id);
        node.putArray("tokens").add(token);
        return node;
    }

    private ObjectNode decoder() {
        ObjectNode sequence = typed("Sequence");
        ArrayNode steps = sequence.putArray("decoders");
        steps.add(replace("String", SPACE, " "));
        steps.add(typed("ByteFallback"));
        steps.add(typed("Fuse"));
        if (model.normalizer().addDummyPrefix()) {
            steps.add(typed("Strip").put("content", " ").put("start", 1).put("stop", 0));
        }
        return sequence;
    }

    private ObjectNode bpe(String unknown) {
        ObjectNode bpe = typed("BPE");
        bpe.putNull("dropout");
        bpe.put("unk_token", unknown);
        bpe.put("fuse_unk", true);
        bpe.put("byte_fallback", model.trainer().byteFallback());
        ObjectNode vocabulary = bpe.putObject("vocab");
        for (int id = 0; id < model.pieces().size(); id++) {
            vocabulary.put(model.pieces().get(id).text(), id);
        }
        ArrayNode merges = bpe.putArray("merges");
        for (Merges.Merge merge : Merges.of(model.pieces())) {
            merges.addArray().add(merge.left()).add(merge.right());
        }
        return bpe;
    }

    private ObjectNode unigram() {
        ObjectNode unigram = typed("Unigram");
        unigram.put("unk_id", model.trainer().unkId());
        unigram.put("byte_fallback", model.trainer().byteFallback());
        ArrayNode vocabulary = unigram.putArray("vocab");
        for (Piece piece : model.pieces()) {
            vocabulary.addArray().add(piece.text()).add((double) piece.score());
        }
        return unigram;
    }

    private static ObjectNode replace(String kind, String from, String to) {
        ObjectNode replace = typed("Replace").put("content", to);
        replace.putObject("pattern").put(kind, from);
        return replace;
    }

    private static ObjectNode typed(String type) {
        return MAPPER.createObjectNode().put("type", type);
    }
}
