package awq4j.format.gguf;

import awq4j.tensor.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Writes a GGUF file of version 3: keys and tensors are announced, then the file is written in one pass, data piece by
 * piece, under a temporary name that is changed when the file is whole.
 */
public final class GgufWriter {
    private static final int VERSION = 3;
    private static final int ALIGNMENT = 32;
    private static final int COPY_BYTES = 1 << 20;

    private final ByteArrayOutputStream keys = new ByteArrayOutputStream();
    private final Set<String> names = new HashSet<>();
    private final List<Announced> tensors = new ArrayList<>();
    private int keyCount;

    /** A file without keys and tensors. */
    public GgufWriter() {}

    /** Takes the bytes of a tensor in their order. */
    @FunctionalInterface
    public interface Sink {
        /** Takes the next bytes. */
        void put(MemorySegment bytes) throws IOException;
    }

    /** Gives the bytes of a tensor when its turn comes. */
    @FunctionalInterface
    public interface Data {
        /** Gives all of them, in as many pieces as it likes. */
        void writeTo(Sink sink) throws IOException;
    }

    private record Announced(String name, GgmlType type, Shape shape, long sizeBytes, Data data) {}

    /** Adds a whole number, an unsigned one in 32 bits. */
    public GgufWriter number(String key, int value) {
        if (value < 0) {
            throw new IllegalArgumentException("\"" + key + "\" should not be negative, was " + value);
        }
        key(key, ValueKind.UINT32).writeBytes(ints(value));
        return this;
    }

    /** Adds a number as a float32. */
    public GgufWriter real(String key, double value) {
        key(key, ValueKind.FLOAT32).writeBytes(ints(Float.floatToRawIntBits((float) value)));
        return this;
    }

    /** Adds true or false. */
    public GgufWriter flag(String key, boolean value) {
        key(key, ValueKind.BOOL).write(value ? 1 : 0);
        return this;
    }

    /** Adds a text. */
    public GgufWriter text(String key, String value) {
        string(key(key, ValueKind.STRING), value);
        return this;
    }

    /** Adds texts. */
    public GgufWriter texts(String key, List<String> values) {
        array(key, ValueKind.STRING, values.size());
        values.forEach(value -> string(keys, value));
        return this;
    }

    /** Adds whole numbers. */
    public GgufWriter numbers(String key, int[] values) {
        array(key, ValueKind.INT32, values.length);
        keys.writeBytes(ints(values));
        return this;
    }

    /** Adds float32 numbers. */
    public GgufWriter reals(String key, float[] values) {
        array(key, ValueKind.FLOAT32, values.length);
        for (float value : values) {
            keys.writeBytes(ints(Float.floatToRawIntBits(value)));
        }
        return this;
    }

    /**
     * Announces a tensor behind those before it.
     *
     * @param shape outermost extent first; the innermost is a whole number of the type's blocks
     * @param data asked for once, when its turn comes
     * @throws IllegalArgumentException if the name is taken or rows are not whole blocks
     */
    public GgufWriter tensor(String name, GgmlType type, Shape shape, Data data) {
        long columns = shape.rank() == 0 ? 1 : shape.dim(shape.rank() - 1);
        if (columns % type.blockElements() != 0) {
            throw new IllegalArgumentException("tensor " + name + ": " + type + " needs columns in multiples of "
                    + type.blockElements() + ", found " + shape);
        }
        if (!names.add("tensor " + name)) {
            throw new IllegalArgumentException("tensor " + name + " is given twice");
        }
        long size = Math.multiplyExact(shape.elements() / type.blockElements(), (long) type.blockBytes());
        tensors.add(new Announced(name, type, shape, size, data));
        return this;
    }

    /** Bytes that the file will have. */
    public long sizeBytes() {
        return header().length
                + tensors.stream().mapToLong(tensor -> padded(tensor.sizeBytes)).sum();
    }

    /** What is filled before it takes a file's name. */
    public static Path unfinished(Path file) {
        return file.resolveSibling(file.getFileName() + ".tmp");
    }

