package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;

/** What the reference implementations made, see golden/quantization/README.md. */
final class Golden {
    private Golden() {}

    /** A file or folder below golden. */
    static Path path(String relative) {
        String resource = "/golden/" + relative;
        URL found = Golden.class.getResource(resource);
        if (found == null) {
            throw new IllegalArgumentException("no test resource " + resource);
        }
        try {
            return Path.of(found.toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Every number is the expected one; 0 equals -0, since a code knows no negative zero. */
    static void assertEqual(float[] found, float[] expected, String what) {
        assertThat(found.length).as(what).isEqualTo(expected.length);
        int different = 0;
        int first = -1;
        for (int i = 0; i < found.length; i++) {
            if (found[i] != expected[i]) {
                first = different == 0 ? i : first;
                different++;
            }
        }
        if (different > 0) {
            throw new AssertionError(what + ": " + different + " of " + found.length + " numbers differ, the first at "
                    + first + ": found " + found[first] + ", expected " + expected[first]);
        }
    }
}
