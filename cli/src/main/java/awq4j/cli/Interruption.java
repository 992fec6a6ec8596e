package awq4j.cli;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The user's Ctrl-C, or the system's request to end. The command gets a moment to stop where it stands; then, in any
 * case, what was registered is cleaned up and the process ends, with code 130 after Ctrl-C.
 */
final class Interruption {
    private static final long PATIENCE_MILLIS = 1500;

    private final CountDownLatch finished = new CountDownLatch(1);
    private final Deque<Runnable> farewells = new ArrayDeque<>();
    private volatile boolean requested;

    /** Watches for the end of the process from now on. The virtual machine's own answer to SIGINT is code 130. */
    void install() {
        Runtime.getRuntime().addShutdownHook(new Thread(this::arrive, "awq4j-interruption"));
    }

    /** Whether to stop. */
    boolean requested() {
        return requested;
    }

    /** @throws CancellationException if the user wants to stop; for loops that can only be left this way */
    void check() {
        if (requested) {
            throw new CancellationException("interrupted");
        }
    }

    /** Has {@code farewell} run if the process is interrupted, last registered first. */
    Registration onInterrupt(Runnable farewell) {
        synchronized (farewells) {
            farewells.push(farewell);
        }
        return () -> {
            synchronized (farewells) {
                farewells.remove(farewell);
            }
        };
    }

    /** The command has ended by itself. */
    void finish() {
        finished.countDown();
    }

    /** What the end of the process sets off; package-private so that tests can be the signal. */
    void arrive() {
        if (finished.getCount() == 0) {
            return;
        }
        requested = true;
        try {
            boolean stopped = finished.await(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
            assert stopped || requested;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        synchronized (farewells) {
            for (Runnable farewell : farewells) {
                farewell.run();
            }
        }
    }

    /** Takes a farewell back. */
    @FunctionalInterface
    interface Registration extends AutoCloseable {
        @Override
        void close();
    }
}
