package awq4j.cli.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A hub with a model, an empty cache, and a way to pull that never waits. */
abstract class PullContract {
    static final String WEIGHTS = "model.safetensors";
    static final byte[] CONTENT = bytes(300_000);
    static final ModelName MODEL = new ModelName(FakeHub.ID, ModelName.MAIN);

    @TempDir
    Path folder;

    final List<Duration> pauses = Collections.synchronizedList(new ArrayList<>());
    final List<String> reasons = Collections.synchronizedList(new ArrayList<>());
    FakeHub hub;
    HubCache cache;
    Optional<Token> token = Optional.empty();
    boolean links = true;
    Map<String, String> environment = Map.of();
    URI endpoint;
    Duration silence = Duration.ofMinutes(1);
    long stopAt = Long.MAX_VALUE;
    long arrived;

    @BeforeEach
    void start() {
        cache = new HubCache(folder.resolve("cache"));
        hub = new FakeHub()
                .file("config.json", "{\"model_type\":\"llama\"}")
                .file("tokenizer.json", "{}")
                .large(WEIGHTS, CONTENT)
                .large("pytorch_model.bin", bytes(1000))
                .file("README.md", "words");
        endpoint = hub.address();
    }

    @AfterEach
    void stop() {
        hub.close();
    }

    void refused(String message) {
        assertThatThrownBy(this::pull).isInstanceOf(HubException.class).hasMessageStartingWith(message);
    }

    PullPlan pull() throws IOException {
        return pull(MODEL);
    }

    PullPlan pull(ModelName name) throws IOException {
        return pull(name, List.of(), List.of());
    }

    PullPlan pull(ModelName name, List<String> include, List<String> exclude) throws IOException {
        var settings = new HubSettings(endpoint, cache, token, false, links, new EnvironmentProxies(environment));
        return new Pull(settings, name, patience(), watch()).run(include, exclude);
    }

    Patience patience() {
        return new Patience(
                Duration.ofSeconds(10),
                Duration.ofSeconds(10),
                silence,
                List.of(Duration.ofSeconds(1), Duration.ofSeconds(2)),
                Duration.ofMinutes(5),
                pauses::add);
    }

    PullWatch watch() {
        return new PullWatch() {
            @Override
            public void planned(PullPlan plan) {
                assertThat(plan.commit()).hasSize(40);
            }

            @Override
            public synchronized void fetched(long bytes) {
                arrived += bytes;
            }

            @Override
            public void finished(RemoteFile file) {
                assertThat(file.size()).isNotNegative();
            }

            @Override
            public void waiting(Duration time, String reason) {
                reasons.add(reason);
            }

            @Override
            public synchronized void check() {
                if (arrived >= stopAt) {
                    throw new CancellationException("interrupted");
                }
            }
        };
    }

    Path snapshot() {
        return cache.find(MODEL).orElseGet(() -> cache.snapshot(MODEL, FakeHub.COMMIT));
    }

    Path unfinished() {
        return cache.model(MODEL).resolve("blobs").resolve(sha() + ".incomplete");
    }

    static String sha() {
        return FakeHub.hash(WEIGHTS, CONTENT, 64);
    }

    String host() {
        URI address = hub.address();
        return address.getHost() + ":" + address.getPort();
    }

    static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    static byte[] bytes(int count) {
        return bytes(count, 1);
    }

    static byte[] bytes(int count, long seed) {
        var bytes = new byte[count];
        new SplittableRandom(seed).nextBytes(bytes);
        return bytes;
    }
}
