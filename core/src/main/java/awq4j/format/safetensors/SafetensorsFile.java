package awq4j.format.safetensors;

import awq4j.format.Beginning;
import awq4j.format.MalformedFileException;
import awq4j.format.MappedFile;
import awq4j.format.TensorFile;
import awq4j.format.UnsupportedModelException;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
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

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** How a Git LFS pointer begins, {@code version }, as a number: what a clone without LFS leaves in place of weights. */
    private static final long LFS_POINTER = 0x206e_6f69_7372_6576L;

    private final MappedFile mapped;
    private final MemorySegment data;
    private final SafetensorsHeader header;

    private SafetensorsFile(MappedFile mapped, MemorySegment data, SafetensorsHeader header) {
        this.mapped = mapped;
        this.data = data;
        this.header = header;
    }

    /**
     * Maps a file and checks its header.
     *
     * @throws MalformedFileException if it is not a safetensors file, or its header promises what the file has not
     */
    public static SafetensorsFile open(Path path) {
        return MappedFile.open(path, SafetensorsFile::read);
    }

    private static SafetensorsFile read(MappedFile mapped) {
        Path path = mapped.path();
        MemorySegment memory = mapped.memory();
        long size = memory.byteSize();
        if (size < 8) {
            throw new MalformedFileException(
                    path, 0, "expected a header length of 8 bytes, file has " + size + " bytes");
        }
        long length = memory.get(LONG, 0);
        if (length == LFS_POINTER) {
            throw new MalformedFileException(
                    path, 0, "is a Git LFS pointer, not the file it points to; fetch that with \"git lfs pull\"");
        }
        if (length < 2 || length > MAX_HEADER_BYTES) {
            throw new MalformedFileException(
                    path,
                    0,
                    "header length " + Long.toUnsignedString(length) + " is not in [2, 100000000]"
                            + Beginning.hint(memory));
        }
        if (length > size - 8) {
            throw new MalformedFileException(
                    path, 8, "header takes " + length + " bytes, file has " + (size - 8) + " behind its length");
        }
        byte[] json = memory.asSlice(8, length).toArray(ValueLayout.JAVA_BYTE);
        var header = SafetensorsHeader.parse(path, json, size - 8 - length);
        return new SafetensorsFile(mapped, memory.asSlice(8 + length), header);
    }

    /** The file. */
    @Override
    public Path path() {
        return mapped.path();
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
            throw new UnsupportedModelException(path().getFileName() + ": tensor " + name + " has element type "
                    + entry.dtypeName() + "; supported: "
                    + java.util.Arrays.stream(DType.values()).map(Enum::name).collect(Collectors.joining(", ")));
        }
        return new Tensor(dtype, entry.shape(), data.asSlice(entry.begin(), entry.end() - entry.begin()));
    }

    private SafetensorsHeader.Entry entry(String name) {
        var entry = header.entries().get(name);
        if (entry == null) {
            throw new IllegalArgumentException(path().getFileName() + " has no tensor " + name);
        }
        return entry;
    }

    @Override
    public void close() {
        mapped.close();
    }
}
