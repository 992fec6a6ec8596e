package awq4j.cli.hub;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The way to the hub by {@code https_proxy}, {@code http_proxy}, {@code all_proxy} and {@code no_proxy}, in small or
 * capital letters, which Java does not read by itself; without them by Java's own properties. This machine is always
 * reached directly.
 */
final class EnvironmentProxies extends ProxySelector {
    private static final Set<String> HERE = Set.of("localhost", "127.0.0.1", "[::1]");

    private final Map<String, String> environment;

    EnvironmentProxies(Map<String, String> environment) {
        this.environment = Map.copyOf(environment);
    }

    @Override
    public List<Proxy> select(URI target) {
        String host = String.valueOf(target.getHost()).toLowerCase(Locale.ROOT);
        if (HERE.contains(host)) {
            return List.of(Proxy.NO_PROXY);
        }
        Optional<String> named = variable(target.getScheme() + "_proxy").or(() -> variable("all_proxy"));
        if (named.isEmpty()) {
            ProxySelector usual = ProxySelector.getDefault();
            return usual == null ? List.of(Proxy.NO_PROXY) : usual.select(target);
        }
        boolean direct = variable("no_proxy").map(list -> excludes(list, host)).orElse(false);
        return List.of(direct ? Proxy.NO_PROXY : proxy(named.get()));
    }

    private Optional<String> variable(String name) {
        String small = environment.getOrDefault(name, "").strip();
        String value = small.isEmpty()
                ? environment.getOrDefault(name.toUpperCase(Locale.ROOT), "").strip()
                : small;
        return value.isEmpty() ? Optional.empty() : Optional.of(value);
    }

    /** Hosts and domains, apart by commas; a domain also stands for what is below it. */
    private static boolean excludes(String list, String host) {
        for (String entry : list.toLowerCase(Locale.ROOT).split("[,\\s]+", -1)) {
            String domain = entry.replaceFirst(":\\d+$", "").replaceFirst("^\\*?\\.", "");
            boolean same = !domain.isEmpty() && (host.equals(domain) || host.endsWith("." + domain));
            if (same || entry.equals("*")) {
                return true;
            }
        }
        return false;
    }

    private static Proxy proxy(String text) {
        try {
            URI address = URI.create(text.contains("://") ? text : "http://" + text);
            if (address.getHost() != null && "http".equalsIgnoreCase(address.getScheme())) {
                int port = address.getPort() < 0 ? 80 : address.getPort();
                return new Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved(address.getHost(), port));
            }
        } catch (IllegalArgumentException e) {
            // said below
        }
        throw new HubException("the environment's proxy should be like http://host:port, is \""
                + text.replaceFirst("//[^/@]*@", "//...@") + "\"");
    }

    @Override
    public void connectFailed(URI target, SocketAddress proxy, IOException failure) {
        // whoever sent the request is told, too
    }
}
