package awq4j.tokenizer;

import java.util.Map;
import java.util.Properties;

/** System properties that the tokenizer library reads, set to what a program without a network wants. */
final class LibrarySettings {
    /**
     * The library reports its use to its makers, downloads missing natives, and on a machine with a GPU asks for a
     * native built for it, unless told otherwise.
     */
    static final Map<String, String> WANTED =
            Map.of("OPT_OUT_TRACKING", "true", "ai.djl.offline", "true", "RUST_FLAVOR", "cpu");

    private LibrarySettings() {}

    /**
     * Sets what the user has not set.
     *
     * @param properties the system's properties
     */
    static void apply(Properties properties) {
        WANTED.forEach(properties::putIfAbsent);
    }
}
