package awq4j.cli.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.testing.SmallDisk;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** Downloads from a hub on this machine, over connections that fail in every way that networks do. */
class PullTest extends PullContract {
    @Test
    void layOutIsThatOfPythonsLibrary() throws IOException {
        PullPlan plan = pull();
        Path model = cache.folder().resolve("models--org--small-model");
        Path snapshot = model.resolve("snapshots").resolve(FakeHub.COMMIT);
        assertThat(plan.snapshot()).isEqualTo(snapshot);
        assertThat(model.resolve("refs/main")).hasContent(FakeHub.COMMIT);
        assertThat(names(snapshot)).containsExactly("README.md", "config.json", WEIGHTS, "tokenizer.json");
        String sha256 = FakeHub.hash(WEIGHTS, CONTENT, 64);
        assertThat(Files.readSymbolicLink(snapshot.resolve(WEIGHTS))).hasToString("../../blobs/" + sha256);
        assertThat(snapshot.resolve(WEIGHTS)).hasBinaryContent(CONTENT);
        // git hash-object of the two characters
        assertThat(Files.readSymbolicLink(snapshot.resolve("tokenizer.json")))
                .hasToString("../../blobs/9e26dfeeb6e641a33dae4961196235bdb965b21b");
        assertThat(names(model.resolve("blobs"))).hasSize(4).noneMatch(name -> name.endsWith(".incomplete"));
        assertThat(cache.find(MODEL)).hasValue(snapshot);
        assertThat(HubCache.missing(snapshot)).isEmpty();
        assertThat(plan.skipped()).extracting(RemoteFile::path).containsExactly("pytorch_model.bin");
    }

    @Test
    void notesThatAFileIsAbsentGoWhenItComes() throws IOException {
        Path notes = cache.folder().resolve("models--org--small-model/.no_exist/" + FakeHub.COMMIT);
        Files.createDirectories(notes);
        Files.createFile(notes.resolve("tokenizer.json"));
        Files.createFile(notes.resolve("adapter_config.json"));
        Path snapshot = pull().snapshot();
        assertThat(names(notes))
                .as("Python looks here before it looks into the snapshot")
                .containsExactly("adapter_config.json");
        assertThat(HubCache.isKnownAbsent(snapshot, "adapter_config.json")).isTrue();
        assertThat(HubCache.isKnownAbsent(snapshot, "tokenizer.json")).isFalse();
    }

    @Test
    void whatIsThereIsNotFetchedAgain() throws IOException {
        pull();
        int before = hub.requests().size();
        assertThat(pull().missing()).isEmpty();
        assertThat(hub.requests().subList(before, hub.requests().size()))
                .hasSize(2)
                .allMatch(request -> request.path().startsWith("/api/"));
    }

    @Test
    void blobsOfAnotherCommitAreOnlyLinked() throws IOException {
        pull();
        String other = "f".repeat(40);
        hub.commit(other).file("config.json", "{\"model_type\":\"opt\"}");
        PullPlan plan = pull();
        assertThat(plan.missing()).extracting(RemoteFile::path).containsExactly("config.json");
        assertThat(cache.snapshot(MODEL, other).resolve(WEIGHTS)).hasBinaryContent(CONTENT);
        assertThat(cache.find(MODEL)).hasValue(cache.snapshot(MODEL, other));
        assertThat(cache.find(new ModelName(FakeHub.ID, FakeHub.COMMIT)))
                .hasValue(cache.snapshot(MODEL, FakeHub.COMMIT));
    }

    @Test
    void filesWithOneContentAreFetchedOnce() throws IOException {
        hub.file("a.json", "same").file("b.json", "same");
        pull();
        assertThat(hub.ranges("a.json")).hasSize(1);
        assertThat(hub.ranges("b.json")).isEmpty();
        assertThat(snapshot().resolve("b.json")).hasContent("same");
    }

