package awq4j.bench;

import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.PlacedWeight;
import awq4j.kernel.Precision;
import awq4j.weight.Weight;
import java.util.ArrayList;
import java.util.List;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Linears of TinyLlama's shapes in every kind of weight, scalar beside vector; weights of several layers in turn, so that
 * memory is read.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(
        value = 3,
        jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "-Xmx3g"})
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class LinearBench {
    private static final int WEIGHTS = 10;

    /** Kernels. */
    @Param({"SCALAR", "VECTOR"})
    public Arithmetic arithmetic = Arithmetic.VECTOR;

    /** What becomes of activations. */
    @Param({"W4A16", "W4A8", "W8A8"})
    public Precision precision = Precision.W4A16;

    /** Threads that compute. */
    @Param({"1", "2"})
    public int threads = 1;

    /** What the matrix is made of, as {@link RandomData#weight} names it. */
    @Param({"int2", "int3", "int4", "int8", "f16", "bf16", "f32", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q5_0", "Q5_1"
    })
    public String type = "int4";

    /** Rows and columns: those of q_proj, up_proj, down_proj. */
    @Param({"2048x2048", "5632x2048", "2048x5632"})
    public String shape = "5632x2048";

    /** Tokens at once. */
    @Param({"1", "8", "256"})
    public int tokens = 1;

    private CpuBackend backend;
    private final List<PlacedWeight> weights = new ArrayList<>();
    private Weight weight;
    private float[] values;
    private Buffer x;
    private Buffer out;
    private int next;

    /** Nothing yet. */
    public LinearBench() {}

    /** Places the weights. */
    @Setup(Level.Trial)
    public void place() {
        backend = CpuBackend.open(new CpuOptions(arithmetic, precision, threads));
        int cross = shape.indexOf('x');
        int rows = Integer.parseInt(shape.substring(0, cross));
        int columns = Integer.parseInt(shape.substring(cross + 1));
        for (int i = 0; i < WEIGHTS; i++) {
            weight = RandomData.weight(
                    type, rows, columns); // dense ones stay where they are, so each has its own memory
            weights.add(backend.place(weight));
        }
        values = RandomData.floats(2, tokens * columns);
        x = backend.allocate(tokens, columns);
        backend.write(values, x);
        out = backend.allocate(tokens, rows);
    }

    /** One linear; the next call reads the next weight. */
    @Benchmark
    public void linear(Rates rates) {
        next = (next + 1) % WEIGHTS;
        backend.kernels().linear(weights.get(next), null, x, out);
        rates.add((double) weights.get(next).sizeBytes(), 2.0 * tokens * weight.rows() * weight.columns());
    }

    /** The last result has to be the definition's. */
    @TearDown(Level.Trial)
    public void check() {
        float[] actual = new float[tokens * out.columns()];
        backend.read(out, actual);
        backend.close();
        try (var scalar = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, precision, 1))) {
            Buffer again = scalar.allocate(1, weight.columns());
            scalar.write(values, again);
            Buffer expected = scalar.allocate(1, weight.rows());
            scalar.kernels().linear(scalar.place(weight), null, again, expected);
            float[] defined = new float[weight.rows()];
            scalar.read(expected, defined);
            for (int i = 0; i < defined.length; i++) {
                if (!(Math.abs(actual[i] - defined[i]) <= 1e-3)) {
                    throw new IllegalStateException("wrong at " + i + ": " + actual[i] + ", expected " + defined[i]);
                }
            }
        }
    }
}
