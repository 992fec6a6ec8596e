package awq4j.cli.hub;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a model consists of at one commit.
 *
 * @param commit which one, 40 hexadecimal digits
 * @param files all of them, in the hub's order
 */
record Listing(String commit, List<RemoteFile> files) {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final Pattern NEXT = Pattern.compile("<([^>]+)>\\s*;[^,]*rel=\"?next\"?");
    /** Far more than models have. */
    private static final int MOST_FILES = 100_000;

    Listing {
        files = List.copyOf(files);
    }

    /**
     * Asks the hub: first which commit the revision is, then for the tree of that commit. A hub without trees, as
     * mirrors are, is asked for the list of names with their hashes, and where it leaves these out, for each file.
     *
     * @throws HubException if there is no such model or revision, or the hub's answer makes no sense
     */
    static Listing of(HubClient hub) {
        ModelName name = hub.model();
        String revision = "/api/models/" + name.id() + "/revision/" + encoded(name.revision());
        JsonNode facts = json(hub, hub.ask(hub.address(revision), true).orElseThrow());
        String commit = facts.path("sha").asString("");
        if (!ModelName.isCommit(commit)) {
            throw new HubException(hub.host() + " does not say which commit " + name + " is, but \"" + commit + "\"");
        }
        Optional<List<RemoteFile>> tree = tree(hub, commit);
        if (tree.isPresent()) {
            return new Listing(commit, tree.get());
        }
        var files = new ArrayList<RemoteFile>();
        JsonNode detailed =
                json(hub, hub.ask(hub.address(revision + "?blobs=true"), true).orElseThrow());
        for (JsonNode sibling : detailed.path("siblings")) {
            files.add(sibling(hub, commit, sibling));
            checkCount(hub, files.size());
        }
        return new Listing(commit, files);
    }

    private static Optional<List<RemoteFile>> tree(HubClient hub, String commit) {
        var files = new ArrayList<RemoteFile>();
        URI next = hub.address("/api/models/" + hub.model().id() + "/tree/" + commit + "?recursive=true");
        boolean first = true;
        while (next != null) {
            Optional<HubClient.Page> page = hub.ask(next, !first);
            if (page.isEmpty()) {
                return Optional.empty();
            }
            for (JsonNode entry : json(hub, page.get())) {
                if (entry.path("type").asString("").equals("file")) {
                    files.add(file(entry, "path", "oid"));
                }
                checkCount(hub, files.size());
            }
            next = following(page.get());
            first = false;
        }
        return Optional.of(files);
    }

    private static @Nullable URI following(HubClient.Page page) {
        return page.link()
                .map(NEXT::matcher)
                .filter(Matcher::find)
                .map(link -> page.address().resolve(link.group(1)))
                .orElse(null);
    }

    private static void checkCount(HubClient hub, int count) {
        if (count > MOST_FILES) {
            throw new HubException(hub.host() + " lists more than " + MOST_FILES + " files of " + hub.model());
        }
    }

    private static RemoteFile sibling(HubClient hub, String commit, JsonNode sibling) {
        if (sibling.path("size").isIntegralNumber() && sibling.path("blobId").isString()) {
            return file(sibling, "rfilename", "blobId");
        }
        String path = sibling.path("rfilename").asString("");
        if (!RemoteFile.isSafe(path)) {
            return new RemoteFile(path, 0, ""); // refuses it
        }
        try (Answer answer = hub.once("HEAD", address(hub, commit, path), 0)) {
            if (answer.status() / 100 > 3) {
                throw hub.refused(answer);
            }
            String hash = answer.header("X-Linked-Etag")
                    .or(() -> answer.header("ETag"))
                    .orElse("");
            String size = answer.header("X-Linked-Size")
                    .or(() -> answer.header("Content-Length"))
                    .orElse("");
            return new RemoteFile(
                    path, size(path, size), hash.replaceFirst("^W/", "").replace("\"", ""));
        } catch (IOException e) {
            throw new HubException("cannot reach " + hub.host() + ": " + HubClient.reason(e), e);
        }
    }

    private static long size(String path, String text) {
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            throw new HubException("the hub does not say how large " + path + " is", e);
        }
    }

    /** A large file's own hash stands apart: the hash beside the name is then that of Git's pointer to it. */
    private static RemoteFile file(JsonNode entry, String path, String blob) {
        JsonNode large = entry.path("lfs");
        String hash = large.isObject()
                ? large.path("oid").asString(large.path("sha256").asString(""))
                : entry.path(blob).asString("");
        long size = large.path("size").asLong(entry.path("size").asLong(-1));
        return new RemoteFile(entry.path(path).asString(""), size, hash);
    }

    /** Where the content of a file is. */
    static URI address(HubClient hub, String commit, String path) {
        String parts = Stream.of(path.split("/", -1)).map(Listing::encoded).collect(Collectors.joining("/"));
        return hub.address("/" + hub.model().id() + "/resolve/" + commit + "/" + parts);
    }

    private static String encoded(String part) {
        return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static JsonNode json(HubClient hub, HubClient.Page page) {
        try {
            return MAPPER.readTree(page.text());
        } catch (JacksonException e) {
            throw new HubException(
                    hub.host() + " answers with something that is not JSON; is "
                            + hub.settings().endpoint() + " a hub's address?",
                    e);
        }
    }
}
