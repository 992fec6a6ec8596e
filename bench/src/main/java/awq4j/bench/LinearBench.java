package awq4j.bench;

import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.PlacedWeight;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
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

/** Linears of TinyLlama's shapes, scalar beside vector; weights of several layers in turn, so that memory is read. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
        value = 3,
        jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "-Xmx2g"})
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class LinearBench {
    private static final int WEIGHTS = 10;

    /** Kernels. */
    @Param({"SCALAR", "VECTOR"})
    public Arithmetic arithmetic = Arithmetic.VECTOR;

    /** Threads that compute. */
    @Param({"1", "2"})
    public int threads = 1;

    /** Which linear of the block. */
    @Param({"self_attn.q_proj", "mlp.up_proj", "mlp.down_proj"})
    public String linear = "mlp.up_proj";

    /** Tokens at once. */
    @Param({"1", "8", "256"})
    public int tokens = 1;

    private CpuBackend backend;
    private final List<PlacedWeight> weights = new ArrayList<>();
    private Buffer x;
    private Buffer out;
    private int next;

    /** Nothing yet. */
    public LinearBench() {}

    /** Places the weights. */
    @Setup(Level.Trial)
    public void place() {
        backend = CpuBackend.open(new CpuOptions(arithmetic, threads));
        var model = new RandomLlama(1);
        for (int i = 0; i < WEIGHTS; i++) {
            weights.add(backend.place(model.linear("model.layers." + i + "." + linear)));
        }
        x = backend.allocate(tokens, weights.getFirst().columns());
        out = backend.allocate(tokens, weights.getFirst().rows());
        float[] values = new float[tokens * x.columns()];
        var random = new SplittableRandom(2);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        backend.write(values, x);
    }

    /** One linear; the next call reads the next weight. */
    @Benchmark
    public void linear() {
        next = (next + 1) % WEIGHTS;
        backend.kernels().linear(weights.get(next), null, x, out);
    }

    /** The last result has to be the definition's. */
    @TearDown(Level.Trial)
    public void check() {
        float[] actual = new float[tokens * out.columns()];
        backend.read(out, actual);
        float[] values = new float[tokens * x.columns()];
        backend.read(x, values);
        backend.close();
        try (var scalar = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, 1))) {
            PlacedWeight weight = scalar.place(new RandomLlama(1).linear("model.layers.0." + linear));
            Buffer again = scalar.allocate(tokens, x.columns());
            scalar.write(values, again);
            Buffer expected = scalar.allocate(tokens, out.columns());
            scalar.kernels().linear(weight, null, again, expected);
            float[] defined = new float[actual.length];
            scalar.read(expected, defined);
            for (int i = 0; i < actual.length; i++) {
                if (!(Math.abs(actual[i] - defined[i]) <= 1e-4)) {
                    throw new IllegalStateException("wrong at " + i + ": " + actual[i] + ", expected " + defined[i]);
                }
            }
        }
    }
}
