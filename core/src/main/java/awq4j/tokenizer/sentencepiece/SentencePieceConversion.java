package awq4j.tokenizer.sentencepiece;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.GgufMetadata;
import awq4j.tokenizer.SpecialTokens;
import awq4j.tokenizer.json.AddedToken;
import awq4j.tokenizer.json.AddedTokens;
import awq4j.tokenizer.json.JsonParts;
import awq4j.tokenizer.sentencepiece.SentencePieceModel.Piece;
import awq4j.tokenizer.sentencepiece.SentencePieceModel.Trainer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.NullNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Rewrites a {@code tokenizer.model}, or the same vocabulary in a GGUF file, as a {@code tokenizer.json} with the same
 * tokens for the same text. {@link Surroundings} say what the vocabulary itself does not.
 */
public final class SentencePieceConversion {
    private static final String SPACE = "\u2581";

    private final SentencePieceModel model;
    private final Surroundings surroundings;
    private final List<Piece> pieces;
    private final SortedMap<Integer, AddedToken> added = new TreeMap<>();
    private final boolean leadingSpace;

    private SentencePieceConversion(SentencePieceModel model, Surroundings surroundings) {
        this.model = model;
        this.surroundings = surroundings;
        this.pieces = new ArrayList<>(model.pieces());
        this.leadingSpace = surroundings.prefixSpace().orElse(model.normalizer().addDummyPrefix());
    }

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
        return new SentencePieceConversion(SentencePieceModel.read(file), Surroundings.beside(file)).convert();
    }

    /**
     * Converts the vocabulary of a GGUF file, of pieces with scores.
     *
     * @param unigram whether the scores are of whole cuts of a text (Unigram), not of merges (BPE)
     * @param roles the tokens that the file gives a role
     * @throws MalformedFileException if it is damaged
     */
    public static Result of(GgufMetadata metadata, boolean unigram, SpecialTokens roles) {
        SentencePieceModel model = GgufPieces.model(metadata, unigram);
        return new SentencePieceConversion(model, GgufPieces.surroundings(metadata, model.pieces(), roles)).convert();
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
        boolean legacy = surroundings.legacy();
        ObjectNode root = JsonParts.object().put("version", "1.0");
        root.set("added_tokens", JsonParts.added(added));
        root.set("normalizer", normalizer(legacy));
        root.set("pre_tokenizer", legacy ? NullNode.getInstance() : metaspace());
        root.set("post_processor", postProcessor(trainer));
        root.set("decoder", decoder());
        root.set("model", trainer.modelKind() == SentencePieceModel.BPE ? bpe(unknown) : unigram());
        return new Result(root.toString(), roles(trainer));
    }

    private @Nullable String piece(int id) {
        return id >= 0 && id < pieces.size() ? pieces.get(id).text() : null;
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

    /** What the model file itself knows as more than text, and over that what the folder says. */
    private void collectAdded(Trainer trainer) {
        AddedTokens beside = surroundings.added();
        rename(beside);
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < pieces.size(); id++) {
            Piece piece = pieces.get(id);
            ids.put(piece.text(), id);
            boolean special = piece.kind() == SentencePieceModel.CONTROL
                    || piece.kind() == SentencePieceModel.UNKNOWN
                    || id == trainer.bosId()
                    || id == trainer.eosId();
            if (special || piece.kind() == SentencePieceModel.USER_DEFINED) {
                added.put(id, new AddedToken(piece.text(), special, false, false, false, false));
            }
        }
        added.putAll(beside.placed(token -> Optional.ofNullable(ids.get(token)), pieces.size()));
    }

    /** A folder may give a piece that was kept free for it another name, and says so by the piece's id. */
    private void rename(AddedTokens beside) {
        Set<String> texts = new HashSet<>();
        pieces.forEach(piece -> texts.add(piece.text()));
        beside.declared().forEach((id, token) -> {
            if (id >= 0 && id < pieces.size() && texts.add(token.content())) {
                Piece old = pieces.get(id);
                pieces.set(id, new Piece(token.content(), old.score(), old.kind()));
            }
        });
    }

    private JsonNode normalizer(boolean legacy) {
        ObjectNode sequence = JsonParts.typed("Sequence");
        ArrayNode steps = sequence.putArray("normalizers");
        SentencePieceModel.Normalizer normalizer = model.normalizer();
        if (normalizer.charsMap().length > 0) {
            steps.add(JsonParts.typed("Precompiled")
                    .put("precompiled_charsmap", Base64.getEncoder().encodeToString(normalizer.charsMap())));
        }
        if (normalizer.removeExtraSpaces()) {
            steps.add(JsonParts.replace("Regex", "\\A +| +\\z", ""));
            steps.add(JsonParts.replace("Regex", " {2,}", " "));
        }
        if (legacy && leadingSpace) {
            steps.add(JsonParts.typed("Prepend").put("prepend", normalizer.escapeSpaces() ? SPACE : " "));
        }
        if (legacy && normalizer.escapeSpaces()) {
            steps.add(JsonParts.replace("String", " ", SPACE));
        }
        return steps.isEmpty() ? NullNode.getInstance() : sequence;
    }

    private ObjectNode metaspace() {
        return JsonParts.typed("Metaspace")
                .put("replacement", SPACE)
                .put("prepend_scheme", leadingSpace ? "first" : "never")
                .put("split", false);
    }

    private JsonNode postProcessor(Trainer trainer) {
        return JsonParts.around(
                surroundings.addBos() ? role("bos_token", trainer.bosId()) : Optional.empty(),
                surroundings.addEos() ? role("eos_token", trainer.eosId()) : Optional.empty());
    }

    /** The token that the folder names, or else the model file. */
    private Optional<Map.Entry<String, Integer>> role(String role, int id) {
        String named = surroundings.roles().byRole().get(role);
        String text = named == null ? piece(id) : named;
        return added.entrySet().stream()
                .filter(token -> token.getValue().content().equals(text))
                .findFirst()
                .map(token -> Map.entry(token.getValue().content(), token.getKey()));
    }

    private ObjectNode decoder() {
        ObjectNode sequence = JsonParts.typed("Sequence");
        ArrayNode steps = sequence.putArray("decoders");
        steps.add(JsonParts.replace("String", SPACE, " "));
        steps.add(JsonParts.typed("ByteFallback"));
        steps.add(JsonParts.typed("Fuse"));
        if (leadingSpace) {
            steps.add(
                    JsonParts.typed("Strip").put("content", " ").put("start", 1).put("stop", 0));
        }
        return sequence;
    }

    private ObjectNode bpe(String unknown) {
        ObjectNode bpe = JsonParts.typed("BPE");
        bpe.putNull("dropout");
        bpe.put("unk_token", unknown);
        bpe.put("fuse_unk", true);
        bpe.put("byte_fallback", model.trainer().byteFallback());
        ObjectNode vocabulary = bpe.putObject("vocab");
        for (int id = 0; id < pieces.size(); id++) {
            vocabulary.put(pieces.get(id).text(), id);
        }
        ArrayNode merges = bpe.putArray("merges");
        for (Merges.Merge merge : Merges.of(pieces)) {
            merges.addArray().add(merge.left()).add(merge.right());
        }
        return bpe;
    }

    private ObjectNode unigram() {
        ObjectNode unigram = JsonParts.typed("Unigram");
        unigram.put("unk_id", model.trainer().unkId());
        unigram.put("byte_fallback", model.trainer().byteFallback());
        ArrayNode vocabulary = unigram.putArray("vocab");
        for (Piece piece : pieces) {
            vocabulary.addArray().add(piece.text()).add((double) piece.score());
        }
        return unigram;
    }
}
