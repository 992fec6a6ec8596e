package awq4j.cli.hub;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubCacheTest {
    private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
    private static final ModelName MODEL = new ModelName("org/model", ModelName.MAIN);

    @TempDir
    private Path folder;

    private HubCache cache;
    private Path snapshot;

    @BeforeEach
    void make() throws IOException {
        cache = new HubCache(folder);
        snapshot = Files.createDirectories(folder.resolve("models--org--model/snapshots/" + COMMIT));
        Files.createDirectories(folder.resolve("models--org--model/refs"));
    }

    @Test
    void revisionIsFoundByItsRefAndCommitByItself() throws IOException {
        assertThat(cache.find(MODEL)).isEmpty();
        assertThat(cache.find(new ModelName("org/model", COMMIT))).hasValue(snapshot);
        assertThat(cache.revisions(MODEL)).containsExactly(COMMIT);
        Files.writeString(folder.resolve("models--org--model/refs/main"), COMMIT + "\n");
        assertThat(cache.find(MODEL)).hasValue(snapshot);
        assertThat(cache.find(new ModelName("org/model", "other"))).isEmpty();
        assertThat(cache.find(new ModelName("org/other", "main"))).isEmpty();
    }

    @Test
    void refThatIsNoCommitLeadsNowhere() throws IOException {
        Files.writeString(folder.resolve("models--org--model/refs/main"), "../../../..");
        assertThat(cache.find(MODEL)).isEmpty();
    }

    @Test
    void refIsWrittenOnceAndReplaced() throws IOException {
        cache.writeRef(MODEL, COMMIT);
        assertThat(folder.resolve("models--org--model/refs/main")).hasContent(COMMIT);
        cache.writeRef(MODEL, "f".repeat(40));
        assertThat(folder.resolve("models--org--model/refs/main")).hasContent("f".repeat(40));
        cache.writeRef(new ModelName("org/model", COMMIT), COMMIT);
        assertThat(folder.resolve("models--org--model/refs")).isDirectoryNotContaining("glob:**" + COMMIT);
    }

    @Test
    void oneGgufFileIsAModel() throws IOException {
        assertThat(HubCache.gguf(snapshot)).isEmpty();
        Files.writeString(snapshot.resolve("m-00002-of-00002.gguf"), "");
        Path first = Files.writeString(snapshot.resolve("m-00001-of-00002.gguf"), "");
        assertThat(HubCache.missing(snapshot)).isEmpty();
        assertThat(HubCache.gguf(snapshot)).hasValue(first);
        Files.writeString(snapshot.resolve("config.json"), "{}");
        assertThat(HubCache.gguf(snapshot)).as("then the folder is the model").isEmpty();
    }

    @Test
    void whatAnInterruptedDownloadLacksIsNamed() throws IOException {
        assertThat(HubCache.missing(snapshot)).hasValue("config.json");
        Files.writeString(snapshot.resolve("config.json"), "{}");
        assertThat(HubCache.missing(snapshot)).hasValue("its weights");
        Path weights = snapshot.resolve("model.safetensors");
        Files.createSymbolicLink(weights, Path.of("../../blobs/none"));
        assertThat(HubCache.missing(snapshot)).hasValue("model.safetensors");
        Files.delete(weights);
        Files.writeString(weights, "");
        assertThat(HubCache.missing(snapshot)).isEmpty();
        Files.writeString(
                snapshot.resolve("model.safetensors.index.json"),
                "{\"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\", \"b\": \"model-00002-of-00002.safetensors\"}}");
        Files.writeString(snapshot.resolve("model-00001-of-00002.safetensors"), "");
        assertThat(HubCache.missing(snapshot)).hasValue("model-00002-of-00002.safetensors");
        Files.writeString(snapshot.resolve("model.safetensors.index.json"), "{");
        assertThat(HubCache.missing(snapshot))
                .as("a damaged index is for who opens it")
                .isEmpty();
    }
}
