package awq4j.kernel.vector;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Whose processor this is, where kernels that are right everywhere differ in speed (docs/results/cpu.md). */
final class Processor {
    /** Whether it is Intel's; false where that cannot be told. */
    static final boolean INTEL = intel();

    private Processor() {}

    private static boolean intel() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"), StandardCharsets.ISO_8859_1)) {
            return lines.limit(16).anyMatch(line -> line.startsWith("vendor_id") && line.endsWith("GenuineIntel"));
        } catch (IOException | UncheckedIOException e) {
            return false; // not Linux
        }
    }
}
