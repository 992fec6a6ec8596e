package awq4j.tokenizer.gguf;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.GgufMetadata;
import awq4j.format.gguf.TokenKeys;
import awq4j.tokenizer.SpecialTokens;
import awq4j.tokenizer.sentencepiece.SentencePieceConversion;

/** The tokenizer that the metadata of a GGUF file describe. */
public final class GgufTokens {
    private GgufTokens() {}

    /**
     * As the text of a {@code tokenizer.json}.
     *
     * @throws MalformedFileException if the keys contradict each other
     * @throws UnsupportedModelException if there is none, or one of a kind that is not read
     */
    public static String json(GgufMetadata metadata) {
        if (!metadata.has(TokenKeys.MODEL) || !metadata.has(TokenKeys.TOKENS)) {
            throw new UnsupportedModelException(metadata.file().getFileName() + ": has no tokenizer (\""
                    + TokenKeys.MODEL + "\" and \"" + TokenKeys.TOKENS + "\")");
        }
        SpecialTokens roles = SpecialTokens.of(metadata);
        String model = metadata.text(TokenKeys.MODEL);
        return switch (model) {
            case "llama" -> SentencePieceConversion.of(metadata, false, roles).json();
            case "t5" -> SentencePieceConversion.of(metadata, true, roles).json();
            case "gpt2" -> ByteLevelVocabulary.json(metadata, roles);
            default ->
                throw new UnsupportedModelException(metadata.file().getFileName() + ": its tokenizer is of the kind \""
                        + MalformedFileException.shown(model)
                        + "\", which is not supported; supported: llama, gpt2, t5");
        };
    }
}
