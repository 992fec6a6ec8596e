package awq4j.kernel;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A fixed team of threads, the caller among them, that shares out one piece of work at a time. Each thread has a range of
 * its own, parts that follow each other, so that the machine reads ahead from one into the next; one that is done helps the
 * others with theirs, so that a slow core does not stall the rest. Idle threads spin briefly, because the next operation
 * usually follows within microseconds, and then park.
 *
 * <p>Serves one caller at a time.
 */
final class ThreadTeam implements AutoCloseable {
    /** About 20 microseconds of pauses: longer than the gap between two operations, shorter than anyone notices. */
    private static final int SPINS = 1000;

    private static final Work NOTHING = (from, to, scratch) -> {};

    /** The number of a piece of work stands above this bit of a range's state, the next part to claim below. */
    private static final int NUMBER = 32;

    /** From the state of a range to the next: two cache lines, since the machine fetches them in pairs. */
    private static final int APART = 16;

    /** A next part that no piece of work has. */
    private static final long CLOSED = Integer.MAX_VALUE;

    private final Worker[] workers;
    private final Scratch own = new Scratch();

    /**
     * For each thread's range which piece of work is under way, and its next part. A part is claimed by adding one to what
     * was read: that fails if anything has changed meanwhile, so the fields below belong to what was claimed. They are
     * written while no part of any range can be claimed. Nothing is allocated for a piece of work.
     */
    private final AtomicLongArray states;

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
        states = new AtomicLongArray((threads + 1) * APART);
        workers = new Worker[threads - 1];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new Worker(i + 1);
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
        long number = states.getPlain(at(0)) >>> NUMBER;
        for (int range = 0; range < size(); range++) {
            states.set(at(range), number << NUMBER | CLOSED); // from here on no late helper can claim anything
        }
        this.work = work;
        this.units = units;
        this.step = step;
        this.parts = (int) (((long) units + step - 1) / step);
        done.setPlain(0);
        waiting = null;
        failure = null;
        for (int range = size() - 1; range >= 0; range--) { // the first last: it is what idle threads look at
            states.set(at(range), (number + 1) << NUMBER | first(range, parts));
        }
        int helpers = Math.min(workers.length, parts - 1);
        for (int i = 0; i < helpers; i++) {
            workers[i].wake();
        }
        help(0, own);
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

    /** Where the state of a range stands; the line before the first belongs to nobody. */
    private static int at(int range) {
        return (range + 1) * APART;
    }

    /** The first part of a range. */
    private int first(int range, int parts) {
        return (int) ((long) range * parts / size());
    }

    /** Does the parts of a thread's own range, then what is left of the others'. */
    private void help(int thread, Scratch scratch) {
        for (int i = 0; i < size(); i++) {
            int range = thread + i < size() ? thread + i : thread + i - size();
            boolean more = true;
            while (more) {
                more = claim(range, scratch);
            }
        }
    }

    /** Does one part of a range; false if none is left to claim. */
    private boolean claim(int range, Scratch scratch) {
        long seen = states.get(at(range));
        int part = (int) seen;
        int all = parts;
        int size = step;
        int last = units;
        Work what = work;
        if (part >= first(range + 1, all)) {
            return false;
        }
        if (!states.compareAndSet(at(range), seen, seen + 1)) {
            return true;
        }
        if (failure == null) {
            try {
                int from = part * size;
                what.run(from, Math.min(last, from + size), scratch);
            } catch (Throwable e) { // whatever it is, the caller gets it
                failure = e;
            }
        }
        if (done.incrementAndGet() == all) {
            LockSupport.unpark(waiting); // null while the caller spins: then nothing happens
        }
        return true;
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
        private final int range;
        private volatile boolean parks;

        Worker(int range) {
            super("awq4j-cpu-" + range);
            this.range = range;
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
                help(range, scratch);
            }
        }

        /** Waits for a piece of work other than the last; its number. */
        private long await(long last) {
            for (int i = 0; i < SPINS; i++) {
                long current = states.get(at(0)) >>> NUMBER;
                if (current != last) {
                    return current;
                }
                Thread.onSpinWait();
            }
            parks = true;
            long current = states.get(at(0)) >>> NUMBER;
            while (current == last && !closed) {
                LockSupport.park(ThreadTeam.this);
                current = states.get(at(0)) >>> NUMBER;
            }
            parks = false;
            return current;
        }
    }
}
