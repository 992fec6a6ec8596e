package awq4j.kernel;

import java.util.concurrent.atomic.AtomicInteger;
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

    private static final Job NOTHING = new Job(0, (from, to, scratch) -> {}, 0, 1);

    private final Worker[] workers;
    private final Scratch own = new Scratch();
    private volatile Job job = NOTHING;
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
        var next = new Job(job.number + 1, work, units, step);
        job = next;
        int helpers = Math.min(workers.length, next.parts - 1);
        for (int i = 0; i < helpers; i++) {
            workers[i].wake();
        }
        next.help(own);
        next.await();
        job = new Job(next.number, NOTHING.work, 0, 1); // lets go of the caller's arrays
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

    /** One piece of work: parts not yet claimed, parts not yet done. */
    private static final class Job {
        private final long number;
        private final Work work;
        private final int units;
        private final int step;
        private final int parts;
        private final AtomicInteger claimed = new AtomicInteger();
        private final AtomicInteger done = new AtomicInteger();
        private volatile @Nullable Thread waiting;
        private volatile @Nullable Throwable failure;

        Job(long number, Work work, int units, int step) {
            this.number = number;
            this.work = work;
            this.units = units;
            this.step = step;
            this.parts = (int) (((long) units + step - 1) / step);
        }

        void help(Scratch scratch) {
            while (true) {
                int part = claimed.getAndIncrement();
                if (part >= parts) {
                    return;
                }
                if (failure == null) {
                    try {
                        int from = part * step;
                        work.run(from, Math.min(units, from + step), scratch);
                    } catch (Throwable e) { // whatever it is, the caller gets it
                        failure = e;
                    }
                }
                if (done.incrementAndGet() == parts) {
                    LockSupport.unpark(waiting); // null while the caller spins: then nothing happens
                }
            }
        }

        void await() {
            for (int i = 0; i < SPINS && done.get() < parts; i++) {
                Thread.onSpinWait();
            }
            waiting = Thread.currentThread();
            while (done.get() < parts) {
                LockSupport.park(this);
            }
            Throwable thrown = failure;
            if (thrown instanceof Error error) {
                throw error;
            }
            if (thrown instanceof RuntimeException exception) {
                throw exception;
            }
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
                Job current = await(last);
                if (closed) {
                    return;
                }
                current.help(scratch);
                last = current.number;
            }
        }

        private Job await(long last) {
            for (int i = 0; i < SPINS; i++) {
                Job current = job;
                if (current.number != last) {
                    return current;
                }
                Thread.onSpinWait();
            }
            parks = true;
            Job current = job;
            while (current.number == last && !closed) {
                LockSupport.park(ThreadTeam.this);
                current = job;
            }
            parks = false;
            return current;
        }
    }
}
