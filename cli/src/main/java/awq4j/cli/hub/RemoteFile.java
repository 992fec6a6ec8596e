package awq4j.cli.hub;

import java.util.Set;
import java.util.regex.Pattern;

/**
 * A file of a model as the hub lists it. A hub is not trusted: its names become paths.
 *
 * @param path relative, parts apart by {@code /}
 * @param size in bytes
 * @param hash in hexadecimal: SHA-256 of the content, or Git's SHA-1 of it as a blob; which one, its length says
 */
public record RemoteFile(String path, long size, String hash) {
    private static final Pattern HASH = Pattern.compile("[0-9a-f]{40}|[0-9a-f]{64}");
    private static final int LONGEST = 1024;
    private static final int SHA_256 = 64;
    /** Characters that separate, end or mean something in a path of some system. */
    private static final Set<Character> NEVER = Set.of('\\', ':', '*', '?', '"', '<', '>', '|');

    /** @throws HubException if it cannot be a file of a model */
    public RemoteFile {
        if (!isSafe(path)) {
            throw new HubException("the hub lists a file with the name \"" + path + "\", which is refused: it would not"
                    + " lie in the model's folder");
        }
        if (size < 0) {
            throw new HubException("the hub says that " + path + " has " + size + " bytes");
        }
        if (!HASH.matcher(hash).matches()) {
            throw new HubException("the hub gives no usable hash of " + path + " (\"" + hash
                    + "\"), so its content could not be checked");
        }
    }

    /** Whether a path stays below the folder that it is resolved against, on every system. */
    static boolean isSafe(String path) {
        if (path.isEmpty() || path.length() > LONGEST) {
            return false;
        }
        for (String part : path.split("/", -1)) {
            if (part.isBlank() || part.equals(".") || part.equals("..") || part.endsWith(" ") || part.endsWith(".")) {
                return false;
            }
        }
        return path.chars().noneMatch(c -> c < ' ' || c == 0x7F || NEVER.contains((char) c));
    }

    /** Whether {@link #hash} is a SHA-256. */
    boolean isSha256() {
        return hash.length() == SHA_256;
    }

    /** The name without the folders. */
    String name() {
        return path.substring(path.lastIndexOf('/') + 1);
    }

    /** Whether it lies in a folder below the model's. */
    boolean isBelow() {
        return path.indexOf('/') >= 0;
    }
}
