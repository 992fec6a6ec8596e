package awq4j.tokenizer.sentencepiece;

import awq4j.format.MalformedFileException;
import awq4j.format.gguf.GgufMetadata;
import awq4j.format.gguf.TokenKeys;
import awq4j.tokenizer.SpecialTokens;
import awq4j.tokenizer.json.AddedToken;
import awq4j.tokenizer.json.AddedTokens;
import awq4j.tokenizer.sentencepiece.SentencePieceModel.Normalizer;
import awq4j.tokenizer.sentencepiece.SentencePieceModel.Piece;
import awq4j.tokenizer.sentencepiece.SentencePieceModel.Trainer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/** The vocabulary of a GGUF file as a SentencePiece model: kinds of pieces have the same numbers there. */
final class GgufPieces {
    private static final int BYTE = 6;
    private static final int LEAST_KIND = 1;

    /** Phi-3's markers take white space behind them along, which no key says; these of them do not. */
    private static final Set<String> PHI3_PLAIN = Set.of("<unk>", "<s>", "<|endoftext|>");

    private GgufPieces() {}

    static SentencePieceModel model(GgufMetadata metadata, boolean unigram) {
        List<String> tokens = metadata.texts(TokenKeys.TOKENS);
        int size = tokens.size();
        double[] scores = metadata.numbers(sized(metadata, TokenKeys.SCORES, size));
        int[] kinds = metadata.integers(sized(metadata, TokenKeys.KINDS, size));
        var pieces = new ArrayList<Piece>(size);
        boolean bytes = false;
        for (int id = 0; id < size; id++) {
            if (kinds[id] < LEAST_KIND || kinds[id] > BYTE) {
                throw new MalformedFileException(
                        metadata.file(),
                        -1,
                        "\"" + TokenKeys.KINDS + "\" gives token " + id + " the type " + kinds[id] + ", expected 1 to "
                                + BYTE);
            }
            if (tokens.get(id).length() > SentencePieceModel.LONGEST_PIECE) {
                throw new MalformedFileException(
                        metadata.file(),
                        -1,
                        "token " + id + " has " + tokens.get(id).length() + " characters");
            }
            bytes |= kinds[id] == BYTE;
            pieces.add(new Piece(tokens.get(id), (float) scores[id], kinds[id]));
        }
        var trainer = new Trainer(
                unigram ? SentencePieceModel.UNIGRAM : SentencePieceModel.BPE,
                false,
                bytes,
                metadata.integer(TokenKeys.UNKNOWN, unigram ? 2 : 0),
                metadata.integer(TokenKeys.BEGIN, unigram ? -1 : 1),
                metadata.integer(TokenKeys.END, unigram ? 1 : 2),
                metadata.integer(TokenKeys.PADDING, -1));
        var normalizer = new Normalizer(
                unigram ? charsMap(metadata) : new byte[0],
                metadata.flag(TokenKeys.ADD_SPACE, true),
                unigram && metadata.flag(TokenKeys.REMOVE_SPACES, true),
                true);
        return new SentencePieceModel(metadata.file(), List.copyOf(pieces), trainer, normalizer);
    }

    private static String sized(GgufMetadata metadata, String key, int size) {
        if (metadata.length(key) != size) {
            throw metadata.wrong(key, "an array of " + size + ", as many as there are tokens");
        }
        return key;
    }

    private static byte[] charsMap(GgufMetadata metadata) {
        if (!metadata.has(TokenKeys.CHARS_MAP)) {
            return new byte[0];
        }
        int[] numbers = metadata.integers(TokenKeys.CHARS_MAP);
        byte[] bytes = new byte[numbers.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) numbers[i];
        }
        return bytes;
    }

    /**
     * How llama.cpp uses it: a text gets its beginning unless a key says otherwise, and pieces of text between special
     * tokens their leading space.
     */
    static Surroundings surroundings(GgufMetadata metadata, List<Piece> pieces, SpecialTokens roles) {
        boolean unigram = "t5".equals(metadata.text(TokenKeys.MODEL));
        SortedMap<Integer, AddedToken> declared = new TreeMap<>();
        if (metadata.text("general.architecture").equals("phi3")) {
            for (int id = 0; id < pieces.size(); id++) {
                Piece piece = pieces.get(id);
                boolean marker =
                        piece.kind() == SentencePieceModel.CONTROL || piece.kind() == SentencePieceModel.USER_DEFINED;
                if (marker && !PHI3_PLAIN.contains(piece.text())) {
                    boolean special = piece.kind() == SentencePieceModel.CONTROL;
                    declared.put(id, new AddedToken(piece.text(), special, false, true, false, false));
                }
            }
        }
        return new Surroundings(
                metadata.flag(TokenKeys.ADD_BEGIN, !unigram),
                metadata.flag(TokenKeys.ADD_END, unigram),
                true,
                Optional.empty(),
                new AddedTokens(declared, List.of()),
                roles);
    }
}
