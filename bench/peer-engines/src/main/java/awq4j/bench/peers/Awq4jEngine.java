package awq4j.bench.peers;

import awq4j.eval.speed.ModelShape;
import awq4j.eval.speed.RandomCheckpoint;
import awq4j.eval.speed.WeightKind;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.Precision;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.runtime.Generation;
import awq4j.runtime.Sampling;
import awq4j.runtime.Sequence;
import awq4j.runtime.Timings;
import java.util.Set;
import java.util.SplittableRandom;

/** This project's own engine: the loop that its program runs, on a model that is made in memory. */
final class Awq4jEngine implements Engine {
    private static final int GROUP = 128;

    private final CpuBackend backend;
    private final Transformer model;

    Awq4jEngine(EngineRun run, Precision precision) {
        backend = CpuBackend.open(new CpuOptions(Arithmetic.VECTOR, precision, run.threads()));
        var checkpoint = new RandomCheckpoint(ModelShape.read(run.model()), new WeightKind.Quantized(GROUP));
        model = Transformer.open(backend, Families.spec(checkpoint), checkpoint, Transformer.DEFAULT_CHUNK);
    }

    @Override
    public String arithmetic() {
        return backend.name() + ", " + model.bytesPerToken() / 1_000_000 + " MB a token";
    }

    @Override
    public Reply reply(int promptTokens, int replyTokens, long seed) {
        var sequence = new Sequence(model, KvPrecision.F16, promptTokens + replyTokens);
        int[] prompt = new SplittableRandom(seed)
                .ints(promptTokens, 0, model.spec().vocabulary())
                .toArray();
        Sampling greedy = Sampling.greedy().withMaxTokens(replyTokens);
        Timings timings = Generation.run(sequence, prompt, greedy, Set.of(), token -> true, () -> false)
                .timings();
        return new Reply(
                promptTokens,
                timings.firstToken().toNanos(),
                timings.replyTokens() - 1,
                timings.total().minus(timings.firstToken()).toNanos());
    }
}
