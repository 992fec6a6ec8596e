package awq4j.cli;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Memory in bytes.
 *
 * @param machine all there is
 * @param process what this process may have of it: less in a container
 * @param available what the system could give right now
 * @param heap the most that the Java heap may take
 */
record Memory(long machine, long process, long available, long heap) {
    /** The memory of this machine and process. */
    static Memory read() {
        long process = 0;
        long available = 0;
        if (ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system) {
            process = system.getTotalMemorySize(); // a container's limit, where there is one
            available = system.getFreeMemorySize();
        }
        String meminfo = "";
        try {
            meminfo = Files.readString(Path.of("/proc/meminfo"), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            // not Linux: then what Java says is all we know
        }
        long machine = Math.max(process, field(meminfo, "MemTotal", process));
        // Free is less than available by the file cache, which the system gives up when asked for memory.
        long reclaimable = field(meminfo, "MemAvailable", available);
        return new Memory(
                machine,
                process,
                machine > process ? Math.min(process, Math.max(available, 0)) : reclaimable,
                Runtime.getRuntime().maxMemory());
    }

    /** A field of {@code /proc/meminfo}, in bytes; {@code otherwise} if it is not there. */
    static long field(String meminfo, String name, long otherwise) {
        Matcher field = Pattern.compile("^" + name + ":\\s+(\\d+) kB", Pattern.MULTILINE)
                .matcher(meminfo);
        return field.find() ? Long.parseLong(field.group(1)) * 1024 : otherwise;
    }
}