    @Test
    void cutConnectionGoesOnWhereItEnded() throws IOException {
        hub.next(WEIGHTS, FakeHub.cutAfter(100_000), FakeHub.cutAfter(50_000));
        pull();
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
        assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=100000-", "bytes=150000-");
        assertThat(pauses).containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(1));
    }

    @Test
    void connectionThatFailsAgainAndAgainIsGivenUpAndItsBytesAreKept() throws IOException {
        hub.next(WEIGHTS, FakeHub.cutAfter(1000), FakeHub.cutAfter(0), FakeHub.cutAfter(0));
        assertThatThrownBy(this::pull)
                .isInstanceOf(HubException.class)
                .hasMessageStartingWith("the connection to " + host()
                        + " failed 3 times in a row at byte 1000 of 300000 of " + WEIGHTS + ": ")
                .hasMessageEndingWith("; run this again, it goes on from there");
        assertThat(pauses).containsExactly(Duration.ofSeconds(1), Duration.ofSeconds(2));
        assertThat(cache.find(MODEL)).as("not whole, so not there").isEmpty();
        pull();
        assertThat(hub.ranges(WEIGHTS)).last().isEqualTo("bytes=1000-");
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    }

    @Test
    void connectionThatFallsSilentIsCut() throws IOException {
        silence = Duration.ofMillis(50);
        var done = new CountDownLatch(1);
        hub.next(WEIGHTS, (exchange, content) -> {
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content, 0, 1000);
            exchange.getResponseBody().flush();
            try {
                done.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        try {
            pull();
        } finally {
            done.countDown();
        }
        assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=1000-");
        assertThat(reasons).containsExactly("the connection for " + WEIGHTS + " failed (it fell silent)");
    }

    @Test
    void serverWithoutRangesSendsAllAgain() throws IOException {
        hub.next(WEIGHTS, FakeHub.cutAfter(1000), FakeHub.instead(CONTENT));
        pull();
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
        assertThat(arrived).isEqualTo(pull().bytes());
    }

    @Test
    void rangeThatIsRefusedBeginsAnew() throws IOException {
        hub.next(WEIGHTS, FakeHub.cutAfter(1000), FakeHub.refuse(416, ""));
        pull();
        assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=1000-", "");
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    }

    @Test
    void anotherRangeThanAskedForIsNotTaken() throws IOException {
        hub.next(WEIGHTS, FakeHub.cutAfter(1000), (exchange, content) -> {
            exchange.getResponseHeaders().add("Content-Range", "bytes 0-299999/300000");
            exchange.sendResponseHeaders(206, content.length);
            exchange.getResponseBody().write(content);
        });
        pull();
        assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=1000-", "bytes=1000-");
        assertThat(reasons.get(1)).contains("asked for the bytes from 1000, got \"bytes 0-299999/300000\"");
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    }

    @Test
    void wrongBeginningFromAnEarlierRunIsReplaced() throws IOException {
        Files.createDirectories(unfinished().getParent());
        Files.write(unfinished(), bytes(1000, 3));
        assertThat(pull().kept()).isEqualTo(1000);
        assertThat(hub.ranges(WEIGHTS)).containsExactly("bytes=1000-", "");
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    }

    @Test
    void wholeFileWithoutItsNameIsOnlyChecked() throws IOException {
        Files.createDirectories(unfinished().getParent());
        Files.write(unfinished(), CONTENT);
        pull();
        assertThat(hub.ranges(WEIGHTS)).isEmpty();
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    }

    @Test
    void interruptionLeavesTheBeginningAndTheNextRunGoesOn() throws IOException {
        hub.next(WEIGHTS, FakeHub.cutAfter(200_000));
        stopAt = 150_000;
        assertThatThrownBy(this::pull).isInstanceOf(CancellationException.class);
        long kept = Files.size(unfinished());
        assertThat(kept).isPositive();
        stopAt = Long.MAX_VALUE;
        assertThat(pull().kept()).isGreaterThanOrEqualTo(kept);
        assertThat(hub.ranges(WEIGHTS)).last().isEqualTo("bytes=" + kept + "-");
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    }

    @Test
    void fileThatAnotherRunDownloadsIsLeftToIt() throws IOException {
        Files.createDirectories(unfinished().getParent());
        try (var channel = FileChannel.open(unfinished(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                var lock = channel.lock()) {
            assertThat(lock.isValid()).isTrue();
            refused("another run is downloading " + WEIGHTS + " of org/small-model; wait for it, or end it");
        }
    }

    @Test
    void withoutLinksTheFilesThemselvesLieInTheSnapshot() throws IOException {
        links = false;
        hub.file("a.json", "same").file("b.json", "same");
        pull();
        assertThat(Files.isSymbolicLink(snapshot().resolve(WEIGHTS))).isFalse();
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
        assertThat(snapshot().resolve("a.json")).hasContent("same");
        assertThat(snapshot().resolve("b.json")).hasContent("same");
        assertThat(pull().missing()).isEmpty();
    }

    @Test
    void diskThatIsTooSmallIsSaidBeforeAnythingIsFetched() {
        try (var disk = SmallDisk.mount(1 << 16)) {
            cache = new HubCache(disk.folder().resolve("below/cache"));
            refused("the disk of " + cache.folder() + " has 0 MiB free, and org/small-model takes 1 MiB more; free"
                    + " some, or choose a folder on another disk with --cache or HF_HUB_CACHE");
        }
        assertThat(hub.ranges(WEIGHTS)).isEmpty();
    }

    @Test
    void offlineAsksNobody() {
        var settings = new HubSettings(hub.address(), cache, token, true, links, new EnvironmentProxies(environment));
        assertThatThrownBy(() -> new Pull(settings, MODEL, patience(), watch()).run(List.of(), List.of()))
                .isInstanceOf(HubException.class)
                .hasMessageStartingWith("HF_HUB_OFFLINE forbids connections, and org/small-model is not in the cache");
        assertThat(hub.requests()).isEmpty();
    }

    @Test
    void proxyOfTheEnvironmentIsTheWay() throws IOException {
        environment = Map.of("HTTP_PROXY", hub.address().toString(), "no_proxy", "other.example, .third.example");
        endpoint = URI.create("http://hub.example");
        pull();
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
        assertThat(hub.requests()).hasSize(6);
    }

    @Test
    void revisionsAndNamesAreEscapedInAddresses() throws IOException {
        hub.file("with blank & #+é.json", "{}");
        pull(new ModelName(FakeHub.ID, "refs/pr/1"));
        assertThat(cache.model(MODEL).resolve("refs/refs/pr/1")).hasContent(FakeHub.COMMIT);
        assertThat(snapshot().resolve("with blank & #+é.json")).hasContent("{}");
    }

    @Test
    void chosenFilesAreTakenAsChosen() throws IOException {
        pull(MODEL, List.of("*.bin", "config.json"), List.of());
        assertThat(names(snapshot())).containsExactly("config.json", "pytorch_model.bin");
    }
}
