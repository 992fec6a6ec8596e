package awq4j.bench.peers;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the command line asks for.
 *
 * @param replies measured in each process
 * @param json where to write the figures, too
 * @param folder for models and logs
 */
record Options(
        Shape shape,
        List<EngineKind> engines,
        List<Integer> threads,
        int prompt,
        int generate,
        int rounds,
        int warmups,
        int replies,
        Optional<Path> json,
        Path folder) {
    static final String USAGE = """
            bench/peers [--shape tinyllama-1.1b] [--engines awq4j,llama.cpp,jlama] [--threads 1,2] [--prompt 512]
                        [--generate 128] [--rounds 3] [--warmups 1] [--replies 1] [--json FILE] [--folder FOLDER]""";

    private static final Set<String> NAMES = Set.of(
            "--shape",
            "--engines",
            "--threads",
            "--prompt",
            "--generate",
            "--rounds",
            "--warmups",
            "--replies",
            "--json",
            "--folder");

    /**
     * Reads a command line.
     *
     * @param folder for models and logs, unless the command line names one
     * @throws IllegalArgumentException if there is an unknown name, no value, or a value that is none
     */
    static Options of(String[] arguments, Path folder) {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i < arguments.length; i += 2) {
            if (!NAMES.contains(arguments[i])) {
                throw new IllegalArgumentException("option " + arguments[i] + " is not known");
            }
            if (i + 1 == arguments.length) {
                throw new IllegalArgumentException(arguments[i] + ": expected a value, found none");
            }
            given.put(arguments[i], arguments[i + 1]);
        }
        return new Options(
                Shape.named(given.getOrDefault("--shape", "tinyllama-1.1b")),
                given.containsKey("--engines") ? engines(given.get("--engines")) : EngineKind.USUAL,
                threads(given.getOrDefault("--threads", "1,2")),
                number(given, "--prompt", 512, 2),
                number(given, "--generate", 128, 2),
                number(given, "--rounds", 3, 1),
                number(given, "--warmups", 1, 0),
                number(given, "--replies", 1, 1),
                Optional.ofNullable(given.get("--json")).map(Path::of),
                given.containsKey("--folder") ? Path.of(given.get("--folder")) : folder);
    }

    private static List<EngineKind> engines(String value) {
        return Arrays.stream(value.split(",", -1)).map(EngineKind::named).toList();
    }

    private static List<Integer> threads(String value) {
        return Arrays.stream(value.split(",", -1))
                .map(one -> number("--threads", one, 1))
                .toList();
    }

    private static int number(Map<String, String> given, String name, int otherwise, int least) {
        return number(name, given.getOrDefault(name, String.valueOf(otherwise)), least);
    }

    private static int number(String name, String value, int least) {
        try {
            int number = Integer.parseInt(value);
            if (number >= least) {
                return number;
            }
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + ": expected a number, found " + value, e);
        }
        throw new IllegalArgumentException(name + ": expected " + least + " or more, found " + value);
    }
}
