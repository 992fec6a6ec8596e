package awq4j.tokenizer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/** The files below the test resource folder {@code tokenizer}. */
final class Fixtures {
    private Fixtures() {}

    static byte[] bytes(String name) {
        try (var stream = Objects.requireNonNull(Fixtures.class.getResourceAsStream("/tokenizer/" + name), name)) {
            return stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void copy(String name, Path folder) {
        try {
            Files.write(folder.resolve(name), bytes(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
