package awq4j.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The machine's processor.
 *
 * @param model as its maker calls it; empty if the system does not tell
 * @param cores logical processors of the machine; 0 if the system does not tell
 * @param features what the kernels could use, in the makers' spelling
 */
record Processor(String model, int cores, List<String> features) {
    private static final Pattern PLACEHOLDER = Pattern.compile("unknown|to be filled.*", Pattern.CASE_INSENSITIVE);

    /** Names in /proc/cpuinfo and how people write them, in order of age. */
    private static final List<Map.Entry<String, String>> FEATURES = List.of(
            Map.entry("sse4_2", "SSE4.2"),
            Map.entry("avx", "AVX"),
            Map.entry("fma", "FMA"),
            Map.entry("avx2", "AVX2"),
            Map.entry("avx512f", "AVX-512"),
            Map.entry("avx512_vnni", "AVX-512 VNNI"),
            Map.entry("avx_vnni", "AVX-VNNI"),
            Map.entry("asimd", "NEON"),
            Map.entry("asimddp", "dot product"),
            Map.entry("i8mm", "I8MM"),
            Map.entry("sve", "SVE"),
            Map.entry("sve2", "SVE2"));

    /** The processor of this machine, as far as its system tells. */
    static Processor read() {
        try {
            return parse(Files.readString(Path.of("/proc/cpuinfo"), StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            return new Processor(elsewhere(), 0, List.of());
        }
    }

    /** @param cpuinfo text of Linux's {@code /proc/cpuinfo}; its keys differ between architectures */
    static Processor parse(String cpuinfo) {
        String model = "";
        int cores = 0;
        Set<String> flags = new HashSet<>();
        for (String line : cpuinfo.lines().toList()) {
            int colon = line.indexOf(':');
            if (colon < 0) {
                continue;
            }
            String value = line.substring(colon + 1).strip();
            switch (line.substring(0, colon).strip().toLowerCase(Locale.ROOT)) {
                case "processor" -> cores++;
                case "model name", "hardware", "cpu" -> model = model.isEmpty() ? value : model;
                case "flags", "features" -> flags.addAll(Arrays.asList(value.split("\\s+")));
                default -> {}
            }
        }
        var features = new ArrayList<String>();
        for (var feature : FEATURES) {
            if (flags.contains(feature.getKey())) {
                features.add(feature.getValue());
            }
        }
        return new Processor(PLACEHOLDER.matcher(model).matches() ? "" : model, cores, List.copyOf(features));
    }

    private static String elsewhere() {
        if (System.getProperty("os.name", "").startsWith("Mac")) {
            try {
                var sysctl = new ProcessBuilder("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string").start();
                try (var out = sysctl.getInputStream()) {
                    return new String(out.readAllBytes(), StandardCharsets.UTF_8).strip();
                }
            } catch (IOException e) {
                return ""; // only a name to show
            }
        }
        return System.getenv().getOrDefault("PROCESSOR_IDENTIFIER", "");
    }
}
