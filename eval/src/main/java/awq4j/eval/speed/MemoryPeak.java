package awq4j.eval.speed;

import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The most memory that this process had at any time so far.
 *
 * @param bytes of memory
 * @param resident whether they are what the system counts, mapped files included; else what Java took from it, which is
 *     a little less
 */
public record MemoryPeak(long bytes, boolean resident) {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Pattern HIGH_WATER = Pattern.compile("^VmHWM:\\s+(\\d+) kB", Pattern.MULTILINE);

    /** Until now. */
    public static MemoryPeak soFar() {
        try {
            Matcher peak = HIGH_WATER.matcher(Files.readString(STATUS, StandardCharsets.ISO_8859_1));
            if (peak.find()) {
                return new MemoryPeak(Long.parseLong(peak.group(1)) * 1024, true);
            }
        } catch (IOException e) {
            // not Linux: then Java's own books are all there is
        }
        var memory = ManagementFactory.getMemoryMXBean();
        long buffers = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                .filter(pool -> pool.getName().equals("direct"))
                .mapToLong(BufferPoolMXBean::getMemoryUsed)
                .sum();
        return new MemoryPeak(
                memory.getHeapMemoryUsage().getCommitted()
                        + memory.getNonHeapMemoryUsage().getCommitted()
                        + buffers,
                false);
    }
}
