package awq4j.cli.hub;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One content on its way into the cache. It grows in {@code HASH.incomplete}, which at any moment holds the beginning of
 * the file and nothing else, so that any later run goes on from there; it gets its name when its hash is right.
 */
final class BlobDownload {
    private static final int BUFFER = 1 << 18;
    private static final int PARTIAL = 206;
    private static final int NO_SUCH_RANGE = 416;
    private static final Pattern RANGE = Pattern.compile("bytes (\\d+)-\\d+/(\\d+|\\*)");

    private final HubClient hub;
    private final String commit;
    private final RemoteFile file;
    private final Path blob;
    private final Path unfinished;
    private final PullWatch watch;
    private final ContentHash hash;
    /** Bytes that are on the disk and in {@link #hash}. */
    private long have;

    BlobDownload(HubClient hub, String commit, RemoteFile file, Path blob, PullWatch watch) {
        this.hub = hub;
        this.commit = commit;
        this.file = file;
        this.blob = blob;
        this.unfinished = unfinished(blob);
        this.watch = watch;
        this.hash = new ContentHash(file);
    }

    static Path unfinished(Path blob) {
        return blob.resolveSibling(blob.getFileName() + ".incomplete");
    }

    /** The network's failure, as opposed to the disk's. */
    private static final class Cut extends IOException {
        private static final long serialVersionUID = 1L;

        Cut(String message) {
            super(message);
        }

        Cut(IOException cause) {
            super(HubClient.reason(cause), cause);
        }
    }

    /**
     * Fetches what is missing, and checks the whole.
     *
     * @throws HubException if the hub refuses, the connection fails again and again, or the content is another one
     * @throws IOException if the disk fails
     */
    void run() throws IOException {
        boolean moved = false;
        try (FileChannel channel = FileChannel.open(
                unfinished, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            lock(channel);
            if (!Files.exists(blob) || Files.size(blob) != file.size()) { // else another process has just finished it
                takeOver(channel);
                if (!filled(channel)) {
                    restart(channel); // what an earlier download left may have been wrong: once more from nothing
                    if (!filled(channel)) {
                        channel.truncate(0);
                        throw new HubException(file.path() + " arrives with another content than " + hub.host()
                                + " announces: its hash is not " + file.hash()
                                + "; run this again later, and if that does not help ask who runs the hub or your"
                                + " proxy");
                    }
                }
                channel.force(false);
                Files.move(unfinished, blob, StandardCopyOption.ATOMIC_MOVE);
                moved = true;
            }
        }
        if (!moved) {
            Files.deleteIfExists(unfinished);
        }
    }

    /** Keeps other processes out while the channel is open. */
    private void lock(FileChannel channel) {
        boolean free;
        try {
            free = channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            free = false;
        } catch (IOException e) {
            free = true; // a file system without locks: the hash will tell if two have written at once
        }
        if (!free) {
            throw new HubException(
                    "another run is downloading " + file.path() + " of " + hub.model() + "; wait for it, or end it");
        }
    }

    /** Hashes what an earlier download left. */
    private void takeOver(FileChannel channel) throws IOException {
        if (channel.size() > file.size()) {
            channel.truncate(0);
        }
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
        while (channel.read(buffer.clear()) > 0) {
            watch.check();
            have += buffer.position();
            hash.add(buffer.flip());
        }
    }

    /** Whether the whole has the right hash. */
    private boolean filled(FileChannel channel) throws IOException {
        int failures = 0;
        while (have < file.size()) {
            long before = have;
            Duration wait;
            String reason;
            try (Answer answer = ask()) {
                if (answer.status() / 100 == 2) {
                    append(channel, answer);
                    failures = 0;
                    continue;
                }
                if (answer.status() == NO_SUCH_RANGE && have > 0) {
                    restart(channel);
                    continue;
                }
                failures++;
                if (!HubClient.passing(answer.status())
                        || failures >= hub.patience().attempts()) {
                    throw hub.refused(answer);
                }
                wait = hub.pause(answer, hub.patience().after(failures));
                reason = hub.reason(answer);
            } catch (Cut cut) {
                failures = have > before ? 1 : failures + 1;
                if (failures >= hub.patience().attempts()) {
                    throw new HubException(
                            "the connection to " + hub.host() + " failed " + failures + " times in a row at byte "
                                    + have + " of " + file.size() + " of " + file.path() + ": " + cut.getMessage()
                                    + "; run this again, it goes on from there",
                            cut);
                }
                wait = hub.patience().after(failures);
                reason = "the connection for " + file.path() + " failed (" + cut.getMessage() + ")";
            }
            hub.pause(wait, reason);
        }
        return hash.value().equals(file.hash());
    }

    private Answer ask() throws Cut {
        watch.check();
        try {
            return hub.once("GET", Listing.address(hub, commit, file.path()), have);
        } catch (IOException e) {
            throw new Cut(e);
        }
    }

    private void append(FileChannel channel, Answer answer) throws IOException {
        if (have > 0 && !continues(answer)) {
            restart(channel); // the whole file comes, from its first byte
        }
        byte[] bytes = new byte[BUFFER];
        while (true) {
            watch.check();
            int count;
            try {
                count = answer.read(bytes);
            } catch (IOException e) {
                throw new Cut(e);
            }
            if (count < 0) {
                break;
            }
            if (count > file.size() - have) {
                restart(channel);
                throw new HubException(file.path() + " is larger than the " + file.size() + " bytes that " + hub.host()
                        + " announces; nothing of it was kept");
            }
            write(channel, ByteBuffer.wrap(bytes, 0, count));
        }
        if (have < file.size()) {
            throw new Cut("it ended at byte " + have + " of " + file.size());
        }
    }

    /** Whether an answer begins where the file on the disk ends. */
    private boolean continues(Answer answer) throws Cut {
        if (answer.status() != PARTIAL) {
            return false;
        }
        Matcher range = RANGE.matcher(answer.header("Content-Range").orElse(""));
        if (!range.matches() || !range.group(1).equals(Long.toString(have))) {
            throw new Cut("asked for the bytes from " + have + ", got \""
                    + answer.header("Content-Range").orElse("") + "\"");
        }
        return true;
    }

    private void write(FileChannel channel, ByteBuffer bytes) throws IOException {
        int count = bytes.remaining();
        hash.add(bytes.duplicate());
        long at = have;
        while (bytes.hasRemaining()) {
            at += channel.write(bytes, at);
        }
        have = at;
        watch.fetched(count);
    }

    private void restart(FileChannel channel) throws IOException {
        watch.fetched(-have);
        channel.truncate(0);
        hash.restart();
        have = 0;
    }
}