    /**
     * Writes the file, or replaces it; it appears when it is whole.
     *
     * @throws UncheckedIOException if the disk is full or not writable; nothing is left behind then
     * @throws IllegalStateException if a tensor gives other bytes than were announced
     */
    public void write(Path file) {
        Path temporary = unfinished(file);
        boolean written = false;
        try (FileChannel channel = FileChannel.open(
                temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            writeFully(channel, ByteBuffer.wrap(header()));
            for (Announced tensor : tensors) {
                write(channel, tensor);
            }
            channel.force(true);
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            written = true;
        } catch (IOException e) {
            throw failed(file, e);
        } finally {
            if (!written) {
                deleteQuietly(temporary);
            }
        }
    }

    private static void write(FileChannel channel, Announced tensor) throws IOException {
        long[] given = {0};
        byte[] bounce = new byte[(int) Math.min(COPY_BYTES, tensor.sizeBytes)];
        tensor.data.writeTo(bytes -> {
            given[0] += bytes.byteSize();
            if (given[0] > tensor.sizeBytes) {
                throw wrongSize(tensor, "more");
            }
            for (long from = 0; from < bytes.byteSize(); from += bounce.length) {
                int count = (int) Math.min(bounce.length, bytes.byteSize() - from);
                MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, from, bounce, 0, count);
                writeFully(channel, ByteBuffer.wrap(bounce, 0, count));
            }
        });
        if (given[0] < tensor.sizeBytes) {
            throw wrongSize(tensor, "only " + given[0]);
        }
        writeFully(channel, ByteBuffer.allocate((int) (padded(tensor.sizeBytes) - tensor.sizeBytes)));
    }

    private static IllegalStateException wrongSize(Announced tensor, String found) {
        return new IllegalStateException(
                "tensor " + tensor.name + " was announced with " + tensor.sizeBytes + " bytes, came with " + found);
    }

    private byte[] header() {
        var header = new ByteArrayOutputStream();
        header.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
        header.writeBytes(ints(VERSION));
        header.writeBytes(longs(tensors.size(), keyCount));
        header.writeBytes(keys.toByteArray());
        long offset = 0;
        for (Announced tensor : tensors) {
            string(header, tensor.name);
            int rank = tensor.shape.rank();
            header.writeBytes(ints(rank));
            for (int i = rank - 1; i >= 0; i--) {
                header.writeBytes(longs(tensor.shape.dim(i)));
            }
            header.writeBytes(ints(tensor.type.id()));
            header.writeBytes(longs(offset));
            offset += padded(tensor.sizeBytes);
        }
        header.writeBytes(new byte[(int) (padded(header.size()) - header.size())]);
        return header.toByteArray();
    }

    private static long padded(long bytes) {
        return bytes + (-bytes & (ALIGNMENT - 1));
    }

    private ByteArrayOutputStream key(String key, ValueKind kind) {
        if (!names.add(key)) {
            throw new IllegalArgumentException("key \"" + key + "\" is given twice");
        }
        keyCount++;
        string(keys, key);
        keys.writeBytes(ints(kind.number()));
        return keys;
    }

    private void array(String key, ValueKind kind, int length) {
        key(key, ValueKind.ARRAY).writeBytes(ints(kind.number()));
        keys.writeBytes(longs(length));
    }

    private static void string(ByteArrayOutputStream to, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        to.writeBytes(longs(bytes.length));
        to.writeBytes(bytes);
    }

    private static byte[] ints(int... values) {
        ByteBuffer buffer = ByteBuffer.allocate(Integer.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asIntBuffer().put(values);
        return buffer.array();
    }

    private static byte[] longs(long... values) {
        ByteBuffer buffer = ByteBuffer.allocate(Long.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asLongBuffer().put(values);
        return buffer.array();
    }

    private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    /** The channel's own exception names no file: its cause is one that does. */
    private static UncheckedIOException failed(Path file, IOException e) {
        IOException named = e;
        if (!(e instanceof FileSystemException)) {
            named = new FileSystemException(file.toString(), null, e.getMessage());
            named.initCause(e);
        }
        return new UncheckedIOException("cannot write " + file + ": " + e.getMessage(), named);
    }

    private static void deleteQuietly(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            System.getLogger(GgufWriter.class.getName())
                    .log(System.Logger.Level.WARNING, "cannot remove the unfinished " + file + ": " + e.getMessage());
        }
    }
}
