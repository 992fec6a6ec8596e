package awq4j.cli.hub;

import awq4j.format.Sha256;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The hash of a file's content by the method of the one that it is compared with. */
final class ContentHash {
    private final RemoteFile file;
    private MessageDigest digest;

    ContentHash(RemoteFile file) {
        this.file = file;
        this.digest = begin(file);
    }

    /** Large files have a SHA-256 of the content; others are Git blobs: SHA-1 of a header with the size, and the content. */
    private static MessageDigest begin(RemoteFile file) {
        if (file.isSha256()) {
            return Sha256.begin();
        }
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-1");
            digest.update(("blob " + file.size() + "\0").getBytes(StandardCharsets.ISO_8859_1));
            return digest;
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-1", e);
        }
    }

    void restart() {
        digest = begin(file);
    }

    void add(ByteBuffer bytes) {
        digest.update(bytes);
    }

    /** The hash of all that was added, in hexadecimal; ends this. */
    String value() {
        return HexFormat.of().formatHex(digest.digest());
    }
}
