package awq4j.eval.speed;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.stream.LongStream;

/** What this process has used up so far. Reads of it allocate next to nothing, so that they do not count themselves. */
final class ProcessClock {
    private static final List<GarbageCollectorMXBean> COLLECTORS = ManagementFactory.getGarbageCollectorMXBeans();

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private final long[] ids;

    /** For the threads that live now. */
    ProcessClock() {
        ids = threads.getAllThreadIds();
    }

    /** Bytes that those threads have allocated; threads that have ended are not in it. */
    long allocatedBytes() {
        return LongStream.of(threads.getThreadAllocatedBytes(ids))
                .filter(bytes -> bytes > 0)
                .sum();
    }

    /** Processor time of all threads of the process, the virtual machine's own included. */
    long processorNanos() {
        return system.getProcessCpuTime();
    }

    /** Time that garbage collection took. */
    static long gcMillis() {
        return COLLECTORS.stream()
                .mapToLong(collector -> Math.max(0, collector.getCollectionTime()))
                .sum();
    }

    /** How often it ran. */
    static long gcCount() {
        return COLLECTORS.stream()
                .mapToLong(collector -> Math.max(0, collector.getCollectionCount()))
                .sum();
    }
}
