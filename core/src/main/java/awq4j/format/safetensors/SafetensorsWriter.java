package awq4j.format.safetensors;

import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes safetensors files: one tensor in memory at a time, to a temporary name that is renamed when the file is whole.
 *
 * <p>The header is laid out as the reference library does (compact JSON, padded with spaces to 8 bytes), so a file of
 * its making that is read and written again comes out byte for byte.
 */
public final class SafetensorsWriter {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final int COPY_BYTES = 1 << 20;

    private SafetensorsWriter() {}

    /**
     * A tensor to be written.
     *
     * @param data asked for once, when its turn comes; must have the stated shape and type, but floats of another type are
     *     rounded to it piece by piece, so that a large matrix is converted in little memory
     */
    public record Source(String name, DType dtype, Shape shape, Supplier<Tensor> data) {
        /** A tensor that is at hand. */
        public static Source of(String name, Tensor tensor) {
            return new Source(name, tensor.dtype(), tensor.shape(), () -> tensor);
        }

        /** Bytes of data. */
        public long sizeBytes() {
            return Math.multiplyExact(shape.elements(), (long) dtype.bytes());
        }
    }

    /**
     * Writes one file, tensors in the given order.
     *
     * @throws UncheckedIOException if the disk is full or not writable; nothing is left at {@code file} then
     */
    public static void write(Path file, Map<String, String> metadata, List<Source> tensors) {
        write(file, metadata, tensors, 8);
    }

    /**
     * The same with data that begins at a multiple of some bytes.
     *
     * @param alignment a power of two, at least 8
     */
    public static void write(Path file, Map<String, String> metadata, List<Source> tensors, int alignment) {
        byte[] header = header(metadata, tensors, alignment);
        long total = 8L + header.length;
        for (Source source : tensors) {
            total += source.sizeBytes();
        }
        writeWhole(file, total, channel -> {
            ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            writeFully(channel, length.putLong(0, header.length));
            writeFully(channel, ByteBuffer.wrap(header));
            for (Source source : tensors) {
                write(channel, source);
            }
        });
    }

    /**
     * Writes {@code model.safetensors} into a folder, or {@code model-00001-of-0000N.safetensors} and an index if the
     * data exceeds {@code maxShardBytes}. A tensor larger than the limit has a shard of its own.
     *
     * <p>The index is written last: without it no reader takes the shards for a model. What an earlier write left under
     * the names that readers look for is removed.
     *
     * @return the files written
     * @throws UncheckedIOException if the disk is full or not writable; shards that were whole by then stay, without index
     */
    public static List<Path> writeSharded(
            Path folder, Map<String, String> metadata, List<Source> tensors, long maxShardBytes) {
        var shards = new ArrayList<List<Source>>();
        long filled = Long.MAX_VALUE;
        long total = 0;
        for (Source source : tensors) {
            long size = source.sizeBytes();
            total += size;
            if (shards.isEmpty() || filled + size > maxShardBytes) {
                shards.add(new ArrayList<>());
                filled = 0;
            }
            shards.getLast().add(source);
            filled += size;
        }
        if (shards.size() <= 1) {
            Path file = folder.resolve(SafetensorsFolder.SINGLE);
            write(file, metadata, tensors);
            return List.of(file);
        }
        Path indexFile = folder.resolve(SafetensorsFolder.INDEX);
        delete(indexFile); // an older one would make a whole model of old and new shards
        var files = new ArrayList<Path>();
        ObjectNode index = MAPPER.createObjectNode();
        index.putObject("metadata").put("total_size", total);
        var places = new TreeMap<String, String>();
        for (int i = 0; i < shards.size(); i++) {
            String name = String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
            write(folder.resolve(name), metadata, shards.get(i));
            files.add(folder.resolve(name));
            shards.get(i).forEach(source -> places.put(source.name(), name));
        }
        ObjectNode map = index.putObject("weight_map");
        places.forEach(map::put);
        delete(folder.resolve(SafetensorsFolder.SINGLE)); // readers would take it instead of the shards
        byte[] text = MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(index);
        writeWhole(indexFile, text.length, channel -> writeFully(channel, ByteBuffer.wrap(text)));
        files.add(indexFile);
        return files;
    }

    /** What is filled before it takes a file's name. */
    public static Path unfinished(Path file) {
        return file.resolveSibling(file.getFileName() + ".tmp");
    }

    /** The header's bytes as the reference library pads them. */
    static byte[] header(Map<String, String> metadata, List<Source> tensors) {
        return header(metadata, tensors, 8);
    }

