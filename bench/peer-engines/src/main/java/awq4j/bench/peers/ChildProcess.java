package awq4j.bench.peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Starts the process of one engine and waits for what it measures. */
final class ChildProcess {
    /** For an engine that hangs; the slowest one takes a small part of it. */
    private static final long LIMIT_MINUTES = 60;

    private static final String SYSTEM_INFO = "system_info:";
    private static final int LINES_SHOWN = 12;

    private final EngineRun run;
    private final Path log;

    /** What to run, and where all that it prints goes. */
    ChildProcess(EngineRun run, Path log) {
        this.run = run;
        this.log = log;
    }

    /** @throws EngineFailure if the process ends without a result, or does not end */
    Measurement measure() throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        var killed = new Thread(process::destroyForcibly, "end the engine, too");
        Runtime.getRuntime().addShutdownHook(killed);
        boolean ended = process.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES);
        process.destroyForcibly().waitFor(); // two engines must never run at once
        Runtime.getRuntime().removeShutdownHook(killed);
        List<String> lines = Files.readAllLines(log, StandardCharsets.ISO_8859_1); // whatever an engine prints
        return lines.stream()
                .filter(line -> line.startsWith(EngineProcess.RESULT))
                .reduce((first, second) -> second)
                .map(line -> Measurement.ofJson(line.substring(EngineProcess.RESULT.length())))
                .map(measured -> measured.arithmetic().isEmpty() ? measured.saying(systemInfo(lines)) : measured)
                .orElseThrow(() -> failure(ended, lines));
    }

    /** llama.cpp's line of what it was compiled for and found. */
    private static String systemInfo(List<String> lines) {
        return lines.stream()
                .filter(line -> line.contains(SYSTEM_INFO))
                .map(line -> line.substring(line.indexOf(SYSTEM_INFO)).strip())
                .findFirst()
                .orElse("nothing");
    }

    private List<String> command() {
        var command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseParallelGC",
                "-XX:MaxRAMPercentage=50",
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow"));
        command.addAll(run.kind().machineArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), EngineProcess.class.getName()));
        command.addAll(run.arguments());
        return command;
    }

    private EngineFailure failure(boolean ended, List<String> lines) {
        String how = ended ? "ended without a result" : "did not end within " + LIMIT_MINUTES + " minutes";
        String last = String.join("\n  ", lines.subList(Math.max(0, lines.size() - LINES_SHOWN), lines.size()));
        return new EngineFailure(run.kind().label + " " + how + "; the end of " + log + ":\n  " + last);
    }
}
