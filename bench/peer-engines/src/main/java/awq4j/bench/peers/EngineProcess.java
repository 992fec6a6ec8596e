package awq4j.bench.peers;

import awq4j.bench.peers.Engine.Reply;
import awq4j.eval.speed.MemoryPeak;
import awq4j.eval.speed.Spread;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Locale;

/** The process of one engine: opens the model, warms up, measures, and prints one line that its parent looks for. */
final class EngineProcess {
    /** What the line begins with; engines print lines of their own. */
    static final String RESULT = "RESULT ";

    private EngineProcess() {}

    /** Arguments: those of {@link EngineRun#arguments}. */
    public static void main(String[] arguments) {
        int status = 1;
        try {
            Measurement measured = measured(EngineRun.of(arguments));
            System.out.println();
            System.out.println(RESULT + measured.toJson());
            status = 0;
        } catch (RuntimeException | Error e) {
            var trace = new StringWriter();
            e.printStackTrace(new PrintWriter(trace));
            System.err.println(trace);
        } finally {
            System.out.flush();
            System.err.flush();
            // llama.cpp's threads go on, and closing its binding (4.2.0) waits for them for ever
            Runtime.getRuntime().halt(status);
        }
    }

    private static Measurement measured(EngineRun run) {
        long start = System.nanoTime();
        Engine engine = run.kind().open(run);
        double loadSeconds = (System.nanoTime() - start) / 1e9;
        for (int i = 0; i < run.warmups(); i++) {
            report("warm-up", engine.reply(run.prompt(), run.generate(), -1 - i));
        }
        double[] prefill = new double[run.replies()];
        double[] decode = new double[run.replies()];
        var others = new OtherPrograms();
        for (int i = 0; i < run.replies(); i++) {
            Reply reply = engine.reply(run.prompt(), run.generate(), 1 + i);
            report("measured", reply);
            prefill[i] = reply.prefillPerSecond();
            decode[i] = reply.decodePerSecond();
        }
        return new Measurement(
                engine.arithmetic(),
                loadSeconds,
                Spread.of(prefill).median(),
                Spread.of(decode).median(),
                MemoryPeak.soFar().bytes() / 1e6,
                others.busyCores());
    }

    private static void report(String what, Reply reply) {
        System.err.printf(
                Locale.ROOT,
                "%n%s: first token after %.1f ms, prefill %.2f, decode %.2f tokens/s%n",
                what,
                reply.firstTokenNanos() / 1e6,
                reply.prefillPerSecond(),
                reply.decodePerSecond());
    }
}
