package awq4j.cli.hub;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A hub on this machine, with one model; it misbehaves where a test wants it to. */
public final class FakeHub implements AutoCloseable {
    public static final String ID = "org/small-model";
    public static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<String, byte[]> files = new LinkedHashMap<>();
    private final Map<String, ObjectNode> entries = new LinkedHashMap<>();
    private final Map<String, Deque<Fault>> faults = new HashMap<>();
    private final List<Request> requests = Collections.synchronizedList(new ArrayList<>());
    private String commit = COMMIT;
    private boolean trees = true;
    private int pageSize = 1000;

    /** What arrived. */
    record Request(
            String method,
            String path,
            @Nullable String range,
            @Nullable String token) {}

    /** Another answer than the right one. */
    @FunctionalInterface
    interface Fault {
        /**
         * Answers.
         *
         * @param content the file's; empty where none is meant
         */
        void answer(HttpExchange exchange, byte[] content) throws IOException;
    }

    public FakeHub() {
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        server.setExecutor(threads);
        server.createContext("/", exchange -> {
            try (exchange) {
                serve(exchange);
            }
        });
        server.start();
    }

    /** Adds a small file, kept in Git. */
    public FakeHub file(String path, String content) {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        files.put(path, bytes);
        entries.put(
                path,
                MAPPER.createObjectNode()
                        .put("type", "file")
                        .put("oid", hash(path, bytes, 40))
                        .put("size", bytes.length)
                        .put("path", path));
        return this;
    }

    /** Adds a large file, kept beside Git. */
    public FakeHub large(String path, byte[] content) {
        files.put(path, content.clone());
        ObjectNode entry = MAPPER.createObjectNode()
                .put("type", "file")
                .put("oid", "1".repeat(40))
                .put("size", content.length)
                .put("path", path);
        entry.putObject("lfs")
                .put("oid", hash(path, content, 64))
                .put("size", content.length)
                .put("pointerSize", 134);
        entries.put(path, entry);
        return this;
    }

    /** The hash under which the cache keeps a content. */
    static String hash(String path, byte[] content, int length) {
        var hash = new ContentHash(new RemoteFile(path, content.length, "0".repeat(length)));
        hash.add(java.nio.ByteBuffer.wrap(content));
        return hash.value();
    }

    /** The listing's entry of a file, to be falsified. */
    ObjectNode entry(String path) {
        return entries.get(path);
    }

    /** The next requests for a path (a file's, or one that begins with {@code /}) are answered so, one after another. */
    FakeHub next(String path, Fault... answers) {
        faults.computeIfAbsent(path, key -> new ArrayDeque<>()).addAll(Arrays.asList(answers));
        return this;
    }

    FakeHub commit(String text) {
        commit = text;
        return this;
    }

    FakeHub withoutTrees() {
        trees = false;
        return this;
    }

    FakeHub pagesOf(int count) {
        pageSize = count;
        return this;
    }

    public URI address() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    List<Request> requests() {
        return List.copyOf(requests);
    }

    /** The ranges that were asked for of a file, in order; "" for the whole. */
    List<String> ranges(String file) {
        return requests().stream()
                .filter(request -> request.path().endsWith("/resolve/" + COMMIT + "/" + file))
                .map(request -> String.valueOf(request.range()).replace("null", ""))
                .toList();
    }

    private void serve(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        String token = exchange.getRequestHeaders().getFirst("Authorization");
        String range = exchange.getRequestHeaders().getFirst("Range");
        requests.add(new Request(exchange.getRequestMethod(), path, range, token));
        String prefix = "/" + ID + "/resolve/" + commit + "/";
        String name = path.startsWith(prefix) ? path.substring(prefix.length()) : path;
        byte[] content = files.getOrDefault(name, new byte[0]);
        Fault fault;
        synchronized (faults) {
            fault = faults.getOrDefault(name, new ArrayDeque<>()).poll();
        }
        if (fault != null) {
            fault.answer(exchange, content);
        } else if (files.containsKey(name) && path.startsWith(prefix)) {
            sendFile(exchange, name, content);
        } else if (path.startsWith("/api/models/" + ID + "/revision/")) {
            sendFacts(exchange);
        } else if (trees && path.equals("/api/models/" + ID + "/tree/" + commit)) {
            sendTree(exchange);
        } else {
            refuse(404, "").answer(exchange, content);
        }
    }

