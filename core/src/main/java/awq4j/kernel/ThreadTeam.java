package awq4j.kernel;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A fixed team of threads, the caller among them, that shares out one piece of work at a time. Parts are claimed, not
 * assigned, so that a slow core does not stall the rest; idle threads spin briefly, because the next operation usually
 * follows within microseconds, and then park.
 *
 * <p>Serves one caller at a time.
 */
final class ThreadTeam implements AutoCloseable {
    /** About 20 microseconds of pauses: longer than the gap between two operations, shorter than anyone notices. */
    private static final int SPINS = 1000;

    private static final Work NOTHING = (from, to, scratch) -> {};

    /** The number of a piece of work stands above this bit of {@link #state}, the next part to claim below. */
    private static final int NUMBER = 32;

    /** A next part that no piece of work has. */
    private static final long CLOSED = Integer.MAX_VALUE;

    private final Worker[] workers;
    private final Scratch own = new Scratch();

    /**
     * Which piece of work is under way, and its next part. A part is claimed by adding one to what was read: that fails if
     * anything has changed meanwhile, so the fields below belong to what was claimed. They are written while no part can
     * be claimed. Nothing is allocated for a piece of work.
     */
    private final AtomicLong state = new AtomicLong();

    private final AtomicInteger done = new AtomicInteger();
    private Work work = NOTHING;
    private int units;
    private int step = 1;
    private int parts;
    private volatile @Nullable Thread waiting;
    private volatile @Nullable Throwable failure;
    private volatile boolean closed;

    /** Part of a piece of work. */
    @FunctionalInterface
    interface Work {
        /** Does the units from {@code from} to before {@code to}. */
        void run(int from, int to, Scratch scratch);
    }

    ThreadTeam(int threads) {
        workers = new Worker[threads - 1];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new Worker("awq4j-cpu-" + (i + 1));
            workers[i].start();
        }
    }

    /** Threads that compute, the caller included. */
    int size() {
        return workers.length + 1;
    }

    /** Threads besides the caller that have not ended. */
    int living() {
        int living = 0;
        for (Worker worker : workers) {
            living += worker.isAlive() ? 1 : 0;
        }
        return living;
    }

    /**
     * Does units 0 to before {@code units} and returns when all are done. An exception of any part ends the rest early
     * and is thrown here.
     *
     * @param step units a part has, except the last
     */
    void run(int units, int step, Work work) {
        if (closed) {
            throw new IllegalStateException("the backend is closed");
        }
        if (workers.length == 0 || units <= step) {
            for (int from = 0; from < units; from += step) {
                work.run(from, Math.min(units, from + step), own);
            }
            return;
        }
        long number = state.getPlain() >>> NUMBER;
        state.set(number << NUMBER | CLOSED); // from here on no late helper can claim anything
        this.work = work;
        this.units = units;
        this.step = step;
        this.parts = (int) (((long) units + step - 1) / step);
        done.setPlain(0);
        waiting = null;
        failure = null;
        state.set((number + 1) << NUMBER);
        int helpers = Math.min(workers.length, parts - 1);
        for (int i = 0; i < helpers; i++) {
            workers[i].wake();
        }
        help(own);
        await();
        this.work = NOTHING; // lets go of the caller's arrays
        rethrow(failure);
    }

    private static void rethrow(@Nullable Throwable thrown) {
        if (thrown instanceof Error error) {
            throw error;
        }
        if (thrown instanceof RuntimeException exception) {
            throw exception;
        }
    }

    /** Does parts until none is left to claim. */
    private void help(Scratch scratch) {
        while (true) {
            long seen = state.get();
            int part = (int) seen;
            int last = parts;
            int size = step;
            int all = units;
            Work what = work;
            if (part >= last) {
                return;
            }
            if (!state.compareAndSet(seen, seen + 1)) {
                continue;
            }
            if (failure == null) {
                try {
                    int from = part * size;
                    what.run(from, Math.min(all, from + size), scratch);
                } catch (Throwable e) { // whatever it is, the caller gets it
                    failure = e;
                }
            }
            if (done.incrementAndGet() == last) {
                LockSupport.unpark(waiting); // null while the caller spins: then nothing happens
            }
        }
    }

    private void await() {
        for (int i = 0; i < SPINS && done.get() < parts; i++) {
            Thread.onSpinWait();
        }
        if (done.get() < parts) {
            waiting = Thread.currentThread();
            while (done.get() < parts) {
                LockSupport.park(this);
            }
        }
    }

    /** Ends the threads; returns when they have ended. */
    @Override
    public void close() {
        closed = true;
        boolean interrupted = false;
        for (Worker worker : workers) {
            LockSupport.unpark(worker);
            while (worker.isAlive()) {
                try {
                    worker.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private final class Worker extends Thread {
        private final Scratch scratch = new Scratch();
        private volatile boolean parks;

        Worker(String name) {
            super(name);
            setDaemon(true);
        }

        void wake() {
            if (parks) {
                LockSupport.unpark(this);
            }
        }

        @Override
        public void run() {
            long last = 0;
            while (true) {
                last = await(last);
                if (closed) {
                    return;
                }
                help(scratch);
            }
        }

        /** Waits for a piece of work other than the last; its number. */
        private long await(long last) {
            for (int i = 0; i < SPINS; i++) {
                long current = state.get() >>> NUMBER;
                if (current != last) {
                    return current;
                }
                Thread.onSpinWait();
            }
            parks = true;
            long current = state.get() >>> NUMBER;
            while (current == last && !closed) {
                LockSupport.park(ThreadTeam.this);
                current = state.get() >>> NUMBER;
            }
            parks = false;
            return current;
        }
    }
}
