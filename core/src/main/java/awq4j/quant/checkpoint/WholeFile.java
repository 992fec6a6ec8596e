package awq4j.quant.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Small files that are there whole or not at all. */
final class WholeFile {
    /** The indented JSON of configurations and reports; keys keep their order. */
    static final JsonMapper JSON = JsonMapper.builder()
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    private WholeFile() {}

    /** Writes a neighbour of the file, which then takes its name. */
    static void write(Path file, byte[] content) {
        Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
        try {
            try (FileChannel channel = FileChannel.open(
                    temporary,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.TRUNCATE_EXISTING,
                    StandardOpenOption.WRITE)) {
                ByteBuffer buffer = ByteBuffer.wrap(content);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                channel.force(true);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (FileSystemException e) {
            throw new UncheckedIOException(e);
        } catch (IOException e) { // a channel's exception names no file
            var named = new FileSystemException(file.toString(), null, e.getMessage());
            named.initCause(e);
            throw new UncheckedIOException(named);
        } finally {
            deleteQuietly(temporary);
        }
    }

    /** Writes a value as JSON with a final line feed. */
    static void writeJson(Path file, Object value) {
        write(file, (JSON.writeValueAsString(value) + "\n").getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    private static void deleteQuietly(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            System.getLogger(WholeFile.class.getName())
                    .log(System.Logger.Level.WARNING, "cannot remove the unfinished " + file + ": " + e.getMessage());
        }
    }
}
