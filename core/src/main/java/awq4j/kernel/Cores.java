package awq4j.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/** How many cores the process may use. */
final class Cores {
    private static final Path LINUX = Path.of("/sys/devices/system/cpu");

    private Cores() {}

    /**
     * Physical cores, at most the processors that Java counts, which respects limits of containers. Two threads of one
     * core share its arithmetic: the second would only wait.
     */
    static int available() {
        return available(Runtime.getRuntime().availableProcessors(), LINUX);
    }

    /** @param system the folder with one folder {@code cpuN} a processor; where it says nothing, processors count */
    static int available(int processors, Path system) {
        Set<String> cores = new HashSet<>();
        int found = 0;
        for (int cpu = 0; ; cpu++) {
            Path siblings = system.resolve("cpu" + cpu + "/topology/thread_siblings_list");
            try {
                if (!Files.isReadable(siblings)) {
                    break;
                }
                cores.add(Files.readString(siblings).strip());
                found++;
            } catch (IOException e) {
                return processors;
            }
        }
        // a process that may use only some processors has as many cores, up to all
        return found == 0 ? processors : Math.clamp(processors, 1, cores.size());
    }
}
