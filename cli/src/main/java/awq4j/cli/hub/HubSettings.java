package awq4j.cli.hub;

import java.net.ProxySelector;
import java.net.URI;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which hub, which cache, and who the user is there, by the environment variables of Python's {@code huggingface_hub}.
 *
 * @param endpoint the hub's address, without a slash at its end
 * @param cache where models lie
 * @param token the user's secret, if there is one
 * @param offline whether the user forbids connections
 * @param links whether the cache may hold symbolic links
 * @param proxies the way to the hub
 */
public record HubSettings(
        URI endpoint, HubCache cache, Optional<Token> token, boolean offline, boolean links, ProxySelector proxies) {
    private static final String HUGGING_FACE = "https://huggingface.co";

    /** What this process's environment says. */
    public static HubSettings ofProcess() {
        return of(System.getenv(), Path.of(System.getProperty("user.home")));
    }

    /**
     * What an environment says.
     *
     * @param home the user's home folder
     * @throws HubException if a variable says something impossible
     */
    static HubSettings of(Map<String, String> environment, Path home) {
        Path hub = hub(environment, home);
        Path tokenFile = path(environment, "HF_TOKEN_PATH", home).orElse(hub.resolve("token"));
        String endpoint = environment.getOrDefault("HF_ENDPOINT", "");
        return new HubSettings(
                endpoint(endpoint.isBlank() ? HUGGING_FACE : endpoint, "HF_ENDPOINT"),
                cache(environment, home),
                Token.find(environment, tokenFile),
                isTrue(environment.get("HF_HUB_OFFLINE")) || isTrue(environment.get("TRANSFORMERS_OFFLINE")),
                !isTrue(environment.get("HF_HUB_DISABLE_SYMLINKS")),
                new EnvironmentProxies(environment));
    }

    /** The cache alone, for those who only look: nothing else of the environment can be wrong for them. */
    public static HubCache cacheOfProcess() {
        return cache(System.getenv(), Path.of(System.getProperty("user.home")));
    }

    /** The same with another hub and another cache, where one is given. */
    public HubSettings with(@Nullable String otherEndpoint, @Nullable Path otherCache) {
        return new HubSettings(
                otherEndpoint == null ? endpoint : endpoint(otherEndpoint, "--endpoint"),
                otherCache == null ? cache : new HubCache(otherCache),
                token,
                offline,
                links,
                proxies);
    }

    private static HubCache cache(Map<String, String> environment, Path home) {
        return new HubCache(path(environment, "HF_HUB_CACHE", home)
                .or(() -> path(environment, "HUGGINGFACE_HUB_CACHE", home))
                .orElseGet(() -> hub(environment, home).resolve("hub")));
    }

    private static Path hub(Map<String, String> environment, Path home) {
        return path(environment, "HF_HOME", home)
                .or(() -> path(environment, "XDG_CACHE_HOME", home).map(cache -> cache.resolve("huggingface")))
                .orElseGet(() -> home.resolve(".cache").resolve("huggingface"));
    }

    private static Optional<Path> path(Map<String, String> environment, String variable, Path home) {
        String value = environment.getOrDefault(variable, "");
        if (value.isBlank()) {
            return Optional.empty();
        }
        boolean below = value.startsWith("~/");
        return Optional.of(value.equals("~") ? home : below ? home.resolve(value.substring(2)) : Path.of(value));
    }

    private static URI endpoint(String text, String source) {
        String trimmed = text.strip().replaceFirst("/+$", "");
        try {
            URI uri = URI.create(trimmed);
            String scheme = uri.getScheme();
            if (uri.getHost() != null
                    && scheme != null
                    && Set.of("http", "https").contains(scheme)) {
                return uri;
            }
        } catch (IllegalArgumentException e) {
            // said below
        }
        throw new HubException(
                source + " should be an address such as " + HUGGING_FACE + ", is \"" + text.strip() + "\"");
    }

    static boolean isTrue(@Nullable String value) {
        return value != null && Set.of("1", "ON", "YES", "TRUE").contains(value.toUpperCase(Locale.ROOT));
    }
}
