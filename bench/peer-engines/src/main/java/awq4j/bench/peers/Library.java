package awq4j.bench.peers;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Which instructions a native library holds: read with objdump, which tells what is there, not what runs. */
final class Library {
    /** What gives a library away. */
    private enum Sign {
        YMM("lines with 256-bit registers", "%ymm"),
        ZMM("lines with 512-bit registers", "%zmm"),
        VPMADDUBSW("vpmaddubsw (AVX2)", "vpmaddubsw"),
        VPDPBUSD("vpdpbusd (VNNI)", "vpdpbusd"),
        TDP("tdp* (AMX)", "\ttdp"),
        SDOT("sdot (ARM)", "\tsdot"),
        SMMLA("smmla (ARM)", "\tsmmla");

        private final String words;
        private final String mark;

        Sign(String words, String mark) {
            this.words = words;
            this.mark = mark;
        }
    }

    private Library() {}

    /**
     * Counts what is in a library.
     *
     * @param resource the library, on the class path
     * @param folder where a copy of it may be left
     * @return one line; what is missing is said in it
     */
    static String instructions(String resource, Path folder) throws IOException, InterruptedException {
        Path file = Files.createDirectories(folder).resolve(resource.replace('/', '_'));
        try (InputStream in = Library.class.getClassLoader().getResourceAsStream(resource)) {
            if (in == null) {
                return "no " + resource + " on the class path";
            }
            Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
        }
        Process objdump;
        try {
            objdump = new ProcessBuilder("objdump", "-d", "--no-show-raw-insn", file.toString())
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            return "not read: no objdump (package binutils)";
        }
        Map<Sign, Long> counts = new EnumMap<>(Sign.class);
        try (Stream<String> lines = objdump.inputReader().lines()) {
            lines.forEach(line -> count(line, counts));
        }
        return objdump.waitFor() == 0 ? words(counts) : "not read: objdump cannot read " + file;
    }

    private static void count(String line, Map<Sign, Long> counts) {
        for (Sign sign : Sign.values()) {
            if (line.contains(sign.mark)) {
                counts.merge(sign, 1L, Long::sum);
            }
        }
    }

    private static String words(Map<Sign, Long> counts) {
        return Stream.of(Sign.values())
                .filter(sign -> counts.containsKey(sign) || sign == Sign.ZMM || sign == Sign.VPDPBUSD)
                .map(sign -> counts.getOrDefault(sign, 0L) + " " + sign.words)
                .collect(Collectors.joining(", "));
    }
}
