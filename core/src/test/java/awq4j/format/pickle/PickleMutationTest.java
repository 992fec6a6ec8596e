package awq4j.format.pickle;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Mutations;
import awq4j.format.Mutations.Outcome;
import awq4j.format.UnsupportedModelException;
import awq4j.testing.GoldenFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Damaged files in both forms. */
class PickleMutationTest {
    private static final int FILES = 10_000;

    @TempDir
    private Path folder;

    /** @param from where the pickle begins */
    @ParameterizedTest
    @CsvSource({"tricky.pt,64,1268", "tricky_legacy.pt,0,1807"})
    void aDamagedFileIsReadOrRefused(String golden, int from, int to) throws IOException {
        byte[] good = Files.readAllBytes(GoldenFiles.path("models/checkpoint_formats/" + golden));
        Mutations mutations = Mutations.of(good, 21)
                .within(from, to)
                .within(good.length - 1600 % good.length, good.length)
                .placed();
        Outcome outcome = mutations.read(FILES, folder.resolve(golden), file -> {
            try (PickleFile opened = PickleFile.open(file)) {
                for (String name : opened.names()) {
                    touchIfSupported(opened, name);
                }
            }
        });
        assertThat(outcome.accepted()).isGreaterThan(FILES / 20);
        assertThat(outcome.malformed()).isGreaterThan(FILES / 5);
    }

    private static void touchIfSupported(PickleFile opened, String name) {
        try {
            Mutations.touch(opened.tensor(name));
        } catch (UnsupportedModelException e) {
            assertThat(e).hasMessageMatching(".*(has element type|has strides).*");
        }
    }
}
