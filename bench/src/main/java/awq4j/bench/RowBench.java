package awq4j.bench;

import awq4j.kernel.Activation;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
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

/** What happens to rows between linears, of one token and of many, scalar beside vector, on one thread. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(
        value = 3,
        jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "-Xmx1g"})
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class RowBench {
    private static final int HEAD = 64;

    /** Kernels. */
    @Param({"SCALAR", "VECTOR"})
    public Arithmetic arithmetic = Arithmetic.VECTOR;

    /** Rows. */
    @Param({"1", "256"})
    public int tokens = 1;

    /** Values of a row. */
    @Param({"2048", "5632"})
    public int width = 2048;

    private CpuBackend backend;
    private Buffer x;
    private Buffer y;
    private Buffer out;
    private Buffer gain;
    private Buffer cos;
    private Buffer sin;

    /** Nothing yet. */
    public RowBench() {}

    /** Makes the rows. */
    @Setup(Level.Trial)
    public void make() {
        backend = CpuBackend.open(new CpuOptions(arithmetic, 1));
        x = RandomData.buffer(backend, 1, tokens, width);
        y = RandomData.buffer(backend, 2, tokens, width);
        gain = RandomData.buffer(backend, 3, 1, width);
        out = backend.allocate(tokens, width);
        float[] cosines = new float[tokens * HEAD / 2];
        float[] sines = new float[cosines.length];
        for (int i = 0; i < cosines.length; i++) {
            cosines[i] = (float) Math.cos(i);
            sines[i] = (float) Math.sin(i);
        }
        cos = backend.allocate(tokens, HEAD / 2);
        sin = backend.allocate(tokens, HEAD / 2);
        backend.write(cosines, cos);
        backend.write(sines, sin);
    }

    private void count(Rates rates, int streams, int operations) {
        double values = (double) tokens * width;
        rates.add(streams * values * Float.BYTES, operations * values);
    }

    /** RMS norm. */
    @Benchmark
    public void rmsNorm(Rates rates) {
        backend.kernels().rmsNorm(x, gain, 1e-5f, out);
        count(rates, 2, 4);
    }

    /** Layer norm without bias. */
    @Benchmark
    public void layerNorm(Rates rates) {
        backend.kernels().layerNorm(x, gain, null, 1e-5f, out);
        count(rates, 2, 7);
    }

    /** Rotary positions, in place; the angles keep the values' sizes. */
    @Benchmark
    public void rotate(Rates rates) {
        backend.kernels().rotate(x, HEAD, cos, sin);
        count(rates, 2, 3);
    }

    /** SiLU of a gate times what it lets through; the gate's rows come anew, which is a third of the bytes. */
    @Benchmark
    public void siluGate(Rates rates) {
        backend.kernels().clear(out);
        backend.kernels().add(x, out);
        backend.kernels().gate(Activation.SILU, out, y);
        count(rates, 6, 6);
    }

    /** The residual's sum, in place. */
    @Benchmark
    public void add(Rates rates) {
        backend.kernels().add(y, out);
        count(rates, 3, 1);
    }

    /** Nothing may have become infinite or NaN. */
    @TearDown(Level.Trial)
    public void check() {
        float[] values = new float[tokens * width];
        for (Buffer buffer : new Buffer[] {x, out}) {
            backend.read(buffer, values);
            for (float value : values) {
                if (!Float.isFinite(value)) {
                    throw new IllegalStateException("found " + value);
                }
            }
        }
        backend.close();
    }
}
