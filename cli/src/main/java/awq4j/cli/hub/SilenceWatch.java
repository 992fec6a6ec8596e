package awq4j.cli.hub;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Ends reads that wait for too long. The HTTP library limits the time until an answer begins, and waits for the rest of
 * it without end: a connection that a router has forgotten would hang for ever.
 */
final class SilenceWatch implements AutoCloseable {
    private final long nanos;
    private final Set<Watched> open = ConcurrentHashMap.newKeySet();
    private final Thread thread;

    SilenceWatch(Duration longest) {
        nanos = longest.toNanos();
        thread = Thread.ofVirtual().name("awq4j-silence").start(this::look);
    }

    Watched watch(InputStream stream) {
        var watched = new Watched(stream);
        open.add(watched);
        return watched;
    }

    private void look() {
        try {
            while (true) {
                Thread.sleep(Duration.ofNanos(Math.max(1, nanos / 4)));
                open.forEach(Watched::endIfSilent);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        thread.interrupt();
    }

    /** A stream whose reads end. */
    final class Watched implements AutoCloseable {
        private final InputStream stream;
        private volatile long since;
        private volatile boolean reading;
        private volatile boolean ended;

        private Watched(InputStream stream) {
            this.stream = stream;
        }

        int read(byte[] buffer) throws IOException {
            return limited(() -> stream.read(buffer));
        }

        byte[] readAll(int most) throws IOException {
            return limited(() -> stream.readNBytes(most));
        }

        private <T> T limited(Read<T> read) throws IOException {
            since = System.nanoTime();
            reading = true;
            try {
                return read.now();
            } catch (IOException e) {
                throw ended ? new IOException("it fell silent", e) : e;
            } finally {
                reading = false;
            }
        }

        private void endIfSilent() {
            if (reading && System.nanoTime() - since > nanos) {
                ended = true;
                closeStream();
            }
        }

        private void closeStream() {
            try {
                stream.close();
            } catch (IOException e) {
                assert e != null : "nothing is lost: nobody reads it any more";
            }
        }

        @Override
        public void close() {
            open.remove(this);
            closeStream();
        }
    }

    @FunctionalInterface
    private interface Read<T> {
        T now() throws IOException;
    }
}
