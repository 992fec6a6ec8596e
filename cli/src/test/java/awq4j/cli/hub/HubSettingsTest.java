package awq4j.cli.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.ConnectException;
import java.net.Proxy;
import java.net.URI;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubSettingsTest {
    @TempDir
    private Path home;

    @Test
    void nothingSetMeansHuggingFaceAndTheHomeFolder() {
        HubSettings settings = HubSettings.of(Map.of(), home);
        assertThat(settings.endpoint()).hasToString("https://huggingface.co");
        assertThat(settings.cache().folder()).isEqualTo(home.resolve(".cache/huggingface/hub"));
        assertThat(settings.token()).isEmpty();
        assertThat(settings.offline()).isFalse();
        assertThat(settings.links()).isTrue();
    }

    @Test
    void cacheIsWherePythonsLibraryHasIt() {
        assertThat(cache(Map.of("HF_HUB_CACHE", "/a", "HUGGINGFACE_HUB_CACHE", "/b", "HF_HOME", "/c")))
                .isEqualTo(Path.of("/a"));
        assertThat(cache(Map.of("HUGGINGFACE_HUB_CACHE", "/b", "HF_HOME", "/c")))
                .isEqualTo(Path.of("/b"));
        assertThat(cache(Map.of("HF_HOME", "/c", "XDG_CACHE_HOME", "/d"))).isEqualTo(Path.of("/c/hub"));
        assertThat(cache(Map.of("XDG_CACHE_HOME", "/d"))).isEqualTo(Path.of("/d/huggingface/hub"));
        assertThat(cache(Map.of("HF_HOME", "~/models"))).isEqualTo(home.resolve("models/hub"));
        assertThat(cache(Map.of("HF_HOME", "")))
                .as("empty is not set")
                .isEqualTo(home.resolve(".cache/huggingface/hub"));
    }

    @Test
    void tokenComesFromTheEnvironmentThenFromTheFile() throws IOException {
        Path folder = Files.createDirectories(home.resolve(".cache/huggingface"));
        Files.writeString(folder.resolve("token"), " hf_file\n");
        assertThat(token(Map.of())).isEqualTo("hf_file");
        assertThat(token(Map.of("HUGGING_FACE_HUB_TOKEN", "hf_old\n"))).isEqualTo("hf_old");
        assertThat(token(Map.of("HUGGINGFACE_HUB_TOKEN", "hf_older"))).isEqualTo("hf_older");
        assertThat(token(Map.of("HF_TOKEN", "hf_new", "HUGGING_FACE_HUB_TOKEN", "hf_old")))
                .isEqualTo("hf_new");
        Path other = Files.writeString(home.resolve("other"), "hf_other");
        assertThat(token(Map.of("HF_TOKEN_PATH", other.toString()))).isEqualTo("hf_other");
        assertThat(HubSettings.of(Map.of("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"), home)
                        .token())
                .isEmpty();
        Files.writeString(folder.resolve("token"), "\n");
        assertThat(HubSettings.of(Map.of(), home).token()).isEmpty();
    }

    @Test
    void whatCannotBeATokenIsRefusedWithoutShowingIt() throws IOException {
        assertThatThrownBy(() -> HubSettings.of(Map.of("HF_TOKEN", "hf_secret\r\nX-Evil: 1"), home))
                .isInstanceOf(HubException.class)
                .hasMessage("what HF_TOKEN holds is not a token: it should be one word of letters and digits, such as"
                        + " hf_...")
                .hasMessageNotContaining("secret");
        Path folder = Files.createDirectories(home.resolve(".cache/huggingface"));
        Files.write(folder.resolve("token"), new byte[5000]);
        assertThatThrownBy(() -> HubSettings.of(Map.of(), home)).hasMessageContaining("is too large to be a token");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "true", "YES", "on"})
    void offlineIsWhatPythonTakesForTrue(String value) {
        assertThat(HubSettings.of(Map.of("HF_HUB_OFFLINE", value), home).offline())
                .isTrue();
        assertThat(HubSettings.of(Map.of("HF_HUB_OFFLINE", "0"), home).offline())
                .isFalse();
        assertThat(HubSettings.of(Map.of("HF_HUB_DISABLE_SYMLINKS", value), home)
                        .links())
                .isFalse();
    }

    @Test
    void endpointMayHaveAPathAndASlash() {
        HubSettings settings = HubSettings.of(Map.of("HF_ENDPOINT", "https://mirror.example/hub/ "), home);
        assertThat(settings.endpoint()).hasToString("https://mirror.example/hub");
        assertThat(settings.with("http://127.0.0.1:8080/", home).endpoint()).hasToString("http://127.0.0.1:8080");
        assertThat(settings.with(null, home).cache().folder()).isEqualTo(home);
    }

    @ParameterizedTest
    @ValueSource(strings = {"huggingface.co", "ftp://x.example", "http:///x", "not an address", "file:///etc"})
    void endpointThatIsNoneIsRefused(String text) {
        assertThatThrownBy(() -> HubSettings.of(Map.of("HF_ENDPOINT", text), home))
                .isInstanceOf(HubException.class)
                .hasMessage("HF_ENDPOINT should be an address such as https://huggingface.co, is \"" + text + "\"");
    }

    @Test
    void namesAreThoseOfTheHub() {
        assertThat(ModelName.parse("Qwen/Qwen2.5-0.5B-Instruct"))
                .hasValue(new ModelName("Qwen/Qwen2.5-0.5B-Instruct", "main"));
        assertThat(ModelName.parse("gpt2")).hasValue(new ModelName("gpt2", "main"));
        assertThat(ModelName.parse("a/b@refs/pr/1").orElseThrow().revision()).isEqualTo("refs/pr/1");
        assertThat(new ModelName("a/b", "v1")).hasToString("a/b@v1");
        assertThat(new ModelName("a/b", "main")).hasToString("a/b");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/",
                "a/",
                "/a",
                "a/b/c",
                "../a",
                "a/..",
                "a--b/c",
                "a/b.",
                "-a/b",
                "a b/c",
                "a/b@",
                "a/b@../x",
                "a/b@/x",
                "a/b@x/",
                "a/b@x//y",
                "a/b@x y",
                "a/é",
                "~/models",
                "./model",
                "C:\\a"
            })
    void whatIsNoNameIsNone(String text) {
        assertThat(ModelName.parse(text)).isEmpty();
    }

    @Test
    void unknownAddressIsSaid() {
        var unresolved = new ConnectException();
        unresolved.initCause(new UnresolvedAddressException());
        assertThat(HubClient.reason(unresolved)).isEqualTo("its address cannot be found");
        assertThat(HubClient.reason(new ConnectException())).isEqualTo("it takes no connection");
        assertThat(HubClient.reason(new IOException("reset"))).isEqualTo("reset");
    }

    @ParameterizedTest
    @CsvSource({
        "https://huggingface.co/x, p.example:3128",
        "http://huggingface.co/x, q.example:80",
        "https://inside.corp/x, direct",
        "https://deep.inside.corp/x, direct",
        "https://notinside.corp/x, p.example:3128",
        "http://127.0.0.1:8080/x, direct",
        "http://localhost/x, direct"
    })
    void proxiesAreThoseOfTheEnvironment(String target, String proxy) {
        var proxies = new EnvironmentProxies(Map.of(
                "HTTPS_PROXY", "http://p.example:3128", "all_proxy", "q.example", "NO_PROXY", "a.b,.inside.corp"));
        String expected = proxy.equals("direct") ? "DIRECT" : "HTTP @ " + proxy.replace(":", "/<unresolved>:");
        assertThat(proxies.select(URI.create(target)))
                .extracting(Proxy::toString)
                .containsExactly(expected);
    }

    @Test
    void proxyThatIsNoneIsRefusedWithoutItsPassword() {
        var proxies = new EnvironmentProxies(Map.of("https_proxy", "socks5://me:secret@p.example"));
        assertThatThrownBy(() -> proxies.select(URI.create("https://huggingface.co")))
                .isInstanceOf(HubException.class)
                .hasMessage("the environment's proxy should be like http://host:port, is \"socks5://...@p.example\"");
        assertThat(new EnvironmentProxies(Map.of("no_proxy", "*", "https_proxy", "p"))
                        .select(URI.create("https://huggingface.co")))
                .containsExactly(Proxy.NO_PROXY);
    }

    private Path cache(Map<String, String> environment) {
        return HubSettings.of(environment, home).cache().folder();
    }

    private String token(Map<String, String> environment) {
        return HubSettings.of(environment, home).token().orElseThrow().value();
    }
}
