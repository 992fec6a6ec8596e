package awq4j.tokenizer.sentencepiece;

import awq4j.format.Config;
import awq4j.tokenizer.SpecialTokens;
import awq4j.tokenizer.json.AddedTokens;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/**
 * What a vocabulary of pieces does not say of its use.
 *
 * @param addBos whether a text gets the token that begins one
 * @param addEos whether a text gets the token that ends one
 * @param legacy whether every piece of text between special tokens gets the leading space, not only a text's beginning
 * @param prefixSpace whether there is a leading space at all; empty: as the model was trained
 * @param added tokens beside the pieces
 * @param roles tokens with a role
 */
record Surroundings(
        boolean addBos,
        boolean addEos,
        boolean legacy,
        Optional<Boolean> prefixSpace,
        AddedTokens added,
        SpecialTokens roles) {

    /**
     * What the files beside a {@code tokenizer.model} say: {@code add_bos_token} (true if not said),
     * {@code add_eos_token} (false), {@code legacy} (true) and {@code add_prefix_space} of
     * {@code tokenizer_config.json}, and the {@linkplain AddedTokens added tokens}.
     */
    static Surroundings beside(Path model) {
        Path folder = Objects.requireNonNull(model.toAbsolutePath().getParent(), "a file lies in a folder");
        Path file = folder.resolve(SpecialTokens.CONFIG_FILE);
        Optional<Config> config = Files.isRegularFile(file) ? Optional.of(Config.read(file)) : Optional.empty();
        return new Surroundings(
                config.map(c -> c.flag("add_bos_token", true)).orElse(true),
                config.map(c -> c.flag("add_eos_token", false)).orElse(false),
                config.map(c -> c.flag("legacy", true)).orElse(true),
                config.filter(c -> c.has("add_prefix_space")).map(c -> c.flag("add_prefix_space", true)),
                AddedTokens.read(folder),
                SpecialTokens.read(folder));
    }
}
