package awq4j.cli.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** What a hub answered; its body can be read once. For one thread. */
final class Answer implements AutoCloseable {
    private final HttpResponse<InputStream> response;
    private final SilenceWatch.Watched body;

    Answer(HttpResponse<InputStream> response, SilenceWatch silence) {
        this.response = response;
        this.body = silence.watch(response.body());
    }

    int status() {
        return response.statusCode();
    }

    /** Where it came from, after redirects. */
    URI address() {
        return response.uri();
    }

    Optional<String> header(String name) {
        return response.headers().firstValue(name);
    }

    /**
     * The next bytes of the body.
     *
     * @return how many, -1 at the end
     * @throws IOException if the connection is cut, or silent for too long
     */
    int read(byte[] buffer) throws IOException {
        return body.read(buffer);
    }

    /**
     * The whole body as text.
     *
     * @throws IOException if the connection is cut
     * @throws HubException if it has more than {@code most} bytes
     */
    String text(int most) throws IOException {
        byte[] bytes = body.readAll(most + 1);
        if (bytes.length > most) {
            throw new HubException(address().getHost() + " answers with more than " + most + " bytes to "
                    + address().getPath() + ", which is refused");
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** Ends the answer; what was not read of it is not fetched. */
    @Override
    public void close() {
        body.close();
    }
}
