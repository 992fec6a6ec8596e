package awq4j.cli.hub;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The secret by which a hub knows the user.
 *
 * @param value the secret itself
 * @param source where it was found, for messages
 */
record Token(String value, String source) {
    private static final List<String> VARIABLES =
            List.of("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN");
    private static final int LONGEST = 4096;

    /** @throws HubException if the text cannot be sent as a token */
    Token {
        if (value.length() > LONGEST || !value.chars().allMatch(c -> c > ' ' && c < 0x7F)) {
            throw new HubException("what " + source + " holds is not a token: it should be one word of letters and"
                    + " digits, such as hf_...");
        }
    }

    /**
     * The token of the environment, or else of the file that {@code hf auth login} writes.
     *
     * @param file usually {@code ~/.cache/huggingface/token}
     */
    static Optional<Token> find(Map<String, String> environment, Path file) {
        if (HubSettings.isTrue(environment.get("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) {
            return Optional.empty();
        }
        for (String variable : VARIABLES) {
            String value = environment.getOrDefault(variable, "").strip();
            if (!value.isEmpty()) {
                return Optional.of(new Token(value, variable));
            }
        }
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            if (Files.size(file) > LONGEST) {
                throw new HubException(file + " is too large to be a token; put a token into HF_TOKEN instead");
            }
            String value = Files.readString(file, StandardCharsets.ISO_8859_1).strip();
            return value.isEmpty() ? Optional.empty() : Optional.of(new Token(value, file.toString()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Never the secret. */
    @Override
    public String toString() {
        return "token from " + source;
    }
}
