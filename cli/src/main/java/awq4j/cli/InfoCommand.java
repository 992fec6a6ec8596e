package awq4j.cli;

import awq4j.kernel.BackendException;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code awq4j info}: on what the program runs here, how fast that is, and how to make it faster. */
@Command(
        name = "info",
        description = "Show the machine, the Java and the kernels that models run on here.",
        footerHeading = "%nExamples:%n",
        footer = {"  awq4j info", "  awq4j info --json machine.json"})
final class InfoCommand implements Runnable {
    private static final int LABEL = 11;
    private static final String LOADS = "loads";

    @Mixin
    private CommonOptions common = new CommonOptions();

    @Override
    public void run() {
        Info info = look();
        Screen screen = common.screen();
        lines(info, screen.outStyle()).forEach(screen::say);
        try {
            common.writeJson(info);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static Info look() {
        return new Info(
                Version.number(),
                Version.commit(),
                Runtime.version().toString(),
                System.getProperty("java.vendor.version", System.getProperty("java.vendor", "")),
                System.getProperty("java.home", ""),
                System.getProperty("os.name", "") + " " + System.getProperty("os.version", ""),
                System.getProperty("os.arch", ""),
                Processor.read(),
                Runtime.getRuntime().availableProcessors(),
                Memory.read(),
                kernels(),
                InfoCommand.class.getModule().isNativeAccessEnabled(),
                tokenizer(),
                options(),
                tokenizerCache());
    }

    private static Kernels kernels() {
        boolean vectors = CpuBackend.vectorsPresent();
        var arithmetic = vectors ? CpuOptions.Arithmetic.VECTOR : CpuOptions.Arithmetic.SCALAR;
        try (var backend = CpuBackend.open(new CpuOptions(arithmetic, 1))) {
            String name = backend.name();
            return new Kernels(
                    name.substring(name.indexOf('/') + 1, name.indexOf(',')),
                    vectors,
                    vectors
                            ? "the Vector API is here; its vectors are as wide as the machine's"
                            : "module jdk.incubator.vector is absent from this Java process");
        }
    }

    private static String tokenizer() {
        try {
            Tokenizer.loadEngine();
            return LOADS;
        } catch (BackendException e) {
            return String.valueOf(e.getMessage());
        }
    }

    /** The options that somebody gave to this virtual machine, without those that say where things lie. */
    private static List<String> options() {
        return ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(option -> !option.startsWith("-D") && !option.startsWith("-Xlog"))
                .toList();
    }

    private static String tokenizerCache() {
        String named = System.getenv().getOrDefault("DJL_CACHE_DIR", System.getProperty("DJL_CACHE_DIR", ""));
        return named.isEmpty()
                ? Path.of(System.getProperty("user.home", ""), ".djl.ai").toString()
                : named;
    }

    /** The answer for people, at most {@value Screen#WIDTH} columns where it can be broken. */
    static List<String> lines(Info info, Style style) {
        var lines = new ArrayList<String>();
        lines.add(style.bold("awq4j " + info.version()) + " (commit " + info.commit() + ")");
        lines.add("");
        put(lines, "Java", info.java() + (info.javaVendor().isEmpty() ? "" : ", " + info.javaVendor()));
        put(lines, "", info.javaHome());
        put(lines, "System", info.system() + ", " + info.architecture());
        put(lines, "Processor", processor(info));
        put(lines, "", String.join(", ", info.processor().features()));
        put(lines, "Memory", memory(info.memory()));
        put(lines, "Java heap", "up to " + Figures.bytes(info.memory().heap()));
        lines.add("");
        String verdict =
                info.kernels().fast() ? style.green("the fast ones") : style.yellow("plain loops, many times slower");
        lines.add(label("Kernels") + info.kernels().name() + ": " + verdict);
        put(lines, "", info.kernels().reason());
        boolean loads = info.tokenizer().equals(LOADS);
        put(lines, "Tokenizer", loads ? "its native code loads" : info.tokenizer());
        put(lines, "", loads ? "unpacked in " + info.tokenizerCache() : "");
        put(lines, "Options", String.join(" ", info.javaOptions()));
        List<String> advice = advice(info);
        if (!advice.isEmpty()) {
            lines.add("");
            lines.add(style.bold("To make it better:"));
            advice.forEach(line -> lines.add("  " + line));
        }
        return lines;
    }

    private static String processor(Info info) {
        int all = info.processor().cores();
        String cores = info.cores() + (info.cores() == 1 ? " core" : " cores");
        if (all > info.cores()) {
            cores = info.cores() + " of " + all + " cores: the rest is kept from this process";
        }
        String model = info.processor().model();
        return model.isEmpty() ? cores : model + ", " + cores;
    }

    private static String memory(Memory memory) {
        String all = Figures.bytes(memory.machine());
        String limit = memory.process() < memory.machine()
                ? Figures.bytes(memory.process()) + " of the machine's " + all + ": a container's limit"
                : all;
        return memory.available() > 0 ? limit + "; " + Figures.bytes(memory.available()) + " free now" : limit;
    }

    private static List<String> advice(Info info) {
        var advice = new ArrayList<String>();
        if (!info.kernels().fast()) {
            advice.add("start with ./awq4j, which brings the vector kernels, or Java with");
            advice.add("  --add-modules jdk.incubator.vector");
        }
        if (!info.tokenizer().equals(LOADS)) {
            advice.add("run on a system that the tokenizer has native code for; if this is one, set");
            advice.add("  DJL_CACHE_DIR to a folder where it can be unpacked");
        }
        if (!info.nativeAccess()) {
            advice.add("let native code load without a warning:");
            advice.add("  --enable-native-access=ALL-UNNAMED");
        }
        return advice;
    }

    private static void put(List<String> lines, String label, String text) {
        if (text.isBlank()) {
            return;
        }
        var line = new StringBuilder(label(label));
        int room = Screen.WIDTH;
        for (String word : Arrays.asList(text.split(" "))) {
            if (line.length() > LABEL && line.length() + word.length() + 1 > room) {
                lines.add(line.toString());
                line = new StringBuilder(label(""));
            }
            line.append(line.length() > LABEL ? " " : "").append(word);
        }
        lines.add(line.toString());
    }

    private static String label(String text) {
        return String.format(Locale.ROOT, "%-" + LABEL + "s", text);
    }

    /** The answer for machines; memory in bytes. */
    record Info(
            String version,
            String commit,
            String java,
            String javaVendor,
            String javaHome,
            String system,
            String architecture,
            Processor processor,
            int cores,
            Memory memory,
            Kernels kernels,
            boolean nativeAccess,
            String tokenizer,
            List<String> javaOptions,
            String tokenizerCache) {}

    /**
     * The kernels that run when nothing else is asked for.
     *
     * @param name with the width of the vectors
     * @param fast whether there are none faster
     */
    record Kernels(String name, boolean fast, String reason) {}
}
