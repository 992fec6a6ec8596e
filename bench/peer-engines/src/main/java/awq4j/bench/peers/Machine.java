package awq4j.bench.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the system tells of this machine. */
final class Machine {
    private static final Path PROCESSORS = Path.of("/proc/cpuinfo");

    private Machine() {}

    /** The processor's name, and how many there are. */
    static String processor() {
        String name = System.getProperty("os.arch");
        if (Files.isReadable(PROCESSORS)) {
            try {
                name = Files.readAllLines(PROCESSORS).stream()
                        .filter(line -> line.startsWith("model name"))
                        .map(line -> line.substring(line.indexOf(':') + 1).strip())
                        .findFirst()
                        .orElse(name);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return name + ", " + Runtime.getRuntime().availableProcessors() + " processors";
    }
}
