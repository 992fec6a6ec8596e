package awq4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where what was typed in conversations is remembered: a file of the user's own that nobody else may read. */
final class ChatHistory {
    private ChatHistory() {}

    /**
     * {@code $XDG_STATE_HOME/awq4j/chat-history}, without that variable {@code ~/.local/state/awq4j/chat-history}; made
     * if it does not exist.
     *
     * @param home the user's folder
     * @return null if it cannot be written; then nothing is remembered
     */
    static @Nullable Path file(Map<String, String> environment, Path home) {
        String state = environment.getOrDefault("XDG_STATE_HOME", "");
        Path base = state.startsWith("/") ? Path.of(state) : home.resolve(".local/state"); // relative ones do not count
        Path folder = base.resolve("awq4j");
        Path file = folder.resolve("chat-history");
        try {
            Files.createDirectories(folder);
            if (!Files.exists(file)) {
                Files.createFile(file);
                restrict(file);
            }
            return Files.isWritable(file) ? file : null;
        } catch (IOException e) {
            return null;
        }
    }

    private static void restrict(Path file) throws IOException {
        if (file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        }
    }
}
