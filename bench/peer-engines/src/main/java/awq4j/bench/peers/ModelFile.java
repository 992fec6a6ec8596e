package awq4j.bench.peers;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** A file of a header and tensors: written to a temporary name, so that what has the right name is whole. */
final class ModelFile {
    private static final int PIECE = 1 << 20;

    private final byte[] header;
    private final List<TensorData> tensors;
    private final int alignment;

    /**
     * What the file will hold.
     *
     * @param header what stands before the first tensor, as long as {@code alignment} wants it
     * @param alignment tensors begin at multiples of it, filled up with zeros
     */
    ModelFile(byte[] header, List<TensorData> tensors, int alignment) {
        this.header = header;
        this.tensors = tensors;
        this.alignment = alignment;
    }

    /** Bytes of the whole file. */
    long sizeBytes() {
        long size = header.length;
        for (TensorData tensor : tensors) {
            size += padded(tensor.sizeBytes(), alignment);
        }
        return size;
    }

    /** Writes it unless a file of this size is there already. */
    void writeOnce(Path file) throws IOException {
        if (Files.exists(file) && Files.size(file) == sizeBytes()) {
            return;
        }
        Path parent = file.toAbsolutePath().getParent();
        Path partial = Files.createTempFile(Files.createDirectories(parent), "partial", ".tmp");
        try {
            try (OutputStream out = Files.newOutputStream(partial)) {
                write(out);
            }
            if (Files.size(partial) != sizeBytes()) {
                throw new IOException(partial + ": expected " + sizeBytes() + " bytes, found " + Files.size(partial));
            }
            Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(partial);
        }
    }

    private void write(OutputStream out) throws IOException {
        out.write(header);
        byte[] piece = new byte[PIECE];
        for (TensorData tensor : tensors) {
            for (long offset = 0; offset < tensor.sizeBytes(); offset += PIECE) {
                int length = (int) Math.min(PIECE, tensor.sizeBytes() - offset);
                tensor.copy(offset, piece, length);
                out.write(piece, 0, length);
            }
            out.write(new byte[(int) (padded(tensor.sizeBytes(), alignment) - tensor.sizeBytes())]);
        }
    }

    static long padded(long size, int alignment) {
        return (size + alignment - 1) / alignment * alignment;
    }
}
