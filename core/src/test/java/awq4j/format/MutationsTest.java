package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.Mutations.Outcome;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The harness itself: that it damages, and that each wrong answer is found. */
class MutationsTest {
    private static final byte[] GOOD =
            "a small file of 33 bytes, no more".getBytes(java.nio.charset.StandardCharsets.UTF_8);

    private final Mutations mutations = Mutations.of(GOOD, 3).within(0, 8);

    @TempDir
    private Path folder;

    @Test
    void aSeedGivesTheSameFilesAndManyOfThem() {
        Set<String> files = new HashSet<>();
        for (int i = 0; i < 1000; i++) {
            assertThat(mutations.file(i))
                    .isEqualTo(Mutations.of(GOOD, 3).within(0, 8).file(i));
            files.add(java.util.HexFormat.of().formatHex(mutations.file(i)));
        }
        assertThat(files).hasSizeGreaterThan(800);
    }

    @Test
    void answersAreCounted() {
        Outcome outcome = mutations.read(500, folder.resolve("a"), file -> {
            byte[] bytes = Files.readAllBytes(file);
            if (bytes.length < GOOD.length) {
                throw new MalformedFileException(file, bytes.length, "ends too early");
            }
            if (bytes[0] != 'a') {
                throw new UnsupportedModelException("begins with another letter");
            }
        });
        assertThat(outcome.accepted()).isBetween(100, 450);
        assertThat(outcome.malformed()).isBetween(20, 300);
        assertThat(outcome.unsupported()).isBetween(20, 300);
        assertThat(outcome.accepted() + outcome.malformed() + outcome.unsupported())
                .isEqualTo(500);
    }

    @Test
    void wrongAnswersAreFound() {
        assertFound("seed 3, file ", file -> {
            throw new IndexOutOfBoundsException("17");
        });
        assertFound("seed 3, file ", MutationsTest::overflow);
        assertFound("offset, seed 3, file ", file -> {
            throw new MalformedFileException(file, 1000, "a place that the file has not");
        });
        assertFound("message, seed 3, file ", file -> {
            throw new MalformedFileException(file, 0, "x".repeat(1000));
        });
        assertFound("bytes allocated for a file of ", file -> {
            byte[] much = new byte[(2 << 20) + file.getNameCount()];
            throw new MalformedFileException(file, 0, "only after taking " + much.length);
        });
        assertFound("bytes allocated for a file of ", file -> {
            MemorySegment much = Arena.ofAuto().allocate(2 << 20);
            throw new MalformedFileException(file, 0, "only after taking " + much.byteSize());
        });
    }

    private static void overflow(Path file) {
        if (file.getNameCount() > 0) { // always so
            overflow(file.resolveSibling("b"));
        }
        throw new IllegalStateException(file.toString());
    }

    private void assertFound(String message, Mutations.Reader whatIfDamaged) {
        assertThatThrownBy(() -> mutations.read(100, folder.resolve("a"), file -> {
                    if (!isGood(file)) {
                        whatIfDamaged.read(file);
                    }
                }))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining(message);
    }

    @Test
    void aGoodFileThatIsRefusedFails() {
        assertThatThrownBy(() -> mutations.read(1, folder.resolve("a"), file -> {
                    throw new MalformedFileException(file, 0, "is refused in any case");
                }))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("reading the good file");
    }

    private static boolean isGood(Path file) throws IOException {
        return java.util.Arrays.equals(Files.readAllBytes(file), GOOD);
    }
}
