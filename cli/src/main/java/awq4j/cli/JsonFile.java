package awq4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Writes results for machines. */
final class JsonFile {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    private JsonFile() {}

    /**
     * Checks that a file could be written, so that hours of work do not end in a missing folder.
     *
     * @return the folder
     * @throws IOException if there is none
     */
    static Path requireFolder(Path file) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new IOException("cannot write " + file + ": there is no folder " + folder);
        }
        if (Files.isDirectory(file)) {
            throw new IOException("cannot write " + file + ": it is a folder");
        }
        return folder;
    }

    /**
     * Writes {@code value} as JSON, whole or not at all: to a neighbour first, which then takes the name.
     *
     * @param value records, maps, lists, strings and numbers
     * @throws IOException if the folder cannot be written to
     */
    static void write(Path file, Object value) throws IOException {
        writeText(file, MAPPER.writeValueAsString(value) + "\n");
    }

    /** Writes a text that is not JSON in the same way. */
    static void writeText(Path file, String text) throws IOException {
        Path target = file.toAbsolutePath();
        Path folder = requireFolder(file);
        Path draft = folder.resolve(
                "." + target.getFileName() + "." + ProcessHandle.current().pid() + ".part");
        try {
            Files.writeString(draft, text);
            Files.move(draft, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(draft);
        }
    }
}
