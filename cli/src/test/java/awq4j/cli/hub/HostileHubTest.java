package awq4j.cli.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Hubs that refuse, lie, and lead elsewhere. */
class HostileHubTest extends PullContract {
    @Test
    void wrongContentIsFetchedOnceMore() throws IOException {
        hub.next(WEIGHTS, FakeHub.instead(bytes(CONTENT.length - 1, 7)), FakeHub.cutAfter(0));
        hub.next("tokenizer.json", FakeHub.instead("[]".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
        pull();
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
        assertThat(snapshot().resolve("tokenizer.json")).hasContent("{}");
        assertThat(hub.ranges("tokenizer.json")).containsExactly("", "");
    }

    @Test
    void contentThatStaysWrongIsRefusedAndNotKept() throws IOException {
        byte[] wrong = CONTENT.clone();
        wrong[77_777] ^= 1;
        hub.next(WEIGHTS, FakeHub.instead(wrong), FakeHub.instead(wrong));
        assertThatThrownBy(this::pull)
                .isInstanceOf(HubException.class)
                .hasMessageStartingWith(WEIGHTS + " arrives with another content than " + host() + " announces");
        assertThat(cache.find(MODEL)).isEmpty();
        assertThat(unfinished()).isEmptyFile();
        pull();
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    }

    @Test
    void moreBytesThanAnnouncedAreRefused() throws IOException {
        hub.next(WEIGHTS, FakeHub.instead(Arrays.copyOf(CONTENT, CONTENT.length + 1)));
        assertThatThrownBy(this::pull)
                .isInstanceOf(HubException.class)
                .hasMessage(WEIGHTS + " is larger than the 300000 bytes that " + host()
                        + " announces; nothing of it was kept");
        assertThat(unfinished()).isEmptyFile();
    }

    @Test
    void fewerBytesThanAnnouncedAreACutConnection() {
        byte[] less = Arrays.copyOf(CONTENT, CONTENT.length - 1);
        hub.next(WEIGHTS, FakeHub.instead(less), FakeHub.instead(less), FakeHub.instead(less));
        hub.next(WEIGHTS, FakeHub.instead(less));
        assertThatThrownBy(this::pull)
                .isInstanceOf(HubException.class)
                .hasMessageContaining("it ended at byte 299999 of 300000");
    }

    @Test
    void tokenGoesToTheHubAndNowhereElse() throws IOException {
        token = Optional.of(new Token("hf_secret", "HF_TOKEN"));
        try (var storage = new FakeHub()) {
            storage.next("/signed", FakeHub.instead(CONTENT));
            hub.next(WEIGHTS, FakeHub.redirect(storage.address() + "/signed?signature=x"));
            pull();
            assertThat(storage.requests()).hasSize(1).allMatch(request -> request.token() == null);
        }
        assertThat(hub.requests()).allMatch(request -> "Bearer hf_secret".equals(request.token()));
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
        assertThat(token.get().toString()).doesNotContain("secret");
    }

    @Test
    void redirectWithinTheHubKeepsTheToken() throws IOException {
        token = Optional.of(new Token("hf_secret", "HF_TOKEN"));
        hub.next(
                "/api/models/old/name/revision/main", FakeHub.redirect("/api/models/" + FakeHub.ID + "/revision/main"));
        hub.next(
                "/api/models/old/name/tree/" + FakeHub.COMMIT,
                FakeHub.redirect("/api/models/" + FakeHub.ID + "/tree/" + FakeHub.COMMIT));
        for (String file : List.of("config.json", "tokenizer.json", WEIGHTS, "README.md")) {
            String path = "/resolve/" + FakeHub.COMMIT + "/" + file;
            hub.next("/old/name" + path, FakeHub.redirect("/" + FakeHub.ID + path));
        }
        var moved = new ModelName("old/name", ModelName.MAIN);
        pull(moved);
        assertThat(hub.requests()).allMatch(request -> "Bearer hf_secret".equals(request.token()));
        assertThat(cache.find(moved).orElseThrow().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
    }

    @Test
    void redirectsWithoutEndAreRefused() {
        FakeHub.Fault[] again = new FakeHub.Fault[11];
        Arrays.fill(again, FakeHub.redirect("/api/models/" + FakeHub.ID + "/revision/main"));
        hub.next("/api/models/" + FakeHub.ID + "/revision/main", again);
        refused(host() + " redirects more than 10 times from");
    }

    @ParameterizedTest
    @ValueSource(strings = {"file:///etc/passwd", "ftp://127.0.0.1/x", "http:///x", "::"})
    void redirectsToOtherThanTheWebAreRefused(String location) {
        hub.next(WEIGHTS, FakeHub.redirect(location));
        refused(host() + " redirects to ");
    }

    @Test
    void hubThatAsksForPatienceGetsIt() throws IOException {
        hub.next("/api/models/" + FakeHub.ID + "/revision/main", FakeHub.refuse(429, "", "Retry-After", "7"));
        hub.next(
                WEIGHTS,
                FakeHub.refuse(429, "", "Retry-After", "11"),
                FakeHub.refuse(503, ""),
                FakeHub.cutAfter(5),
                FakeHub.refuse(429, "", "Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),
                FakeHub.cutAfter(5),
                FakeHub.refuse(429, "", "Retry-After", "86400"));
        pull();
        assertThat(pauses)
                .containsExactly(
                        Duration.ofSeconds(7),
                        Duration.ofSeconds(11),
                        Duration.ofSeconds(2),
                        Duration.ofSeconds(1),
                        Duration.ofSeconds(2),
                        Duration.ofSeconds(1),
                        Duration.ofMinutes(5));
        assertThat(reasons).contains(host() + " asks for fewer requests", host() + " answers with status 503");
    }

    @Test
    void hubThatKeepsAskingForPatienceIsGivenUp() {
        FakeHub.Fault busy = FakeHub.refuse(429, "", "Retry-After", "1", "X-Error-Message", "slow down");
        hub.next(WEIGHTS, busy, busy, busy);
        refused(host() + " answers org/small-model with status 429 (slow down); try again later");
    }

    @Test
    void missingModelIsOneSentence() {
        assertThatThrownBy(() -> pull(new ModelName("org/no-such", ModelName.MAIN)))
                .isInstanceOf(HubException.class)
                .hasMessage("there is no model org/no-such at " + host() + ", or it is private; check the spelling, or"
                        + " set HF_TOKEN to a token from " + hub.address() + "/settings/tokens");
    }

    @Test
    void refusalsSayHowToGetAToken() {
        String revision = "/api/models/" + FakeHub.ID + "/revision/main";
        hub.next(WEIGHTS, FakeHub.refuse(401, "GatedRepo"));
        refused("org/small-model is gated: accept its terms at " + hub.address() + "/org/small-model, then make a token"
                + " at " + hub.address() + "/settings/tokens and set HF_TOKEN to it");
        hub.next(revision, FakeHub.refuse(401, "RepoNotFound"));
        refused("there is no model org/small-model at " + host() + ", or it is private; check the spelling, or set"
                + " HF_TOKEN");
        hub.next(revision, FakeHub.refuse(404, "RevisionNotFound"));
        refused("org/small-model has no revision main at " + host());
        hub.next(revision, FakeHub.refuse(403, ""));
        refused(host() + " forbids org/small-model; if it takes a token, make one at ");
        token = Optional.of(new Token("hf_x", "HF_TOKEN"));
        hub.next(WEIGHTS, FakeHub.refuse(403, "GatedRepo"));
        refused("org/small-model is gated: accept its terms at " + hub.address() + "/org/small-model, then run this"
                + " again; the token from HF_TOKEN must be of the same account");
        hub.next(revision, FakeHub.refuse(401, ""));
        refused(host() + " does not accept the token from HF_TOKEN; make a new one at ");
    }

    @Test
    void whatIsNoHubIsSaid() {
        String revision = "/api/models/" + FakeHub.ID + "/revision/main";
        hub.next(revision, FakeHub.instead("<html>".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
        refused(host() + " answers with something that is not JSON; is " + hub.address() + " a hub's address?");
        hub.next(revision, FakeHub.refuse(418, ""));
        refused(host() + " answers org/small-model with status 418; is that a hub's address?");
    }

    @Test
    void unreachableHubIsOneSentence() {
        hub.close();
        refused("cannot reach " + host() + ": it takes no connection; is there a network, and is " + hub.address()
                + " the right address?");
        assertThat(pauses).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../outside",
                "a/../../outside",
                "/etc/outside",
                "a//outside",
                "..",
                "C:\\outside",
                "a\\..\\outside",
                "a:outside",
                "a\u0000b",
                "a/./b",
                "con. ",
                "\n"
            })
    void namesThatLeadElsewhereAreRefused(String name) throws IOException {
        hub.file("innocent", "x");
        hub.entry("innocent").put("path", name);
        refused("the hub lists a file with the name \"" + name + "\", which is refused");
        assertThat(cache.folder()).doesNotExist();
        try (Stream<Path> all = Files.walk(folder)) {
            assertThat(all.filter(Files::isRegularFile)).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"../../../outside", "main", "", "0123"})
    void commitsThatAreNoneAreRefused(String commit) {
        hub.commit(commit);
        refused(host() + " does not say which commit org/small-model is, but \"" + commit + "\"");
    }

    @Test
    void hashesAndSizesThatAreNoneAreRefused() {
        hub.entry("config.json").put("oid", "../../outside");
        refused("the hub gives no usable hash of config.json (\"../../outside\")");
        hub.entry("tokenizer.json").put("size", -3);
        hub.file("config.json", "{}");
        refused("the hub says that tokenizer.json has -3 bytes");
    }

    @Test
    void longListingsComeInPages() throws IOException {
        hub.pagesOf(2);
        pull();
        assertThat(names(snapshot())).containsExactly("README.md", "config.json", WEIGHTS, "tokenizer.json");
    }

    @Test
    void mirrorsWithoutTreesGiveTheirHashesBesideTheNames() throws IOException {
        hub.withoutTrees();
        pull();
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
        assertThat(hub.requests()).noneMatch(request -> request.method().equals("HEAD"));
    }

    @Test
    void mirrorsWithoutHashesAreAskedForEachFile() throws IOException {
        hub.withoutTrees();
        hub.entry("config.json").remove("oid");
        hub.entry(WEIGHTS).remove("oid");
        hub.next(
                WEIGHTS,
                FakeHub.refuse(
                        302,
                        "",
                        "Location",
                        "http://127.0.0.1:1/x",
                        "X-Linked-Etag",
                        "\"" + sha() + "\"",
                        "X-Linked-Size",
                        "300000"));
        pull();
        assertThat(snapshot().resolve(WEIGHTS)).hasBinaryContent(CONTENT);
        assertThat(hub.requests().stream().filter(request -> request.method().equals("HEAD")))
                .hasSize(2);
    }
}
