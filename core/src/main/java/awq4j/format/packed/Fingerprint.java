package awq4j.format.packed;

import awq4j.format.Sha256;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;

/**
 * Tells whether files are still those that something was made from: their names, their sizes, and pieces of each from
 * its beginning to its end. Times are left out, since copying a folder changes them. What is changed between two pieces
 * goes unnoticed; weights that were quantized or trained again differ everywhere.
 */
final class Fingerprint {
    private static final int PIECE = 4096;

    /** Pieces of a file; a model of 700 MB is looked at every 700 KB, less than any matrix takes. */
    private static final int PIECES = 1024;

    private Fingerprint() {}

    /** SHA-256 of what is looked at, in hexadecimal digits. */
    static String of(List<Path> files) {
        MessageDigest digest = Sha256.begin();
        for (Path file : files) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                add(digest, file, channel);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static void add(MessageDigest digest, Path file, FileChannel channel) throws IOException {
        long size = channel.size();
        digest.update((file.getFileName() + " " + size + "\n").getBytes(StandardCharsets.UTF_8));
        long step = Math.max(PIECE, size / PIECES);
        var piece = ByteBuffer.allocate(PIECE);
        for (long at = 0; at < size; at += step) {
            read(channel, Math.min(at, Math.max(0, size - PIECE)), piece);
            digest.update(piece);
        }
        read(channel, Math.max(0, size - PIECE), piece);
        digest.update(piece);
    }

    private static void read(FileChannel channel, long at, ByteBuffer piece) throws IOException {
        piece.clear();
        while (piece.hasRemaining() && channel.read(piece, at + piece.position()) >= 0) {}
        piece.flip();
    }
}
