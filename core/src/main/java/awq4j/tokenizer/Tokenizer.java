package awq4j.tokenizer;

import awq4j.format.MalformedFileException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Turns text into token ids and ids into text, as the model was trained with. Never truncates. Safe for any number of
 * threads; the native memory behind it is freed when it is no longer reachable.
 */
public final class Tokenizer {
    private final NativeTokenizer engine;
    private final Vocabulary vocabulary;
    private final OptionalInt bosId;
    private final OptionalInt eosId;

    private Tokenizer(TokenizerFile file) {
        vocabulary = file.vocabulary();
        try {
            engine = new NativeTokenizer(file.json());
        } catch (IllegalArgumentException e) {
            throw new MalformedFileException(file.file(), -1, "not a tokenizer: " + e.getMessage());
        }
        bosId = file.roles().bos().map(vocabulary::id).orElse(OptionalInt.empty());
        eosId = file.roles().eos().map(vocabulary::id).orElse(OptionalInt.empty());
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
     * Opens the tokenizer of a model folder or a GGUF file, see {@link TokenizerFile#read}.
     *
     * @throws awq4j.format.UnsupportedModelException if it has none, or one of a kind that cannot be converted
     * @throws MalformedFileException if the file is damaged
     * @throws awq4j.kernel.BackendException if the tokenizer library has no native code for this machine
     */
    public static Tokenizer open(Path modelFolder) {
        return new Tokenizer(TokenizerFile.read(modelFolder));
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
