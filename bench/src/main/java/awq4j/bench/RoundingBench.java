package awq4j.bench;

import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.CpuWeight;
import awq4j.kernel.Precision;
import awq4j.kernel.Prepared;
import awq4j.kernel.RowKernels;
import awq4j.kernel.Split;
import awq4j.kernel.scalar.ScalarRowKernels;
import awq4j.kernel.vector.VectorRowKernels;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What becomes of activations before a linear multiplies them: rounding in W4A8, another order in W4A16. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(
        value = 3,
        jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "-Xmx1g"})
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class RoundingBench {
    private static final int WIDTH = 2048;

    /** Kernels. */
    @Param({"SCALAR", "VECTOR"})
    public Arithmetic arithmetic = Arithmetic.VECTOR;

    /** What becomes of activations. */
    @Param({"W4A16", "W4A8"})
    public Precision precision = Precision.W4A8;

    /** What the matrix is made of, as {@link RandomData#weight} names it. */
    @Param({"int4", "Q4_K", "Q2_K"})
    public String type = "int4";

    /** Tokens at once. */
    @Param({"1", "256"})
    public int tokens = 1;

    private CpuWeight weight;
    private float[] x;
    private final Prepared prepared = new Prepared();

    /** Nothing yet. */
    public RoundingBench() {}

    /** Places a small weight. */
    @Setup(Level.Trial)
    public void place() {
        RowKernels kernels =
                arithmetic == Arithmetic.SCALAR ? new ScalarRowKernels(precision) : new VectorRowKernels(precision);
        weight = kernels.place(RandomData.weight(type, 128, WIDTH), Split.NONE);
        x = RandomData.floats(1, tokens * WIDTH);
        prepared.reserve(weight.preparedFloats(tokens), weight.preparedInts(tokens));
    }

    /** All tokens. */
    @Benchmark
    public Prepared prepare(Rates rates) {
        weight.prepare(x, tokens, 0, tokens, prepared);
        double values = (double) tokens * WIDTH;
        rates.add(values * Float.BYTES, 4 * values);
        return prepared;
    }
}
