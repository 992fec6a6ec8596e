package awq4j.bench.peers;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** How much of the machine other programs took since this was made: a measurement beside them is worth little. */
final class OtherPrograms {
    private static final Path STAT = Path.of("/proc/stat");

    /** Unit of that file's times; the same on every Linux that matters. */
    private static final double TICK_SECONDS = 0.01;

    /** Columns of its first line: user, nice, system, idle, wait for disk, interrupts, soft interrupts, stolen. */
    private static final int[] BUSY = {1, 2, 3, 6, 7, 8};

    private final long start = System.nanoTime();
    private final double machine = machineSeconds();
    private final double own = ownSeconds();

    /** Processors that they kept busy on average; 0 where the system does not tell. */
    double busyCores() {
        double seconds = (System.nanoTime() - start) / 1e9;
        double others = machineSeconds() - machine - (ownSeconds() - own);
        return Files.isReadable(STAT) ? Math.max(0, others / seconds) : 0;
    }

    private static double machineSeconds() {
        if (!Files.isReadable(STAT)) {
            return 0;
        }
        try {
            String[] columns = Files.readAllLines(STAT).getFirst().split(" +", -1);
            long ticks = 0;
            for (int column : BUSY) {
                ticks += Long.parseLong(columns[column]);
            }
            return ticks * TICK_SECONDS;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static double ownSeconds() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime() / 1e9;
    }
}
