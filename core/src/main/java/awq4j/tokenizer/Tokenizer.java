package awq4j.tokenizer;

import awq4j.format.Checkpoints;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.GgufFiles;
import awq4j.tokenizer.gguf.GgufTokens;
import awq4j.tokenizer.json.AddedToken;
import awq4j.tokenizer.json.AddedTokens;
import awq4j.tokenizer.sentencepiece.SentencePieceConversion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;

/**
 * Turns text into token ids and ids into text, as the model was trained with. Never truncates. Safe for any number of
 * threads; the native memory behind it is freed when it is no longer reachable.
 */
public final class Tokenizer {
    private static final String JSON_FILE = "tokenizer.json";
    private static final String SENTENCE_PIECE_FILE = "tokenizer.model";

    private final NativeTokenizer engine;
    private final Vocabulary vocabulary;
    private final OptionalInt bosId;
    private final OptionalInt eosId;

    private Tokenizer(Path file, String json, SpecialTokens roles) {
        this(file, json, Vocabulary.read(file, json), roles);
    }

    /** @param vocabulary that of the JSON */
    private Tokenizer(Path file, String json, Vocabulary vocabulary, SpecialTokens roles) {
        this.vocabulary = vocabulary;
        try {
            engine = new NativeTokenizer(json);
        } catch (IllegalArgumentException e) {
            throw new MalformedFileException(file, -1, "not a tokenizer: " + e.getMessage());
        }
        bosId = roles.bos().map(vocabulary::id).orElse(OptionalInt.empty());
        eosId = roles.eos().map(vocabulary::id).orElse(OptionalInt.empty());
    }

    /**
     * Loads the tokenizer library's native code, as the first tokenizer would.
     *
     * @throws awq4j.kernel.BackendException if there is none for this machine, or it cannot be unpacked; says why
     */
    public static void loadEngine() {
        NativeTokenizer.load();
    }

    /**
     * Opens the tokenizer of a model folder: {@code tokenizer.json}; without one, {@code tokenizer.model}
     * (SentencePiece, BPE or Unigram), or {@code vocab.json} with {@code merges.txt} (byte-level BPE as GPT-2, OPT and
     * Qwen have it), converted in memory. Tokens that only the files beside it name are added, as transformers does. Or
     * the tokenizer of a GGUF file, from its metadata.
     *
     * @throws UnsupportedModelException if the folder has none of these, or one of a kind that cannot be converted
     * @throws MalformedFileException if the file is damaged
     * @throws awq4j.kernel.BackendException if the tokenizer library has no native code for this machine
     */
    public static Tokenizer open(Path modelFolder) {
        if (Checkpoints.isGguf(modelFolder)) {
            try (GgufFiles files = GgufFiles.open(modelFolder)) {
                return new Tokenizer(
                        modelFolder, GgufTokens.json(files.metadata()), SpecialTokens.of(files.metadata()));
            }
        }
        Path json = modelFolder.resolve(JSON_FILE);
        SpecialTokens roles = SpecialTokens.read(modelFolder);
        if (Files.isRegularFile(json)) {
            return openJson(json, roles);
        }
        Path model = modelFolder.resolve(SENTENCE_PIECE_FILE);
        if (Files.isRegularFile(model)) {
            SentencePieceConversion.Result converted = SentencePieceConversion.of(model);
            return new Tokenizer(model, converted.json(), converted.rolesOver(roles));
        }
        if (ByteLevelConversion.present(modelFolder)) {
            Path vocabulary = modelFolder.resolve(ByteLevelConversion.VOCABULARY_FILE);
            return new Tokenizer(vocabulary, ByteLevelConversion.json(modelFolder, roles), roles);
        }
        throw new UnsupportedModelException("no tokenizer in " + modelFolder + ": looked for " + JSON_FILE + ", "
                + SENTENCE_PIECE_FILE + ", " + ByteLevelConversion.VOCABULARY_FILE + " with "
                + ByteLevelConversion.MERGES_FILE);
    }

