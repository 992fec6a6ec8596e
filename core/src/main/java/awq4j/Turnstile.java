package awq4j;

import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** Lets one caller at a time into a model, and none once it is closed. */
final class Turnstile {
    private final String name;
    private final ReentrantLock lock = new ReentrantLock();
    private volatile boolean closing;

    /** @param name of the model, for messages */
    Turnstile(String name) {
        this.name = name;
    }

    /**
     * Does some work, alone.
     *
     * @throws IllegalStateException if the model is closed or another call is under way, be it this thread's own
     */
    <T> T pass(Supplier<T> work) {
        checkOpen();
        if (!lock.tryLock()) {
            throw new IllegalStateException(
                    name + " is busy: it serves one caller at a time, and another thread's call is under way");
        }
        try {
            if (lock.getHoldCount() > 1) {
                throw new IllegalStateException(
                        name + " is busy: it serves one caller at a time, and this call comes from within another");
            }
            checkOpen();
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    /** Whether a running call should come to its end. */
    boolean closing() {
        return closing;
    }

    /**
     * Waits for the call under way, then frees; nothing happens the second time.
     *
     * @throws IllegalStateException if the call under way is this thread's own
     */
    void close(Runnable free) {
        if (lock.isHeldByCurrentThread()) {
            throw new IllegalStateException(name + " cannot be closed from within a call to it");
        }
        boolean first = !closing;
        closing = true;
        lock.lock();
        try {
            if (first) {
                free.run();
            }
        } finally {
            lock.unlock();
        }
    }

    private void checkOpen() {
        if (closing) {
            throw new IllegalStateException(name + " is closed");
        }
    }
}
