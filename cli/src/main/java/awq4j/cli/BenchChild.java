package awq4j.cli;

import awq4j.eval.speed.SpeedWatch;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Measures one configuration in a Java process of its own: so that the compiler has seen nothing but that one, as when
 * a user runs it, and the peak of memory is its own. The process is this program with one precision and one number of
 * threads; its answer is its {@code --json} file.
 */
final class BenchChild {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private static final Pattern STEP = Pattern.compile("(LOAD|WARM_UP|RUN) (\\d+)");
    private static final String COMPLAINT = "awq4j: ";

    private final Screen screen;
    private final Interruption interruption;

    BenchChild(Screen screen, Interruption interruption) {
        this.screen = screen;
        this.interruption = interruption;
    }

    /** What the process says about its steps, for the one that started it. */
    static SpeedWatch steps(Screen screen, Interruption interruption) {
        return new SpeedWatch() {
            @Override
            public void at(Step step, int number) {
                interruption.check();
                screen.say(step + " " + number);
            }

            @Override
            public boolean cancelled() {
                return interruption.requested();
            }
        };
    }

    /**
     * Runs a command line of the program.
     *
     * @param arguments that lead to a single row
     * @param watch hears of the steps
     * @throws Refusal if the process failed, with what it said
     */
    BenchRow run(List<String> arguments, SpeedWatch watch) throws IOException, InterruptedException {
        JsonNode answer = answer(arguments, line -> {
            Matcher step = STEP.matcher(line);
            if (step.matches()) {
                watch.at(SpeedWatch.Step.valueOf(step.group(1)), Integer.parseInt(step.group(2)));
            }
            return step.matches();
        });
        return MAPPER.treeToValue(answer.path("results").path(0), BenchRow.class);
    }

    /**
     * Runs a command line of the program.
     *
     * @param steps sees each line that the process says, and answers whether it tells of a step
     * @return what it wrote for {@code --json}
     * @throws Refusal if the process failed, with what it said
     */
    JsonNode answer(List<String> arguments, Predicate<String> steps) throws IOException, InterruptedException {
        Path answer = Files.createTempFile("awq4j-bench", ".json");
        try {
            var command = new ArrayList<>(java());
            command.addAll(arguments);
            command.addAll(List.of("--json", answer.toString()));
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            process.getOutputStream().close();
            try (var registration = interruption.onInterrupt(process::destroy)) {
                String complaint = listen(process, steps);
                int code = process.waitFor();
                assert registration != null;
                interruption.check();
                if (code != 0) {
                    throw code == Main.INTERRUPTED
                            ? new CancellationException("interrupted")
                            : new Refusal(complaint.isEmpty() ? "it ended with exit code " + code : complaint);
                }
            } finally {
                process.destroy();
            }
            return MAPPER.readTree(answer);
        } finally {
            Files.deleteIfExists(answer);
        }
    }

    /** Passes on what the process says, until it ends; its last complaint comes back. */
    private String listen(Process process, Predicate<String> steps) throws IOException {
        String complaint = "";
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith(COMPLAINT)) {
                    complaint = line.substring(COMPLAINT.length());
                } else if (!steps.test(line)) {
                    screen.remark(line);
                }
            }
        }
        return complaint;
    }

    /** The virtual machine that runs this, with its options and classes. */
    private static List<String> java() {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        String main = Main.class.getName();
        Module module = Main.class.getModule();
        if (module.isNamed()) {
            String path = System.getProperty("jdk.module.path", "");
            command.addAll(path.isEmpty() ? List.of() : List.of("--module-path", path));
            command.addAll(List.of("--module", module.getName() + "/" + main));
        } else {
            command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
        }
        return command;
    }
}
