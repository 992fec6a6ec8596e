package awq4j.cli;

import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.annotation.JsonNaming;

/**
 * What figures of speed have to be read with.
 *
 * @param cpu as its maker calls it; empty if the system does not tell
 * @param cores that this process may use
 * @param vectorBits width of the kernels' vectors, 0 for plain loops
 */
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
record BenchMachine(
        String awq4j,
        String commit,
        String jdk,
        String system,
        String cpu,
        int cores,
        int vectorBits,
        long memoryBytes,
        String date) {
    private static final Pattern BITS = Pattern.compile("(\\d+) bit");

    /** This machine, today. */
    static BenchMachine read() {
        Processor processor = Processor.read();
        return new BenchMachine(
                Version.number(),
                Version.commit(),
                Runtime.version().toString(),
                System.getProperty("os.name", "") + " " + System.getProperty("os.arch", ""),
                processor.model(),
                Runtime.getRuntime().availableProcessors(),
                bits(),
                Memory.read().machine(),
                LocalDate.now(ZoneOffset.UTC).toString());
    }

    private static int bits() {
        if (!CpuBackend.vectorsPresent()) {
            return 0;
        }
        try (var backend = CpuBackend.open(new CpuOptions(CpuOptions.Arithmetic.VECTOR, 1))) {
            Matcher bits = BITS.matcher(backend.name());
            return bits.find() ? Integer.parseInt(bits.group(1)) : 0;
        }
    }

    /** In two lines. */
    List<String> lines() {
        String vectors = vectorBits == 0 ? "no vectors" : vectorBits + "-bit vectors";
        return List.of(
                (cpu.isEmpty() ? system : cpu) + ", " + cores + (cores == 1 ? " core, " : " cores, ") + vectors,
                "Java " + jdk + ", awq4j " + awq4j + " (" + commit + "), " + date);
    }
}
