package awq4j.bench;

import awq4j.kernel.AttentionShape;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import java.util.Arrays;
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
 * Attention of a layer, softmax included: one token at the end of a context, and a chunk of a prompt there; scalar beside
 * vector, on one thread. Caches of several layers in turn, so that memory is read.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(
        value = 3,
        jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "-Xmx3g"})
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class AttentionBench {
    private static final int CHUNK = 256;
    private static final int LAYERS = 8;

    /** Kernels. */
    @Param({"SCALAR", "VECTOR"})
    public Arithmetic arithmetic = Arithmetic.VECTOR;

    /** Query heads, heads of keys and values, their size: TinyLlama's and Llama 7B's. */
    @Param({"32/4/64", "32/32/128"})
    public String heads = "32/4/64";

    /** How keys and values are kept. */
    @Param({"F16", "I8", "F32"})
    public KvPrecision kv = KvPrecision.F16;

    /** Positions. */
    @Param({"512", "4096"})
    public int context = 512;

    private CpuBackend backend;
    private AttentionShape shape;
    private final KvBuffer[][] caches = new KvBuffer[LAYERS][1];
    private Buffer query;
    private Buffer queries;
    private Buffer answer;
    private Buffer answers;
    private int next;

    /** Nothing yet. */
    public AttentionBench() {}

    /** Fills the caches. */
    @Setup(Level.Trial)
    public void fill() {
        backend = CpuBackend.open(new CpuOptions(arithmetic, 1));
        int[] numbers =
                Arrays.stream(heads.split("/", -1)).mapToInt(Integer::parseInt).toArray();
        shape = shape(numbers[0], numbers[1], numbers[2]);
        int width = shape.kvHeads() * shape.headDim();
        Buffer keys = RandomData.buffer(backend, 1, context, width);
        Buffer values = RandomData.buffer(backend, 2, context, width);
        for (KvBuffer[] layer : caches) {
            layer[0] = backend.allocateKv(context, shape.kvHeads(), shape.headDim(), kv);
            backend.kernels().store(keys, values, positions(0, context), new int[context], layer);
        }
        int all = shape.heads() * shape.headDim();
        query = RandomData.buffer(backend, 3, 1, all);
        queries = RandomData.buffer(backend, 3, CHUNK, all);
        answer = backend.allocate(1, all);
        answers = backend.allocate(CHUNK, all);
    }

    @SuppressWarnings("NullAway") // the slopes may be null; that is lost on the way through the module's classes
    private static AttentionShape shape(int heads, int kvHeads, int headDim) {
        return new AttentionShape(heads, kvHeads, headDim, (float) (1 / Math.sqrt(headDim)), 0, null);
    }

    private static int[] positions(int from, int to) {
        int[] positions = new int[to - from];
        Arrays.setAll(positions, i -> from + i);
        return positions;
    }

    /** One token at the last position. */
    @Benchmark
    public void decode(Rates rates) {
        next = (next + 1) % LAYERS;
        backend.kernels().attend(query, shape, new int[] {context - 1}, new int[1], caches[next], answer);
        rates.add((double) caches[next][0].sizeBytes(), 4.0 * context * shape.heads() * shape.headDim());
    }

    /** The last tokens of the context. */
    @Benchmark
    public void prefill(Rates rates) {
        next = (next + 1) % LAYERS;
        backend.kernels()
                .attend(queries, shape, positions(context - CHUNK, context), new int[CHUNK], caches[next], answers);
        double pairs = CHUNK * (context - (CHUNK - 1) / 2.0);
        rates.add((double) caches[next][0].sizeBytes(), 4.0 * pairs * shape.heads() * shape.headDim());
    }

    /** Averages of values that lie around zero lie there, too. */
    @TearDown(Level.Trial)
    public void check() {
        float[] values = new float[CHUNK * shape.heads() * shape.headDim()];
        backend.read(answers, values);
        float[] one = new float[shape.heads() * shape.headDim()];
        backend.read(answer, one);
        for (float[] some : new float[][] {values, one}) {
            for (float value : some) {
                if (!(Math.abs(value) < 6)) {
                    throw new IllegalStateException("found " + value);
                }
            }
        }
        backend.close();
    }
}
