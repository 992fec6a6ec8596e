package awq4j.cli.hub;

import java.nio.file.Path;
import java.util.List;

/**
 * What a download will do.
 *
 * @param model what was asked for
 * @param commit which state that is
 * @param snapshot the folder of the files
 * @param files all that the folder will hold
 * @param missing those of them that are fetched; each content once
 * @param skipped what the hub has beyond
 * @param kept bytes of the missing files that an earlier download left
 */
public record PullPlan(
        ModelName model,
        String commit,
        Path snapshot,
        List<RemoteFile> files,
        List<RemoteFile> missing,
        List<RemoteFile> skipped,
        long kept) {
    /** Copies the lists. */
    public PullPlan {
        files = List.copyOf(files);
        missing = List.copyOf(missing);
        skipped = List.copyOf(skipped);
    }

    /** Bytes of all files. */
    public long bytes() {
        return FileChoice.bytes(files);
    }

    /** Bytes that are still to come. */
    public long bytesToFetch() {
        return FileChoice.bytes(missing) - kept;
    }

    /** Bytes of what the hub has beyond. */
    public long bytesSkipped() {
        return FileChoice.bytes(skipped);
    }
}
