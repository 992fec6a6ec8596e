package awq4j.tokenizer.sentencepiece;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What a SentencePiece model file says, as far as encoding and decoding need it; field numbers are those of
 * {@code sentencepiece_model.proto}.
 *
 * @param file where it was read from
 * @param pieces the vocabulary, the position is the id
 * @param trainer how it was trained
 * @param normalizer what happens to text first
 */
record SentencePieceModel(Path file, List<Piece> pieces, Trainer trainer, Normalizer normalizer) {
    /** Kinds of models. */
    static final int UNIGRAM = 1;

    static final int BPE = 2;

    /** Kinds of pieces. */
    static final int UNKNOWN = 2;

    static final int CONTROL = 3;
    static final int USER_DEFINED = 4;

    private static final Pattern TIKTOKEN = Pattern.compile("[A-Za-z0-9+/]+=* \\d+\\r?\\n");
    private static final int NORMAL = 1;
    /** Far more than trainers allow; finding the merges of a piece takes time in the square of its length. */
    static final int LONGEST_PIECE = 4096;

    /** One token. */
    record Piece(String text, float score, int kind) {}

    /** The training settings that outlive training; ids are -1 where the model has no such token. */
    record Trainer(
            int modelKind, boolean spaceAsSuffix, boolean byteFallback, int unkId, int bosId, int eosId, int padId) {}

    /** What happens to text before it is cut; {@code charsMap} is the compiled character map, often empty. */
    record Normalizer(byte[] charsMap, boolean addDummyPrefix, boolean removeExtraSpaces, boolean escapeSpaces) {}

    /**
     * Reads a file.
     *
     * @throws MalformedFileException if the file is not such a model
     * @throws UnsupportedModelException if it is another kind of vocabulary that is published under this name
     */
    static SentencePieceModel read(Path file) {
        byte[] content;
        try {
            content = Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (isTiktoken(content)) {
            throw new UnsupportedModelException(file.getFileName()
                    + " is a vocabulary of tiktoken, which cannot be converted; a tokenizer.json is needed, which the"
                    + " model's maker or transformers (save_pretrained) can give");
        }
        ProtobufReader reader = ProtobufReader.of(file, content);
        var pieces = new ArrayList<Piece>();
        Trainer trainer = new Trainer(UNIGRAM, false, false, 0, 1, 2, -1);
        Normalizer normalizer = new Normalizer(new byte[0], true, true, true);
        while (reader.hasMore()) {
            int field = reader.field();
            if (!reader.is(ProtobufReader.BYTES)) {
                reader.skip();
                continue;
            }
            switch (field) {
                case 1 -> pieces.add(piece(reader.message()));
                case 2 -> trainer = trainer(reader.message());
                case 3 -> normalizer = normalizer(reader.message());
                default -> reader.skip();
            }
        }
        if (pieces.isEmpty()) {
            throw new MalformedFileException(file, -1, "not a SentencePiece model: has no pieces");
        }
        return new SentencePieceModel(file, List.copyOf(pieces), trainer, normalizer);
    }

    /** Lines of bytes in base 64 and a number: the first line is enough to tell. */
    private static boolean isTiktoken(byte[] content) {
        String head = new String(content, 0, Math.min(content.length, LONGEST_PIECE), StandardCharsets.ISO_8859_1);
        return TIKTOKEN.matcher(head).lookingAt();
    }

    private static Piece piece(ProtobufReader reader) {
        String text = "";
        float score = 0;
        int kind = NORMAL;
        while (reader.hasMore()) {
            switch (reader.field()) {
                case 1 ->
                    text = reader.expect(ProtobufReader.BYTES, "a piece's text").text();
                case 2 ->
                    score = reader.expect(ProtobufReader.FIXED32, "a piece's score")
                            .fixed32();
                case 3 ->
                    kind = (int) reader.expect(ProtobufReader.VARINT, "a piece's kind")
                            .varint();
                default -> reader.skip();
            }
        }
        if (text.isEmpty()) {
            throw reader.malformed("a piece has no text");
        }
        if (text.length() > LONGEST_PIECE) {
            throw reader.malformed("a piece has " + text.length() + " characters");
        }
        if (Float.isNaN(score)) {
            throw reader.malformed("the score of piece \"" + text + "\" is not a number");
        }
        return new Piece(text, score, kind);
    }

    private static Trainer trainer(ProtobufReader reader) {
        long modelKind = UNIGRAM;
        long spaceAsSuffix = 0;
        long byteFallback = 0;
        long unk = 0;
        long bos = 1;
        long eos = 2;
        long pad = -1;
        while (reader.hasMore()) {
            int field = reader.field();
            if (!reader.is(ProtobufReader.VARINT)) {
                reader.skip();
                continue;
            }
            long value = reader.varint();
            switch (field) {
                case 3 -> modelKind = value;
                case 24 -> spaceAsSuffix = value;
                case 35 -> byteFallback = value;
                case 40 -> unk = value;
                case 41 -> bos = value;
                case 42 -> eos = value;
                case 43 -> pad = value;
                default -> {
                    // settings of the training run itself
                }
            }
        }
        return new Trainer(
                (int) modelKind, spaceAsSuffix != 0, byteFallback != 0, (int) unk, (int) bos, (int) eos, (int) pad);
    }

    private static Normalizer normalizer(ProtobufReader reader) {
        byte[] charsMap = new byte[0];
        boolean addDummyPrefix = true;
        boolean removeExtraSpaces = true;
        boolean escapeSpaces = true;
        while (reader.hasMore()) {
            int field = reader.field();
            if (field == 2 && reader.is(ProtobufReader.BYTES)) {
                charsMap = reader.content();
            } else if (!reader.is(ProtobufReader.VARINT)) {
                reader.skip();
            } else {
                boolean value = reader.varint() != 0;
                switch (field) {
                    case 3 -> addDummyPrefix = value;
                    case 4 -> removeExtraSpaces = value;
                    case 5 -> escapeSpaces = value;
                    default -> {
                        // unknown to this reader
                    }
                }
            }
        }
        return new Normalizer(charsMap, addDummyPrefix, removeExtraSpaces, escapeSpaces);
    }
}
