package awq4j.cli;

import awq4j.eval.speed.ModelShape;
import awq4j.eval.speed.SpeedMeasurement;
import awq4j.eval.speed.SpeedPrecision;
import awq4j.eval.speed.SpeedResult;
import awq4j.eval.speed.SpeedSettings;
import awq4j.eval.speed.SpeedWatch;
import awq4j.format.Checkpoints;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code awq4j bench}: how fast a model runs here, and how near that is to what the machine can do. */
@Command(
        name = "bench",
        subcommands = RooflineCommand.class,
        description = {
            "Measure how fast a model runs, and how near that is to what the machine can do.",
            "Each precision and number of threads is measured in a process of its own: loading, then runs of prompt and"
                    + " reply until their speed is steady, then those that count. Between them the machine's limits are"
                    + " measured: bytes read from memory, multiply-adds of floats and of 16-bit integers in registers."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  awq4j bench my-model-awq",
            "  awq4j bench --shape tinyllama-1.1b --threads 1,2",
            "  awq4j bench --shape llama-3.2-1b --precision w4a8,w4a16,bf16",
            "  awq4j bench --shape config.json --prompt 128 --json speed.json",
            "  awq4j bench roofline --html roofline.html"
        })
final class BenchCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Mixin
    private BenchOptions bench = new BenchOptions();

    @Parameters(
            paramLabel = "MODEL",
            arity = "0..1",
            description = "Folder or .gguf file of the model, or ORG/MODEL; or give --shape.")
    private @Nullable Path model;

    @Option(
            names = "--shape",
            paramLabel = "SHAPE",
            description = "Random weights instead of a model, made in memory: tinyllama-1.1b, llama-3.2-1b,"
                    + " qwen2.5-0.5b, llama-2-7b, or a model's config.json.")
    private @Nullable String shape;

    @Option(names = "--random", description = "With MODEL: random weights in its shape. --shape implies it.")
    private boolean random;

    @Option(
            names = "--group-size",
            paramLabel = "N",
            description = "Columns of random 4-bit weights that share a scale; default 128, -1 for whole rows.")
    private @Nullable Integer groupSize;

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            split = ",",
            description = "w4a8, w4a16, bf16, f16, f32, or several with commas. Default: w4a8, or the type that a plain"
                    + " model is stored in.")
    private List<SpeedPrecision> precisions = List.of();

    @Option(
            names = "--threads",
            paramLabel = "N",
            split = ",",
            defaultValue = "0",
            description = "Threads that compute, or several with commas; 0, the default, is as many as run uses.")
    private List<Integer> threads = List.of(0);

    @Option(
            names = "--prompt",
            paramLabel = "N",
            defaultValue = "512",
            description = "Tokens of the prompt, default ${DEFAULT-VALUE}.")
    private int prompt = 512;

    @Option(
            names = "--generate",
            paramLabel = "N",
            defaultValue = "128",
            description = "Tokens to decode, default ${DEFAULT-VALUE}.")
    private int generate = 128;

    @Option(
            names = "--depth",
            paramLabel = "N",
            description = "Tokens in the context when decoding begins; default: the prompt, 0: none.")
    private @Nullable Integer depth;

    @Option(
            names = "--kernels",
            paramLabel = "KIND",
            defaultValue = "auto",
            description = "auto (default), scalar or vector: plain loops or the Vector API.")
    private Arithmetic kernels = Arithmetic.AUTO;

    @Option(
            names = "--kv",
            paramLabel = "TYPE",
            defaultValue = "f16",
            description = "How keys and values are kept: ${COMPLETION-CANDIDATES}; default ${DEFAULT-VALUE}.")
    private KvPrecision kv = KvPrecision.F16;

    @Override
    public Integer call() throws IOException, InterruptedException {
        common.checkJson();
        bench.check();
        BenchSubject subject = subject();
        SpeedSettings settings = settings();
        List<SpeedPrecision> wanted = precisions.isEmpty() ? List.of(subject.usual()) : precisions;
        for (SpeedPrecision precision : wanted) {
            subject.check(precision, settings);
        }
        var rows = new ArrayList<BenchRow>();
        for (SpeedPrecision precision : wanted) {
            for (int count : threads) {
                rows.add(row(subject, precision, count, settings, wanted.size() * threads.size() > 1));
            }
        }
        report(rows);
        return 0;
    }

    private BenchRow row(
            BenchSubject subject, SpeedPrecision precision, int count, SpeedSettings settings, boolean oneOfMany)
            throws IOException, InterruptedException {
        Screen screen = common.screen();
        if (bench.child()) {
            return measure(subject, precision, count, settings, BenchChild.steps(screen, common.interruption()));
        }
        String what = subject.name() + " in " + precision.label()
                + (count == 0 ? "" : ", " + count + (count == 1 ? " thread" : " threads"));
        try (var line = new StepLine(screen, common.interruption(), what, settings.runs())) {
            return oneOfMany
                    ? new BenchChild(screen, common.interruption()).run(arguments(precision, count), line)
                    : measure(subject, precision, count, settings, line);
        }
    }

    private BenchSubject subject() {
        if ((model == null) == (shape == null)) {
            throw common.wrongUsage("expected a MODEL or --shape, found " + (model == null ? "neither" : "both"));
        }
        int columns = groupSize == null ? 128 : groupSize == -1 ? Integer.MAX_VALUE : groupSize;
        if (columns < 1) {
            throw common.wrongUsage("--group-size must be positive, or -1 for whole rows, was " + groupSize);
        }
        if (shape != null) {
            return new BenchSubject.Random(ModelShape.of(shape), columns);
        }
        Path folder = ModelFolder.of(Objects.requireNonNull(model));
        if (random && Checkpoints.isGguf(folder)) {
            throw new Refusal("--random takes the shape from a config.json, which " + folder + " has not");
        }
        if (random) {
            return new BenchSubject.Random(
                    ModelShape.read(Checkpoints.folder(folder).resolve("config.json")), columns);
        }
        if (groupSize != null) {
            throw common.wrongUsage("--group-size is for random weights; those of a model have the groups they have");
        }
        return BenchSubject.Stored.of(folder);
    }

    private SpeedSettings settings() {
        for (int count : threads) {
            if (count < 0 || count > 1024) {
                throw common.wrongUsage("--threads must be in [0, 1024], was " + count);
            }
        }
        try {
            long least = bench.readBytes(SpeedSettings.REGION_BYTES);
            long most = bench.readBytes(Math.max(64 << 20, Memory.read().available() / 4));
            int at = depth == null ? prompt : depth;
            return new SpeedSettings(prompt, generate, at, bench.runs(), kv, least, most);
        } catch (IllegalArgumentException e) {
            throw common.wrongUsage("--" + e.getMessage());
        }
    }

    private BenchRow measure(
            BenchSubject subject, SpeedPrecision precision, int count, SpeedSettings settings, SpeedWatch watch) {
        var options = new CpuOptions(kernels, precision.arithmetic(), count);
        SpeedResult result = SpeedMeasurement.run(subject.opening(precision), options, settings, watch);
        return BenchRow.of(subject.name(), subject.weights(), precision, subject.groupSize(precision), result);
    }

    /** The command line for one of several configurations. */
    private List<String> arguments(SpeedPrecision precision, int count) {
        var arguments = new ArrayList<String>();
        arguments.add("bench");
        arguments.addAll(bench.arguments());
        if (model != null) {
            arguments.add(model.toString());
        }
        if (shape != null) {
            arguments.addAll(List.of("--shape", shape));
        }
        if (random) {
            arguments.add("--random");
        }
        if (groupSize != null) {
            arguments.addAll(List.of("--group-size", groupSize.toString()));
        }
        if (depth != null) {
            arguments.addAll(List.of("--depth", depth.toString()));
        }
        arguments.addAll(List.of("--precision", precision.label(), "--threads", String.valueOf(count)));
        arguments.addAll(List.of("--prompt", String.valueOf(prompt), "--generate", String.valueOf(generate)));
        arguments.addAll(List.of("--kernels", lower(kernels), "--kv", lower(kv)));
        return arguments;
    }

    private static String lower(Enum<?> choice) {
        return choice.name().toLowerCase(Locale.ROOT);
    }

    private void report(List<BenchRow> rows) throws IOException {
        Screen screen = common.screen();
        BenchMachine machine = BenchMachine.read();
        var report = new BenchReport(rows, screen.outStyle());
        if (!bench.child()) {
            report.lines(machine).forEach(screen::say);
            report.doubts().forEach(doubt -> screen.remark("awq4j: " + doubt));
        }
        var json = new LinkedHashMap<String, Object>();
        json.put("machine", machine);
        json.put("results", rows);
        common.writeJson(json);
    }
}
