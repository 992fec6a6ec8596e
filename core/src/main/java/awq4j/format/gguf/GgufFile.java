package awq4j.format.gguf;

import static awq4j.format.gguf.ByteCursor.shown;

import awq4j.format.Beginning;
import awq4j.format.MalformedFileException;
import awq4j.format.MappedFile;
import awq4j.format.UnsupportedModelException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;

/**
 * A GGUF file of version 2 or 3, mapped: magic, counts, keys with typed values, a list of tensors, their data at multiples
 * of an alignment. All numbers are little-endian.
 *
 * <p>The header is checked whole when the file is opened, including that the data of each tensor lies within the file and
 * no two overlap; the data is touched only when read.
 */
public final class GgufFile implements AutoCloseable {
    /** How a file begins, {@code GGUF} as a number. */
    private static final int MAGIC = 0x4655_4747;

    /** Beginnings of the formats before it: {@code ggml}, {@code ggmf}, {@code ggjt}, {@code ggla}. */
    private static final int[] OLDER = {0x67676d6c, 0x67676d66, 0x67676a74, 0x67676c61};

    /** How a Git LFS pointer begins, {@code vers}: what a clone without LFS leaves in place of a file. */
    private static final int LFS_POINTER = 0x73726576;

    private final MappedFile mapped;
    private final GgufMetadata metadata;
    private final Map<String, GgufTensor> tensors;

    private GgufFile(MappedFile mapped, GgufMetadata metadata, Map<String, GgufTensor> tensors) {
        this.mapped = mapped;
        this.metadata = metadata;
        this.tensors = tensors;
    }

    /**
     * Maps a file and checks its header.
     *
     * @throws MalformedFileException if it is not a GGUF file, or its header promises what the file has not
     * @throws UnsupportedModelException if it is of another version or byte order
     */
    public static GgufFile open(Path path) {
        return MappedFile.open(path, GgufFile::read);
    }

    private static GgufFile read(MappedFile mapped) {
        Path path = mapped.path();
        MemorySegment memory = mapped.memory();
        var cursor = new ByteCursor(path, memory, 0);
        checkBeginning(path, memory, cursor);
        long tensorCount = cursor.count(TensorList.LEAST_BYTES, "tensors");
        long keyCount = cursor.count(Long.BYTES + 1 + Integer.BYTES + 1, "keys");
        GgufMetadata metadata = GgufMetadata.read(path, memory, cursor, keyCount);
        return new GgufFile(mapped, metadata, TensorList.read(path, memory, cursor, metadata, tensorCount));
    }

    private static void checkBeginning(Path path, MemorySegment memory, ByteCursor cursor) {
        int magic = cursor.int32("the beginning");
        if (magic == LFS_POINTER) {
            throw new MalformedFileException(
                    path, 0, "is a Git LFS pointer, not the file it points to; fetch that with \"git lfs pull\"");
        }
        for (int older : OLDER) {
            if (magic == older || magic == Integer.reverseBytes(older)) {
                throw new UnsupportedModelException(path.getFileName()
                        + " is of a format that llama.cpp had before GGUF; supported: GGUF versions 2 and 3");
            }
        }
        if (magic != MAGIC) {
            throw new MalformedFileException(
                    path,
                    0,
                    "expected a GGUF file, which begins with \"GGUF\", found " + Beginning.bytes(memory)
                            + Beginning.hint(memory));
        }
        int version = cursor.int32("the version");
        if (version == 2 || version == 3) {
            return;
        }
        int swapped = Integer.reverseBytes(version);
        if (swapped >= 1 && swapped <= 3) {
            throw new UnsupportedModelException(path.getFileName()
                    + " is big-endian; supported: little-endian files, as all machines write them but" + " mainframes");
        }
        throw new UnsupportedModelException(path.getFileName() + " is GGUF version " + Integer.toUnsignedString(version)
                + "; supported: versions 2 and 3");
    }

    /** The file. */
    public Path path() {
        return mapped.path();
    }

    /** Its keys and values, readable until {@link #close}. */
    public GgufMetadata metadata() {
        return metadata;
    }

    /** Its tensors in the order of the header. */
    public Map<String, GgufTensor> tensors() {
        return tensors;
    }

    /**
     * The data of one of its tensors, as it is stored; valid until {@link #close}.
     *
     * @throws IllegalArgumentException if there is none of that name
     * @throws UnsupportedModelException if its type is not known, and so its size
     */
    public MemorySegment data(String name) {
        GgufTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException(path().getFileName() + " has no tensor " + name);
        }
        if (tensor.type() == null) {
            throw new UnsupportedModelException(path().getFileName() + ": tensor " + shown(name) + " is of "
                    + tensor.typeName() + ", which is not known");
        }
        return mapped.memory().asSlice(tensor.offset(), tensor.sizeBytes());
    }

    @Override
    public void close() {
        mapped.close();
    }
}
