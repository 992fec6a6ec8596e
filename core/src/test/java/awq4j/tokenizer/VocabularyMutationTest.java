package awq4j.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Mutations;
import awq4j.format.Mutations.Outcome;
import awq4j.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Vocabularies in the form of SentencePiece and of GPT-2, damaged. */
class VocabularyMutationTest {
    private static final Path FIXTURES = Repository.root().resolve("core/src/test/resources/tokenizer");

    /** Of a few hundred pieces: themselves, their merges, and the JSON that they become. */
    private static final long MOST_BYTES = 4 << 20;

    private static final int FILES = 5_000;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"bpe.model, 41", "unigram.model, 42"})
    void damagedPiecesAreReadOrRefused(String fixture, long seed) throws IOException {
        byte[] good = Files.readAllBytes(FIXTURES.resolve(fixture));
        Outcome outcome = Mutations.of(good, seed)
                .within(0, 64)
                .within(good.length - 400, good.length) // trainer and normalizer
                .allocating(MOST_BYTES)
                .read(FILES, folder.resolve("tokenizer.model"), file -> TokenizerFile.read(folder));
        assertThat(outcome.accepted()).isGreaterThan(FILES / 10);
        assertThat(outcome.malformed()).isGreaterThan(FILES / 10);
    }

    @ParameterizedTest
    @CsvSource({"vocab.json, 43", "merges.txt, 44"})
    void damagedWordsAreReadOrRefused(String damaged, long seed) throws IOException {
        Files.writeString(
                folder.resolve("vocab.json"),
                "{\"a\":0,\"b\":1,\"c\":2,\"\u0120\":3,\"ab\":4,\"abc\":5,\"\u0120a\":6,\"<|endoftext|>\":7}");
        Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\na b\nab c\n\u0120 a\n");
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"tokenizer_class\": \"GPT2Tokenizer\"}");
        byte[] good = Files.readAllBytes(folder.resolve(damaged));
        Outcome outcome = Mutations.of(good, seed)
                .allocating(MOST_BYTES)
                .read(FILES, folder.resolve(damaged), file -> TokenizerFile.read(folder));
        assertThat(outcome.accepted()).isGreaterThan(FILES / 50);
        assertThat(outcome.malformed()).isGreaterThan(FILES / 10);
    }
}
