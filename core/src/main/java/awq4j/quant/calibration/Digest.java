package awq4j.quant.calibration;

import awq4j.format.Sha256;
import java.security.MessageDigest;
import java.util.HexFormat;

/** A SHA-256 in the making. */
final class Digest {
    private final MessageDigest sha = Sha256.begin();

    Digest update(byte[] bytes) {
        sha.update(bytes);
        return this;
    }

    String hex() {
        return HexFormat.of().formatHex(sha.digest());
    }
}
