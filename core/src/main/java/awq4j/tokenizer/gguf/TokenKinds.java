package awq4j.tokenizer.gguf;

/** Kinds of tokens, by the numbers that {@link awq4j.format.gguf.TokenKeys#KINDS} has. */
final class TokenKinds {
    static final int NORMAL = 1;
    static final int UNKNOWN = 2;
    static final int CONTROL = 3;
    static final int USER_DEFINED = 4;
    static final int UNUSED = 5;
    static final int BYTE = 6;

    private TokenKinds() {}
}
