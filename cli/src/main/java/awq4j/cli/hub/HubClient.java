package awq4j.cli.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.function.BiConsumer;
import javax.net.ssl.SSLHandshakeException;

/**
 * Requests to a hub about one model: follows redirects, and sends the user's token to the hub's own origin and nowhere
 * else. Safe for any number of threads.
 */
final class HubClient implements AutoCloseable {
    private static final int MOST_REDIRECTS = 10;
    private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
    private static final Set<Integer> PASSING = Set.of(408, 429, 500, 502, 503, 504);
    /** How servers say that they have no such page. */
    private static final Set<Integer> UNKNOWN = Set.of(404, 405, 501);

    private static final int TOO_MANY_REQUESTS = 429;
    private static final int MOST_TEXT = 64 << 20;

    private final HubSettings settings;
    private final ModelName model;
    private final Patience patience;
    private final BiConsumer<Duration, String> onWait;
    private final SilenceWatch silence;
    private final HttpClient http;

    /** @param onWait told how long it waits, and why */
    HubClient(HubSettings settings, ModelName model, Patience patience, BiConsumer<Duration, String> onWait) {
        this.settings = settings;
        this.model = model;
        this.patience = patience;
        this.onWait = onWait;
        this.silence = new SilenceWatch(patience.silence());
        // HTTP/1.1: each file gets a connection of its own. HTTP/2 would send all of them through one window.
        // Redirects are followed here: the library would take the token along.
        this.http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(patience.connect())
                .proxy(settings.proxies())
                .build();
    }

    /** The hub's name, for messages. */
    String host() {
        String host = settings.endpoint().getHost();
        return settings.endpoint().getPort() < 0
                ? host
                : host + ":" + settings.endpoint().getPort();
    }

    HubSettings settings() {
        return settings;
    }

    ModelName model() {
        return model;
    }

    Patience patience() {
        return patience;
    }

    /** An address below the hub's, or below the one that it redirected to. */
    URI address(String path) {
        return URI.create(settings.endpoint() + path);
    }

    /**
     * A text of the hub.
     *
     * @param text at most {@link #MOST_TEXT} bytes
     * @param address where it came from, after redirects
     * @param link the header that names the next page
     */
    record Page(String text, URI address, Optional<String> link) {}

    /**
     * Asks for a text. What passes by itself (a cut connection, too many requests, a hub under repair) is tried again.
     *
     * @param needed whether it must exist
     * @return empty if it is not needed and the hub does not have such
     * @throws HubException if the hub cannot be reached, or refuses
     */
    Optional<Page> ask(URI address, boolean needed) {
        for (int failures = 1; ; failures++) {
            boolean last = failures == patience.attempts();
            Duration wait = last ? Duration.ZERO : patience.after(failures);
            String reason;
            try (Answer answer = once("GET", address, 0)) {
                if (answer.status() / 100 == 2) {
                    return Optional.of(new Page(answer.text(MOST_TEXT), answer.address(), answer.header("Link")));
                }
                if (!needed && UNKNOWN.contains(answer.status())) {
                    return Optional.empty();
                }
                if (last || !passing(answer.status())) {
                    throw refused(answer);
                }
                wait = pause(answer, wait);
                reason = reason(answer);
            } catch (IOException e) {
                // what cannot be reached now is rarely there in a few seconds
                if (last || unreachable(e) || (failures > 1 && e instanceof ConnectException)) {
                    throw new HubException(
                            "cannot reach " + host() + ": " + reason(e) + "; is there a network, and is "
                                    + settings.endpoint() + " the right address?",
                            e);
                }
                reason = host() + ": " + reason(e);
            }
            pause(wait, reason);
        }
    }

    /**
     * One request, with its redirects.
     *
     * @param offset the first byte that is wanted; 0 for all
     * @throws IOException if the connection fails
     */
    Answer once(String method, URI address, long offset) throws IOException {
        URI target = address;
        for (int redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
            HttpResponse<InputStream> response = send(method, target, offset);
            Optional<String> location = response.headers().firstValue("Location");
            boolean told = method.equals("HEAD")
                    && response.headers().firstValue("X-Linked-Etag").isPresent();
            if (!REDIRECTS.contains(response.statusCode()) || location.isEmpty() || told) {
                return new Answer(response, silence);
            }
            response.body().close();
            target = follow(target, location.get());
        }
        throw new HubException(host() + " redirects more than " + MOST_REDIRECTS + " times from " + address);
    }

