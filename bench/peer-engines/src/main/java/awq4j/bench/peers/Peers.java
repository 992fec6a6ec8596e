package awq4j.bench.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Runs engines beside each other: for each number of threads, in each round, each engine once, each in a process of its
 * own, never two at a time. So what drifts on a machine (clock, heat, neighbours) meets all of them, and the ratio within
 * a round says more than any figure alone.
 */
public final class Peers {
    private final Options options;

    private Peers(Options options) {
        this.options = options;
    }

    /**
     * Measures and prints.
     *
     * @param arguments the folder for models and logs, and then what {@code bench/peers} is called with
     */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        try {
            String[] given = Arrays.copyOfRange(arguments, 1, arguments.length);
            new Peers(Options.of(given, Path.of(arguments[0]))).run();
        } catch (IllegalArgumentException e) {
            System.err.println("peers: " + e.getMessage() + "\n" + Options.USAGE);
            System.exit(2);
        } catch (EngineFailure e) {
            System.err.println("peers: " + e.getMessage());
            System.exit(1);
        }
    }

    private void run() throws IOException, InterruptedException {
        List<Prepared> engines = new ArrayList<>();
        for (EngineKind kind : options.engines()) {
            System.err.println("peers: model for " + kind.label);
            Files.createDirectories(options.folder());
            engines.add(new Prepared(kind, kind.writeModel(options.shape(), options.folder())));
        }
        List<Turn> turns = new ArrayList<>();
        for (int threads : options.threads()) {
            for (int round = 1; round <= options.rounds(); round++) {
                for (Prepared engine : engines) {
                    turns.add(turn(engine, threads, round));
                }
            }
        }
        Map<EngineKind, String> libraries = new EnumMap<>(EngineKind.class);
        for (EngineKind kind : options.engines()) {
            String library = kind.library();
            if (!library.isEmpty()) {
                libraries.put(kind, Library.instructions(library, options.folder()));
            }
        }
        var report = new Report(options, turns, libraries);
        System.out.print(report.text());
        if (options.json().isPresent()) {
            Files.writeString(options.json().get(), report.json());
        }
    }

    private record Prepared(EngineKind kind, Path model) {}

    private Turn turn(Prepared engine, int threads, int round) throws IOException, InterruptedException {
        EngineKind kind = engine.kind;
        var run = new EngineRun(
                kind,
                engine.model,
                options.shape(),
                threads,
                options.prompt(),
                options.generate(),
                options.warmups(),
                options.replies());
        Path log = options.folder().resolve("%s-%d-threads-round-%d.log".formatted(kind.label, threads, round));
        Measurement measured = new ChildProcess(run, log).measure();
        System.err.printf(
                Locale.ROOT,
                "peers: %d threads, round %d, %-12s prefill %8.2f, decode %7.2f tokens/s; others %.2f cores%n",
                threads,
                round,
                kind.label,
                measured.prefillPerSecond(),
                measured.decodePerSecond(),
                measured.othersCores());
        return new Turn(kind, threads, round, measured);
    }
}
