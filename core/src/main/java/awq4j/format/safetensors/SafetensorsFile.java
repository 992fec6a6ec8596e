package awq4j.format.safetensors;

import awq4j.format.MalformedFileException;
import awq4j.format.TensorFile;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A safetensors file, mapped: 8 bytes of header length (little-endian), a JSON header, the data.
 *
 * <p>The header is checked whole when the file is opened; the data is touched only when read. Bytes between or behind
 * tensors are tolerated, overlaps are not. Element types beyond {@link DType} (the 8-bit floats, say) can be listed, and
 * are refused when that tensor is read.
 */
public final class SafetensorsFile implements TensorFile {
    /** The bound that the reference library sets too: no real header comes near it. */
    static final long MAX_HEADER_BYTES = 100_000_000;

    /** How a Git LFS pointer begins, {@code version }, as a number: what a clone without LFS leaves in place of weights. */
    private static final long LFS_POINTER = 0x206e_6f69_7372_6576L;

    private final Path path;
    private final Arena arena;
    private final MemorySegment data;
    private final SafetensorsHeader header;

    private SafetensorsFile(Path path, Arena arena, MemorySegment data, SafetensorsHeader header) {
        this.path = path;
        this.arena = arena;
        this.data = data;
        this.header = header;
    }

    /**
     * Maps a file and checks its header.
     *
     * @throws MalformedFileException if it is not a safetensors file, or its header promises what the file has not
     */
    public static SafetensorsFile open(Path path) {
        Arena arena = Arena.ofShared();
        boolean opened = false;
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            if (Files.isDirectory(path)) {
                throw new MalformedFileException(path, -1, "expected a file, found a folder");
            }
            long size = channel.size();
            if (size < 8) {
                throw new MalformedFileException(
                        path, 0, "expected a header length of 8 bytes, file has " + size + " bytes");
            }
            long length = read(channel, path, 0, 8).getLong(0);
            if (length == LFS_POINTER) {
                throw new MalformedFileException(
                        path, 0, "is a Git LFS pointer, not the file it points to; fetch that with \"git lfs pull\"");
            }
            if (length < 2 || length > MAX_HEADER_BYTES) {
                throw new MalformedFileException(
                        path, 0, "header length " + Long.toUnsignedString(length) + " is not in [2, 100000000]");
            }
            if (length > size - 8) {
                throw new MalformedFileException(
                        path, 8, "header takes " + length + " bytes, file has " + (size - 8) + " behind its length");
            }
            byte[] json = read(channel, path, 8, (int) length).array();
            var header = SafetensorsHeader.parse(path, json, size - 8 - length);
            MemorySegment data = channel.map(MapMode.READ_ONLY, 8 + length, size - 8 - length, arena);
            var file = new SafetensorsFile(path, arena, data, header);
            opened = true;
            return file;
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": " + e.getMessage(), e);
        } finally {
            if (!opened) {
                arena.close();
            }
        }
    }

    private static ByteBuffer read(FileChannel channel, Path path, long from, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, from + buffer.position()) < 0) {
                throw new MalformedFileException(path, from + buffer.position(), "file ends here while being read");
            }
        }
        return buffer;
    }

    /** The file. */
    @Override
    public Path path() {
        return path;
    }

    /** The free-form strings of {@code __metadata__}, in file order; empty if there are none. */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /** Tensor names in header order. */
    @Override
    public Set<String> names() {
        return header.entries().keySet();
    }

    /** Bytes of data that the tensor takes. */
    @Override
    public long sizeBytes(String name) {
        var entry = entry(name);
        return entry.end() - entry.begin();
    }

    /** The element type as the file spells it, for example {@code F16} or {@code F8_E4M3}. */
    @Override
    public String dtypeName(String name) {
        return entry(name).dtypeName();
    }

    /** The tensor's extents. */
    @Override
    public Shape shape(String name) {
        return entry(name).shape();
    }

    /**
     * A view of one tensor, valid until {@link #close}.
     *
     * @throws IllegalArgumentException if there is none of that name
     * @throws UnsupportedModelException if its element type is not one of {@link DType}
     */
    @Override
    public Tensor tensor(String name) {
        var entry = entry(name);
        DType dtype = entry.dtype();
        if (dtype == null) {
            throw new UnsupportedModelException(path.getFileName() + ": tensor " + name + " has element type "
                    + entry.dtypeName() + "; supported: "
                    + java.util.Arrays.stream(DType.values()).map(Enum::name).collect(Collectors.joining(", ")));
        }
        return new Tensor(dtype, entry.shape(), data.asSlice(entry.begin(), entry.end() - entry.begin()));
    }

    private SafetensorsHeader.Entry entry(String name) {
        var entry = header.entries().get(name);
        if (entry == null) {
            throw new IllegalArgumentException(path.getFileName() + " has no tensor " + name);
        }
        return entry;
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