    private void sendFacts(HttpExchange exchange) throws IOException {
        ObjectNode facts = MAPPER.createObjectNode().put("id", ID).put("sha", commit);
        ArrayNode siblings = facts.putArray("siblings");
        boolean blobs = String.valueOf(exchange.getRequestURI().getQuery()).contains("blobs=true");
        entries.forEach((path, entry) -> {
            ObjectNode sibling = siblings.addObject().put("rfilename", path);
            if (blobs && entry.has("oid")) {
                sibling.set("size", entry.get("size"));
                sibling.set("blobId", entry.get("oid"));
                if (entry.has("lfs")) {
                    sibling.putObject("lfs")
                            .put("size", entry.get("lfs").get("size").asLong())
                            .put("sha256", entry.get("lfs").get("oid").asString());
                }
            }
        });
        send(exchange, 200, facts.toString().getBytes(StandardCharsets.UTF_8));
    }

    private void sendTree(HttpExchange exchange) throws IOException {
        String query = String.valueOf(exchange.getRequestURI().getQuery());
        int from = query.contains("cursor=") ? Integer.parseInt(query.replaceFirst(".*cursor=", "")) : 0;
        ArrayNode page = MAPPER.createArrayNode();
        page.addObject().put("type", "directory").put("path", "folder").put("oid", "2".repeat(40));
        entries.values().stream().skip(from).limit(pageSize).forEach(page::add);
        if (from + pageSize < entries.size()) {
            exchange.getResponseHeaders()
                    .add(
                            "Link",
                            "<" + address() + exchange.getRequestURI().getPath() + "?recursive=true&cursor="
                                    + (from + pageSize) + ">; rel=\"next\"");
        }
        send(exchange, 200, page.toString().getBytes(StandardCharsets.UTF_8));
    }

    private void sendFile(HttpExchange exchange, String name, byte[] content) throws IOException {
        ObjectNode entry = entries.get(name);
        String hash = entry.has("lfs")
                ? entry.get("lfs").get("oid").asString()
                : entry.path("oid").asString(hash(name, content, 40));
        exchange.getResponseHeaders().add("ETag", "\"" + hash + "\"");
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.getResponseHeaders().add("Content-Length", Integer.toString(content.length));
            exchange.sendResponseHeaders(200, -1);
            return;
        }
        int from = from(exchange);
        if (from > 0) {
            exchange.getResponseHeaders()
                    .add("Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
        }
        send(exchange, from > 0 ? 206 : 200, Arrays.copyOfRange(content, from, content.length));
    }

    static int from(HttpExchange exchange) {
        String range = exchange.getRequestHeaders().getFirst("Range");
        return range == null ? 0 : Integer.parseInt(range.replaceAll("\\D", ""));
    }

    private static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
        boolean none = body.length == 0 || exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(status, none ? -1 : body.length);
        if (!none) {
            exchange.getResponseBody().write(body);
        }
    }

    /** An error, with the word for machines that hubs add. */
    static Fault refuse(int status, String code, String... headers) {
        return (exchange, content) -> {
            if (!code.isEmpty()) {
                exchange.getResponseHeaders().add("X-Error-Code", code);
            }
            for (int i = 0; i < headers.length; i += 2) {
                exchange.getResponseHeaders().add(headers[i], headers[i + 1]);
            }
            send(exchange, status, "no".getBytes(StandardCharsets.UTF_8));
        };
    }

    /** Announces all that was asked for, and ends the connection after some of it. */
    static Fault cutAfter(int bytes) {
        return (exchange, content) -> {
            int from = from(exchange);
            if (from > 0) {
                exchange.getResponseHeaders()
                        .add("Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
            }
            exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
            exchange.getResponseBody().write(content, from, Math.min(bytes, content.length - from));
            exchange.getResponseBody().flush();
        };
    }

    /** The whole of another content, whatever range was asked for. */
    static Fault instead(byte[] other) {
        return (exchange, content) -> send(exchange, 200, other);
    }

    static Fault redirect(String to) {
        return (exchange, content) -> {
            exchange.getResponseHeaders().add("Location", to);
            exchange.sendResponseHeaders(302, -1);
        };
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
