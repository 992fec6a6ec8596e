package awq4j.bench;

import awq4j.runtime.Penalties;
import awq4j.runtime.Sampler;
import awq4j.runtime.Sampling;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Choosing one token: what sampling adds to the time of a forward pass. Copying the row is part of it. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(3)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class SamplerBench {
    private static final int PROMPT = 500;

    /** Llama 2 and Qwen 2.5. */
    @Param({"32000", "151936"})
    private int vocabulary;

    /** Which filters. */
    @Param({"greedy", "temperature", "topK", "topP", "minP", "all"})
    private String kind;

    private float[] row;
    private float[] logits;
    private Sampler sampler;
    private int token;

    /** A peaked row: noise, and some tokens that stand out of it. */
    @Setup
    public void make() {
        var random = new Random(1);
        row = new float[vocabulary];
        for (int i = 0; i < vocabulary; i++) {
            row[i] = (float) (2.5 * random.nextGaussian());
        }
        for (int i = 0; i < 40; i++) {
            row[random.nextInt(vocabulary)] += 10;
        }
        logits = new float[vocabulary];
        sampler = new Sampler(sampling(), random.ints(PROMPT, 0, vocabulary).toArray(), vocabulary, 1);
    }

    private Sampling sampling() {
        Sampling warm = Sampling.greedy().withTemperature(0.7);
        return switch (kind) {
            case "greedy" -> Sampling.greedy();
            case "temperature" -> warm;
            case "topK" -> warm.withTopK(40);
            case "topP" -> warm.withTopP(0.9);
            case "minP" -> warm.withMinP(0.05);
            case "all" -> warm.withTopK(40).withTopP(0.9).withMinP(0.05).withPenalties(new Penalties(1.1, 0.1, 0.1));
            default -> throw new IllegalArgumentException(kind);
        };
    }

    /** One row. */
    @Benchmark
    public int next() {
        System.arraycopy(row, 0, logits, 0, vocabulary);
        token = sampler.next(logits);
        return token;
    }

    /** The filters leave only tokens that stand out. */
    @TearDown
    public void check() {
        if (!kind.equals("temperature") && row[token] < 5) {
            throw new IllegalStateException("token " + token + " has logit " + row[token]);
        }
    }
}
