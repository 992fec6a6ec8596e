package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.cli.hub.FakeHub;
import awq4j.cli.hub.HubCache;
import awq4j.cli.hub.ModelName;
import awq4j.format.Config;
import awq4j.tensor.DType;
import awq4j.testing.RandomModels;
import awq4j.testing.RandomModels.Sizes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PullCommandTest {
    @TempDir
    private Path folder;

    private FakeHub hub;
    private Path cache;

    @BeforeEach
    void aHubWithAModel() throws IOException {
        hub = new FakeHub();
        cache = folder.resolve("cache");
        Path model = RandomModels.llama(folder.resolve("source"), Sizes.SMALL, DType.F16, 1);
        RandomModels.addTokenizer(model);
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.sorted().toList()) {
                hub.large(file.getFileName().toString(), Files.readAllBytes(file));
            }
        }
    }

    @AfterEach
    void stop() {
        hub.close();
    }

    @Test
    void whatIsPulledRuns() throws IOException {
        Path json = folder.resolve("facts.json");
        var pulled = pull(FakeHub.ID, "--json", json);
        assertThat(pulled.code()).as(pulled.toString()).isZero();
        Path snapshot = cache.resolve("models--org--small-model/snapshots/" + FakeHub.COMMIT);
        assertThat(pulled.out()).isEqualTo(snapshot + "\n");
        assertThat(pulled.err())
                .startsWith("org/small-model: ")
                .contains(" to download, ", "complete in ", "all hashes right", "at commit 0123456789ab")
                .endsWith("try: awq4j inspect " + snapshot + "\n");
        Config facts = Config.read(json);
        assertThat(facts.text("model")).isEqualTo(FakeHub.ID);
        assertThat(facts.text("commit")).isEqualTo(FakeHub.COMMIT);
        assertThat(facts.json().get("files").get(0).get("path").asString()).isEqualTo("config.json");

        var again = pull(FakeHub.ID);
        assertThat(again.code()).isZero();
        assertThat(again.err()).startsWith("nothing is missing: ");

        Path found = ModelFolder.of(Path.of(FakeHub.ID), new HubCache(cache));
        assertThat(found).isEqualTo(snapshot);
        assertThat(Program.run("inspect", found).code()).isZero();
        var run = Program.run("run", found, "--prompt", "a", "--max-tokens", 2);
        assertThat(run.code()).as(run.toString()).isZero();
    }

    @Test
    void quantizedFolderOfAPulledModelHoldsFilesNotLinks() throws IOException {
        assertThat(pull(FakeHub.ID).code()).isZero();
        Path snapshot = new HubCache(cache)
                .find(new ModelName(FakeHub.ID, ModelName.MAIN))
                .orElseThrow();
        Path out = folder.resolve("q4");
        var quantized = Program.run("quantize", snapshot, "--out", out, "--method", "rtn", "--group-size", 32);
        assertThat(quantized.code()).as(quantized.toString()).isZero();
        try (Stream<Path> files = Files.walk(out)) {
            assertThat(files).noneMatch(Files::isSymbolicLink);
        }
    }

    @Test
    void revisionMayBeNamedInEitherWay() {
        assertThat(pull(FakeHub.ID, "--revision", "v1").code()).isZero();
        assertThat(pull(FakeHub.ID + "@v1").err()).startsWith("nothing is missing");
        assertThat(ModelFolder.of(Path.of(FakeHub.ID + "@v1"), new HubCache(cache)))
                .endsWith(Path.of(FakeHub.COMMIT));
        var twice = pull(FakeHub.ID + "@v1", "--revision", "v2");
        assertThat(twice.code()).isEqualTo(2);
        assertThat(twice.err()).startsWith("awq4j: the revision is given twice");
    }

    @Test
    void filesMayBeChosenByManyPatterns() throws IOException {
        var pulled = pull(FakeHub.ID, "--include", "config.json", "--include", "tok*", "--exclude", "*_config.json");
        assertThat(pulled.code()).as(pulled.toString()).isZero();
        try (Stream<Path> files = Files.list(Path.of(pulled.out().strip()))) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("config.json", "tokenizer.json");
        }
        var incomplete = pull(FakeHub.ID, "--include", "*.gguf");
        assertThat(incomplete.code()).isEqualTo(1);
        assertThat(incomplete.err()).startsWith("awq4j: no file of org/small-model is like *.gguf; it has ");
    }

    @Test
    void wrongUsageIsSaid() {
        var address = pull("https://huggingface.co/org/small-model");
        assertThat(address.code()).isEqualTo(2);
        assertThat(address.err()).startsWith("awq4j: give the model's name, ORG/MODEL, not its address");
        var wrong = pull("../model");
        assertThat(wrong.code()).isEqualTo(2);
        assertThat(wrong.err()).startsWith("awq4j: \"../model\" is not a model's name");
        var revision = pull(FakeHub.ID, "--revision", "../x");
        assertThat(revision.code()).isEqualTo(2);
        assertThat(revision.err()).startsWith("awq4j: --revision should be a branch, a tag or a commit");
    }

    @Test
    void failureIsOneLine() {
        var missing = pull("org/no-such-model");
        assertThat(missing.code()).isEqualTo(1);
        assertThat(missing.err().lines()).singleElement().asString().startsWith("awq4j: there is no model org/no-such");
        assertThat(missing.out()).isEmpty();
        var endpoint = Program.run("pull", FakeHub.ID, "--endpoint", "nonsense", "--cache", cache);
        assertThat(endpoint.code()).isEqualTo(1);
        assertThat(endpoint.err()).startsWith("awq4j: --endpoint should be an address such as");
    }

    private Program pull(Object... arguments) {
        return Program.run(
                Stream.concat(Stream.of("pull", "--endpoint", hub.address(), "--cache", cache), Stream.of(arguments))
                        .toArray());
    }
}