    /** A tokenizer.json, and the tokens that other files of its folder add to it, as transformers adds them. */
    private static Tokenizer openJson(Path file, SpecialTokens roles) {
        String json = text(file);
        Vocabulary vocabulary = Vocabulary.read(file, json);
        SortedMap<Integer, AddedToken> more = AddedTokens.read(folder(file))
                .placed(token -> vocabulary.id(token).stream().boxed().findFirst(), vocabulary.size());
        more.values().removeIf(token -> vocabulary.isAdded(token.content()));
        return more.isEmpty()
                ? new Tokenizer(file, json, vocabulary, roles)
                : new Tokenizer(file, AddedTokens.into(json, more), roles);
    }

    private static Path folder(Path file) {
        return Objects.requireNonNull(file.toAbsolutePath().getParent(), "a file lies in a folder");
    }

    /**
     * Encodes a text with the special tokens that the model puts around one, such as a leading BOS.
     *
     * @param text any text, also empty; half of a surrogate pair counts as U+FFFD
     */
    public int[] encode(String text) {
        return encode(text, true);
    }

    /**
     * Encodes a text. A special token that is spelled out in the text becomes that token in either case.
     *
     * @param addSpecialTokens whether to put the model's special tokens around it; false for a rendered chat template,
     *     which already has them
     */
    public int[] encode(String text, boolean addSpecialTokens) {
        return engine.encode(wellFormed(text), addSpecialTokens);
    }

    /**
     * The text of whole token sequences. Bytes that are not UTF-8 become U+FFFD; ids without a token (the padding rows
     * of some models) become nothing. For text as it is generated use {@link #decoder()}.
     *
     * @param skipSpecial whether to leave out special tokens
     * @throws IllegalArgumentException if an id is negative
     */
    public String decode(int[] tokens, boolean skipSpecial) {
        return decode(tokens, 0, tokens.length, skipSpecial);
    }

    String decode(int[] tokens, int from, int to, boolean skipSpecial) {
        for (int i = from; i < to; i++) {
            checkId(tokens[i]);
        }
        return engine.decode(tokens, from, to, skipSpecial);
    }

    static void checkId(int id) {
        if (id < 0) {
            throw new IllegalArgumentException("decode: token id " + id + " is negative");
        }
    }

    /** A decoder for tokens that arrive one by one and begin a text; it leaves out special tokens. */
    public TokenDecoder decoder() {
        return new TokenDecoder(this, true, new int[0]);
    }

    /**
     * A decoder for tokens that arrive one by one and continue a text.
     *
     * @param context the tokens before them, whose text is not returned: it decides whether a leading space belongs to
     *     the first word. Empty: the tokens begin a text
     * @param skipSpecial whether to leave out special tokens
     */
    public TokenDecoder decoder(int[] context, boolean skipSpecial) {
        return new TokenDecoder(this, skipSpecial, context);
    }

    /** The highest token id plus one. Models may have more rows than this (padding), rarely fewer. */
    public int vocabularySize() {
        return vocabulary.size();
    }

    /** The id of a token as the vocabulary spells it, for example {@code <s>} or {@code ▁the}. */
    public OptionalInt id(String token) {
        return vocabulary.id(token);
    }

    /** The token with this id as the vocabulary spells it, which for parts of characters is not text. */
    public Optional<String> token(int id) {
        return vocabulary.token(id);
    }

    /** Whether the id is of a special token: a marker that is not part of the text. */
    public boolean isSpecial(int id) {
        return vocabulary.isSpecial(id);
    }

    /** The token that begins a text, if the model has one. Whether {@link #encode} adds it is another matter. */
    public OptionalInt bosId() {
        return bosId;
    }

    /** The token that ends a text, if the model has one. */
    public OptionalInt eosId() {
        return eosId;
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

    private static String wellFormed(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                return text.codePoints()
                        .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
                        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                        .toString();
            }
        }
        return text;
    }
}
