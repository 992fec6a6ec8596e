package awq4j.testing;

import awq4j.format.Config;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whole model folders, small enough for any test. */
public final class TinyModels {
    private static final String[] FILES = {"config.json", "model.safetensors"};

    private TinyModels() {}

    /** The model that ships with the project. It will be trained better one day: expect nothing of its words. */
    public static Path demo() {
        return Repository.root().resolve("demo-model/src/main/resources/awq4j/demo");
    }

    /**
     * A copy of a golden model with a tokenizer whose tokens are the bytes of UTF-8, or as many as the model has tokens.
     *
     * @param name for example {@code llama_gqa}
     * @param parent where the folder is made
     */
    public static Path golden(String name, Path parent) {
        try {
            Path folder = Files.createDirectory(parent.resolve(name));
            for (String file : FILES) {
                Files.copy(GoldenFiles.path("models/" + name).resolve(file), folder.resolve(file));
            }
            addTokenizer(folder);
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Gives a model folder such a tokenizer. */
    public static void addTokenizer(Path folder) {
        int tokens = Config.read(folder.resolve("config.json")).integer("vocab_size");
        try {
            Files.writeString(folder.resolve("tokenizer.json"), byteTokenizer(Math.min(256, tokens)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A tokenizer.json without merges; GPT-2's alphabet spells the bytes. */
    private static String byteTokenizer(int tokens) {
        var vocabulary = new StringBuilder();
        int unprintable = 256;
        for (int value = 0; value < tokens; value++) {
            boolean printable = (value >= '!' && value <= '~') || (value >= 0xA1 && value != 0xAD);
            char spelled = (char) (printable ? value : unprintable++);
            String escaped = spelled == '"' || spelled == '\\' ? "\\" + spelled : String.valueOf(spelled);
            vocabulary
                    .append(value == 0 ? "" : ",")
                    .append('"')
                    .append(escaped)
                    .append("\":")
                    .append(value);
        }
        return """
                {"version": "1.0", "added_tokens": [], "normalizer": null, "post_processor": null,
                 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
                 "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
                 "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false, "merges": [],
                           "vocab": {VOCABULARY}}}
                """.replace("VOCABULARY", vocabulary);
    }

    /** Puts a file into a model's folder, in place of the one there. */
    public static void write(Path folder, String name, String text) {
        try {
            Files.writeString(folder.resolve(name), text, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