    private HttpResponse<InputStream> send(String method, URI target, long offset) throws IOException {
        var request = HttpRequest.newBuilder(target)
                .method(method, HttpRequest.BodyPublishers.noBody())
                .timeout(patience.answer())
                .header("User-Agent", "awq4j")
                .header("Accept-Encoding", "identity"); // sizes and ranges are those of the file itself
        if (offset > 0) {
            request.header("Range", "bytes=" + offset + "-");
        }
        if (ownOrigin(target)) {
            settings.token().ifPresent(token -> request.header("Authorization", "Bearer " + token.value()));
        }
        try {
            return http.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted");
        }
    }

    private URI follow(URI from, String location) {
        URI to;
        try {
            to = from.resolve(location);
        } catch (IllegalArgumentException e) {
            throw new HubException(host() + " redirects to \"" + location + "\", which is no address", e);
        }
        String scheme = String.valueOf(to.getScheme()).toLowerCase(Locale.ROOT);
        boolean web = to.getHost() != null && Set.of("http", "https").contains(scheme);
        if (!web || ("https".equalsIgnoreCase(from.getScheme()) && !scheme.equals("https"))) {
            throw new HubException(host() + " redirects to " + scheme + "://" + to.getHost()
                    + ", which is refused: the connection would no longer be secure");
        }
        return to;
    }

    /** Whether scheme, host and port are the hub's. */
    private boolean ownOrigin(URI target) {
        URI own = settings.endpoint();
        return own.getScheme().equalsIgnoreCase(target.getScheme())
                && own.getHost().equalsIgnoreCase(target.getHost())
                && port(own) == port(target);
    }

    private static int port(URI address) {
        boolean secure = "https".equalsIgnoreCase(address.getScheme());
        return address.getPort() >= 0 ? address.getPort() : secure ? 443 : 80;
    }

    /** Whether the same request may succeed a little later. */
    static boolean passing(int status) {
        return PASSING.contains(status);
    }

    /** How long to wait before the next attempt: as long as the hub asks for, else {@code usual}. */
    Duration pause(Answer answer, Duration usual) {
        Duration asked = answer.header("Retry-After").map(HubClient::retryAfter).orElse(usual);
        return asked.compareTo(patience.longest()) > 0 ? patience.longest() : asked.isNegative() ? usual : asked;
    }

    String reason(Answer answer) {
        return answer.status() == TOO_MANY_REQUESTS
                ? host() + " asks for fewer requests"
                : host() + " answers with status " + answer.status();
    }

    void pause(Duration time, String reason) {
        onWait.accept(time, reason);
        try {
            patience.pauses().pause(time);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted");
        }
    }

    /** Seconds, or a moment; a negative duration if it is neither. */
    private static Duration retryAfter(String value) {
        try {
            return Duration.ofSeconds(Long.parseLong(value.strip()));
        } catch (NumberFormatException e) {
            // then it should be a moment
        }
        try {
            var moment = ZonedDateTime.parse(value.strip(), DateTimeFormatter.RFC_1123_DATE_TIME);
            return Duration.between(Instant.now(), moment.toInstant());
        } catch (DateTimeParseException e) {
            return Duration.ofSeconds(-1);
        }
    }

    /** What an answer that gives nothing means to the user. */
    HubException refused(Answer answer) {
        return Refusals.of(answer, model, settings, host());
    }

    private static boolean unreachable(IOException e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof UnresolvedAddressException || cause instanceof UnknownHostException) {
                return true;
            }
        }
        return e instanceof SSLHandshakeException;
    }

    /** Why a connection failed, in a few words. */
    static String reason(IOException e) {
        if (unreachable(e)) {
            return e instanceof SSLHandshakeException
                    ? "no secure connection (" + e.getMessage() + ")"
                    : "its address cannot be found";
        }
        return switch (e) {
            case HttpConnectTimeoutException t -> "it does not answer";
            case HttpTimeoutException t -> "it does not answer";
            case ConnectException c -> "it takes no connection";
            default -> Objects.requireNonNullElse(e.getMessage(), e.toString());
        };
    }

    @Override
    public void close() {
        silence.close();
        http.shutdownNow();
        http.close();
    }
}
