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
import java.util.SortedMap;

/** A model's tokenizer as a {@code tokenizer.json}, whatever files it came in. */
public final class TokenizerFile {
    private static final String JSON_FILE = "tokenizer.json";
    private static final String SENTENCE_PIECE_FILE = "tokenizer.model";

    private final Path file;
    private final String json;
    private final Vocabulary vocabulary;
    private final SpecialTokens roles;

    private TokenizerFile(Path file, String json, SpecialTokens roles) {
        this(file, json, Vocabulary.read(file, json), roles);
    }

    /** @param vocabulary that of the JSON */
    private TokenizerFile(Path file, String json, Vocabulary vocabulary, SpecialTokens roles) {
        this.file = file;
        this.json = json;
        this.vocabulary = vocabulary;
        this.roles = roles;
    }

    /**
     * Reads the tokenizer of a model folder: {@code tokenizer.json}; without one, {@code tokenizer.model}
     * (SentencePiece, BPE or Unigram), or {@code vocab.json} with {@code merges.txt} (byte-level BPE as GPT-2, OPT and
     * Qwen have it), converted in memory. Tokens that only the files beside it name are added, as transformers does. Or
     * the tokenizer of a GGUF file, from its metadata.
     *
     * @throws UnsupportedModelException if the folder has none of these, or one of a kind that cannot be converted
     * @throws MalformedFileException if the file is damaged
     */
    public static TokenizerFile read(Path modelFolder) {
        if (Checkpoints.isGguf(modelFolder)) {
            try (GgufFiles files = GgufFiles.open(modelFolder)) {
                return new TokenizerFile(
                        modelFolder, GgufTokens.json(files.metadata()), SpecialTokens.of(files.metadata()));
            }
        }
        Path json = modelFolder.resolve(JSON_FILE);
        SpecialTokens roles = SpecialTokens.read(modelFolder);
        if (Files.isRegularFile(json)) {
            return ofJson(json, roles);
        }
        Path model = modelFolder.resolve(SENTENCE_PIECE_FILE);
        if (Files.isRegularFile(model)) {
            SentencePieceConversion.Result converted = SentencePieceConversion.of(model);
            return new TokenizerFile(model, converted.json(), converted.rolesOver(roles));
        }
        if (ByteLevelConversion.present(modelFolder)) {
            Path vocabulary = modelFolder.resolve(ByteLevelConversion.VOCABULARY_FILE);
            return new TokenizerFile(vocabulary, ByteLevelConversion.json(modelFolder, roles), roles);
        }
        throw new UnsupportedModelException("no tokenizer in " + modelFolder + ": looked for " + JSON_FILE + ", "
                + SENTENCE_PIECE_FILE + ", " + ByteLevelConversion.VOCABULARY_FILE + " with "
                + ByteLevelConversion.MERGES_FILE);
    }

    /** A tokenizer.json, and the tokens that other files of its folder add to it, as transformers adds them. */
    private static TokenizerFile ofJson(Path file, SpecialTokens roles) {
        String json = text(file);
        Vocabulary vocabulary = Vocabulary.read(file, json);
        SortedMap<Integer, AddedToken> more = AddedTokens.read(folder(file))
                .placed(token -> vocabulary.id(token).stream().boxed().findFirst(), vocabulary.size());
        more.values().removeIf(token -> vocabulary.isAdded(token.content()));
        return more.isEmpty()
                ? new TokenizerFile(file, json, vocabulary, roles)
                : new TokenizerFile(file, AddedTokens.into(json, more), roles);
    }

    private static Path folder(Path file) {
        return Objects.requireNonNull(file.toAbsolutePath().getParent(), "a file lies in a folder");
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

    /** Where it was read from, for messages. */
    public Path file() {
        return file;
    }

    /** The text of a {@code tokenizer.json}. */
    public String json() {
        return json;
    }

    /** The tokens with a role. */
    public SpecialTokens roles() {
        return roles;
    }

    /** The tokens and their ids. */
    Vocabulary vocabulary() {
        return vocabulary;
    }
}
