package awq4j.format.gguf;

import java.util.List;

/** The metadata keys about tokens. */
public final class TokenKeys {
    /** The tokens' texts. */
    public static final String TOKENS = "tokenizer.ggml.tokens";

    /** The tokens' kinds: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
    public static final String KINDS = "tokenizer.ggml.token_type";

    /** The tokens' scores, where the tokenizer goes by scores. */
    public static final String SCORES = "tokenizer.ggml.scores";

    /** Pairs of tokens that become one, in order, where the tokenizer goes by merges. */
    public static final String MERGES = "tokenizer.ggml.merges";

    /** The kind of tokenizer: {@code llama} goes by scores, {@code gpt2} by merges, {@code t5} by scores of whole cuts. */
    public static final String MODEL = "tokenizer.ggml.model";

    /** How text is cut before merges, by a name. */
    public static final String PRE = "tokenizer.ggml.pre";

    /** The id of the token that begins a text. */
    public static final String BEGIN = "tokenizer.ggml.bos_token_id";

    /** The id of the token that ends a text. */
    public static final String END = "tokenizer.ggml.eos_token_id";

    /** The ids of tokens that end a text, a turn or a message. */
    public static final List<String> ENDS = List.of(END, "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id");

    /** The id of the token for what is in no vocabulary. */
    public static final String UNKNOWN = "tokenizer.ggml.unknown_token_id";

    /** The id of the token that fills batches up. */
    public static final String PADDING = "tokenizer.ggml.padding_token_id";

    /** Whether a text gets the token that begins one. */
    public static final String ADD_BEGIN = "tokenizer.ggml.add_bos_token";

    /** Whether a text gets the token that ends one. */
    public static final String ADD_END = "tokenizer.ggml.add_eos_token";

    /** Whether a text gets a space in front. */
    public static final String ADD_SPACE = "tokenizer.ggml.add_space_prefix";

    /** Whether white space around and between words is made one space, for tokenizers that go by scores of whole cuts. */
    public static final String REMOVE_SPACES = "tokenizer.ggml.remove_extra_whitespaces";

    /** The compiled map of characters that are replaced first, for the same. */
    public static final String CHARS_MAP = "tokenizer.ggml.precompiled_charsmap";

    /** The chat template; others have its name behind a dot. */
    public static final String TEMPLATE = "tokenizer.chat_template";

    private TokenKeys() {}
}
