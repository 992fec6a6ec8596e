package awq4j.eval.speed;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;

/** What this process has used up so far. Reads of it allocate next to nothing, so that they do not count themselves. */
final class ProcessClock {
    private static final List<GarbageCollectorMXBean> COLLECTORS = ManagementFactory.getGarbageCollectorMXBeans();

    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    /** Bytes that all threads have allocated so far, those that have ended included: it never falls. */
    long allocatedBytes() {
        return threads.getTotalThreadAllocatedBytes();
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
