package awq4j.cli;

import awq4j.eval.speed.ModelShape;
import awq4j.eval.speed.Roofline;
import awq4j.eval.speed.RooflineMeasurement;
import awq4j.eval.speed.RooflineMeasurement.Settings;
import awq4j.eval.speed.SpeedPrecision;
import awq4j.eval.speed.SpeedSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code awq4j bench roofline}: how near a model's linears come to what memory and arithmetic allow. */
@Command(
        name = "roofline",
        description = {
            "Measure a model's linears against the machine's roofline: operations per byte that is moved, and operations"
                    + " per second, with 1 to 64 tokens at once, in float16, w4a16 and w4a8.",
            "Weights are random and come from memory; the roof is measured in the same run. Takes a minute."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  awq4j bench roofline --html roofline.html",
            "  awq4j bench roofline --shape qwen2.5-0.5b --threads 1 --json roofline.json"
        })
final class RooflineCommand implements Callable<Integer> {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    /** How a line begins in which a process says what it is about to measure. */
    private static final String STEP = "STEP ";

    /** Warming up takes as much longer than a measurement. */
    private static final int WARM = 12;

    @Mixin
    private CommonOptions common = new CommonOptions();

    @Mixin
    private BenchOptions bench = new BenchOptions();

    @Option(
            names = "--html",
            paramLabel = "FILE",
            description = "Also write a page with the picture; it needs no other file and no network.")
    private @Nullable Path html;

    @Option(
            names = "--shape",
            paramLabel = "SHAPE",
            defaultValue = "tinyllama-1.1b",
            description =
                    "Whose linears: tinyllama-1.1b (default), llama-3.2-1b, qwen2.5-0.5b, llama-2-7b, or a model's"
                            + " config.json.")
    private String shape = "tinyllama-1.1b";

    @Option(
            names = "--group-size",
            paramLabel = "N",
            defaultValue = "128",
            description = "Columns of 4-bit weights that share a scale, default ${DEFAULT-VALUE}.")
    private int groupSize = 128;

    @Option(
            names = "--time",
            paramLabel = "MILLIS",
            defaultValue = "60",
            description = "What one measurement takes at least, default ${DEFAULT-VALUE}.")
    private int millis = 60;

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            split = ",",
            defaultValue = "f16,w4a16,w4a8",
            description = "Precisions to compare, the first with the last in particular: w4a8, w4a16, bf16, f16, f32;"
                    + " default ${DEFAULT-VALUE}.")
    private List<SpeedPrecision> precisions = List.of();

    @Mixin
    private KernelOptions kernels = new KernelOptions();

    @Override
    public Integer call() throws IOException, InterruptedException {
        bench.check();
        bench.positive("--group-size", groupSize);
        bench.positive("--time", millis);
        kernels.cpu();
        common.checkJson();
        if (html != null) {
            JsonFile.requireFolder(html);
        }
        ModelShape wanted = ModelShape.of(shape);
        long region = bench.readBytes(SpeedSettings.REGION_BYTES);
        long nanos = millis * 1_000_000L;
        var settings = new Settings(
                kernels.cpu(), groupSize, Math.max(1, region / 4), region, WARM * nanos, nanos, bench.runs());
        if (bench.child()) {
            Screen screen = common.screen();
            common.writeJson(RooflineMeasurement.run(wanted, precisions.getFirst(), settings, (kind, number, all) -> {
                common.interruption().check();
                screen.say(STEP + number + " of " + all + ", " + kind);
            }));
            return 0;
        }
        report(new Roofline(wanted, parts()));
        return 0;
    }

    /** Each precision in a process of its own. */
    private List<Roofline.Part> parts() throws IOException, InterruptedException {
        Screen screen = common.screen();
        var parts = new ArrayList<Roofline.Part>();
        try (var line = new StatusLine(screen)) {
            for (SpeedPrecision precision : precisions) {
                var process = new BenchChild(screen, common.interruption());
                JsonNode answer = process.answer(arguments(precision), said -> {
                    if (said.startsWith(STEP)) {
                        line.at(precision.label() + ": linear " + said.substring(STEP.length()));
                    }
                    return said.startsWith(STEP);
                });
                parts.add(MAPPER.treeToValue(answer, Roofline.Part.class));
            }
        }
        return parts;
    }

    private List<String> arguments(SpeedPrecision precision) {
        var arguments = new ArrayList<>(List.of("bench", "roofline", "--precision", precision.label()));
        arguments.addAll(bench.arguments());
        arguments.addAll(List.of("--shape", shape, "--group-size", String.valueOf(groupSize)));
        arguments.addAll(List.of("--time", String.valueOf(millis)));
        arguments.addAll(kernels.arguments());
        return arguments;
    }

    private void report(Roofline roofline) throws IOException {
        Screen screen = common.screen();
        BenchMachine machine = BenchMachine.read();
        show(screen, roofline, machine);
        var json = RooflineJson.of(roofline, groupSize, machine);
        common.writeJson(json);
        if (html != null) {
            JsonFile.writeText(html, RooflinePage.of(roofline, json, machine, common.commandLine()));
            screen.remark("awq4j: the picture is in " + html);
        }
    }

    private static void show(Screen screen, Roofline roofline, BenchMachine machine) {
        screen.say(screen.outStyle().bold("linears of " + roofline.shape().name()) + ", random weights");
        machine.lines().forEach(screen::say);
        screen.say(RooflinePage.roof(roofline));
        var table = new Table("precision", ">tokens", ">ops/byte", ">GOP/s", ">GB/s", ">of the roof", ">tokens/s");
        for (SpeedPrecision precision : roofline.precisions()) {
            for (int batch : roofline.batches()) {
                Roofline.Whole whole = roofline.whole(precision, batch);
                table.row(
                        precision.label(),
                        String.valueOf(batch),
                        Figures.three(whole.work().intensity()),
                        Figures.three(whole.operationsPerSecond() / 1e9),
                        Figures.three(whole.bytesPerSecond() / 1e9),
                        Figures.fixed(100 * roofline.share(whole), 0) + " %",
                        Figures.three(whole.tokensPerSecond()));
            }
        }
        screen.say("");
        table.lines(screen.outStyle()).forEach(screen::say);
    }

    /** What is being measured: a line that is written over on a terminal, nothing elsewhere. */
    private record StatusLine(Screen screen) implements AutoCloseable {
        void at(String text) {
            if (screen.errTerminal()) {
                screen.err().print("\r" + text + " ".repeat(Math.max(0, Screen.WIDTH - 1 - text.length())));
                screen.err().flush();
            }
        }

        @Override
        public void close() {
            if (screen.errTerminal()) {
                screen.err().print("\r" + " ".repeat(Screen.WIDTH - 1) + "\r");
                screen.err().flush();
            }
        }
    }
}