    /** The header's bytes, padded so that data begins at a multiple, without the length before them. */
    static byte[] header(Map<String, String> metadata, List<Source> tensors, int alignment) {
        ObjectNode root = MAPPER.createObjectNode();
        if (!metadata.isEmpty()) {
            ObjectNode node = root.putObject("__metadata__");
            metadata.forEach(node::put);
        }
        long offset = 0;
        for (Source source : tensors) {
            if (root.has(source.name())) {
                throw new IllegalArgumentException("tensor " + source.name() + " is given twice");
            }
            ObjectNode node = root.putObject(source.name());
            node.put("dtype", source.dtype().name());
            var shape = node.putArray("shape");
            source.shape().dims().forEach(shape::add);
            long end = offset + source.sizeBytes();
            node.putArray("data_offsets").add(offset).add(end);
            offset = end;
        }
        byte[] json = MAPPER.writeValueAsString(root).getBytes(StandardCharsets.UTF_8);
        int padding = -(8 + json.length) & (alignment - 1);
        byte[] padded = java.util.Arrays.copyOf(json, json.length + padding);
        java.util.Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        return padded;
    }

    /** What fills a file. */
    @FunctionalInterface
    private interface Content {
        void writeTo(FileChannel channel) throws IOException;
    }

    /** Fills a neighbour of the file, which then takes its name. */
    private static void writeWhole(Path file, long bytes, Content content) {
        Path temporary = unfinished(file);
        boolean written = false;
        try (FileChannel channel = FileChannel.open(
                temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            content.writeTo(channel);
            channel.force(true);
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            written = true;
        } catch (IOException e) {
            throw failed(file, bytes, e);
        } finally {
            if (!written) {
                deleteQuietly(temporary);
            }
        }
    }

    /** The channel's own exception names no file: its cause is one that does. */
    private static UncheckedIOException failed(Path file, long bytes, IOException e) {
        IOException named = e;
        if (!(e instanceof FileSystemException)) {
            named = new FileSystemException(file.toString(), null, e.getMessage());
            named.initCause(e);
        }
        return new UncheckedIOException(
                "cannot write " + file + " (" + bytes + " bytes, " + free(file) + " free): " + e.getMessage(), named);
    }

    private static void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot replace " + file + ": " + e.getMessage(), e);
        }
    }

    private static void write(FileChannel channel, Source source) throws IOException {
        Tensor tensor = source.data().get();
        boolean convert = tensor.dtype() != source.dtype();
        boolean floats = tensor.dtype().isFloat() && source.dtype().isFloat();
        if ((convert && !floats) || !tensor.shape().equals(source.shape())) {
            throw new IllegalArgumentException("tensor " + source.name() + " was announced as " + source.dtype() + " "
                    + source.shape() + ", came as " + tensor.dtype() + " " + tensor.shape());
        }
        if (convert) {
            writeConverted(channel, tensor, source.dtype());
            return;
        }
        long size = tensor.data().byteSize();
        byte[] bounce = new byte[(int) Math.min(COPY_BYTES, size)];
        for (long from = 0; from < size; from += bounce.length) {
            int count = (int) Math.min(bounce.length, size - from);
            java.lang.foreign.MemorySegment.copy(
                    tensor.data(), java.lang.foreign.ValueLayout.JAVA_BYTE, from, bounce, 0, count);
            writeFully(channel, ByteBuffer.wrap(bounce, 0, count));
        }
    }

    private static void writeConverted(FileChannel channel, Tensor tensor, DType target) throws IOException {
        long elements = tensor.shape().elements();
        float[] piece = new float[(int) Math.min(COPY_BYTES / Float.BYTES, elements)];
        for (long from = 0; from < elements; from += piece.length) {
            int count = (int) Math.min(piece.length, elements - from);
            tensor.copyTo(from, piece, 0, count);
            float[] filled = count == piece.length ? piece : java.util.Arrays.copyOf(piece, count);
            Tensor rounded = Tensor.ofFloats(filled, count).as(target);
            byte[] bytes = new byte[Math.toIntExact(rounded.data().byteSize())];
            java.lang.foreign.MemorySegment.copy(
                    rounded.data(), java.lang.foreign.ValueLayout.JAVA_BYTE, 0, bytes, 0, bytes.length);
            writeFully(channel, ByteBuffer.wrap(bytes));
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    private static String free(Path file) {
        try {
            Path folder = file.toAbsolutePath().getParent();
            return folder == null
                    ? "unknown"
                    : Long.toString(Files.getFileStore(folder).getUsableSpace());
        } catch (IOException e) {
            return "unknown";
        }
    }

    private static void deleteQuietly(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            System.getLogger(SafetensorsWriter.class.getName())
                    .log(System.Logger.Level.WARNING, "cannot remove the unfinished " + file + ": " + e.getMessage());
        }
    }
}
