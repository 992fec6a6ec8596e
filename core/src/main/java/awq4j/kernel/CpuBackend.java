package awq4j.kernel;

import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.scalar.ScalarRowKernels;
import awq4j.kernel.vector.VectorRowKernels;
import awq4j.tensor.DType;
import awq4j.weight.PackedMatrix;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The CPU: row kernels, and a team of threads that shares out their rows. Buffers are ordinary objects; what nobody
 * holds any longer is collected, {@link #close} ends the threads.
 *
 * <p>Results do not depend on the number of threads, bit for bit.
 */
public final class CpuBackend implements Backend {
    private static final Logger LOG = System.getLogger(CpuBackend.class.getName());
    private static final String VECTOR_MODULE = "jdk.incubator.vector";
    private static final String VECTOR_FLAG = "--add-modules " + VECTOR_MODULE;

    /** Never started: stands for any thread but the caller's. */
    private static final Thread ANOTHER = Thread.ofPlatform().unstarted(() -> {});

    private final RowKernels rows;
    private final Precision precision;
    private final ThreadTeam team;
    private final CpuKernels kernels;

    private CpuBackend(RowKernels rows, Precision precision, int threads) {
        this.rows = rows;
        this.precision = precision;
        this.team = new ThreadTeam(threads);
        this.kernels = new CpuKernels(rows, team);
    }

    /**
     * Starts a team.
     *
     * @throws BackendException if the kernels that were asked for cannot run here
     */
    public static CpuBackend open(CpuOptions options) {
        RowKernels rows = switch (options.arithmetic()) {
            case SCALAR -> new ScalarRowKernels(options.precision());
            case VECTOR -> {
                if (!vectorsPresent()) {
                    throw new BackendException("vector kernels need the module " + VECTOR_MODULE
                            + ", which is absent. Start Java with " + VECTOR_FLAG + ", or choose scalar kernels");
                }
                yield new VectorRowKernels(options.precision());
            }
            case AUTO -> {
                if (vectorsPresent()) {
                    yield new VectorRowKernels(options.precision());
                }
                LOG.log(
                        Level.INFO,
                        "scalar kernels run, many times slower than vector kernels: start Java with " + VECTOR_FLAG
                                + " to get the fast ones");
                yield new ScalarRowKernels(options.precision());
            }
        };
        return open(rows, options.precision(), options.threads());
    }

    /**
     * Starts a team on given kernels, in exact arithmetic.
     *
     * @param threads 0 for one per physical core available to the process
     */
    public static CpuBackend open(RowKernels rows, int threads) {
        return open(rows, Precision.W4A16, threads);
    }

    private static CpuBackend open(RowKernels rows, Precision precision, int threads) {
        return new CpuBackend(rows, precision, threads == 0 ? Cores.available() : threads);
    }

    /** A backend of its own with kernels of the same kind and as many threads, in a precision. */
    public CpuBackend withPrecision(Precision other) {
        Arithmetic kind = rows instanceof ScalarRowKernels ? Arithmetic.SCALAR : Arithmetic.VECTOR;
        return open(new CpuOptions(kind, other, team.size()));
    }

    /**
     * Whether vector kernels can run: whether the module of the Vector API is there and ours may read it. Asked by a
     * class, since the boot layer lists only what the start resolved; the launcher brings the module in later.
     */
    public static boolean vectorsPresent() {
        try {
            Class<?> vector = Class.forName(VECTOR_MODULE + ".Vector", false, CpuBackend.class.getClassLoader());
            return CpuBackend.class.getModule().canRead(vector.getModule());
        } catch (ClassNotFoundException absent) {
            return false;
        }
    }

    @Override
    public String name() {
        return "cpu/" + rows.name() + ", " + team.size() + (team.size() == 1 ? " thread" : " threads");
    }

    /** Threads that compute, the caller's included. */
    public int threads() {
        return team.size();
    }

    @Override
    public PlacedWeight place(Weight weight) {
        return taking("weight " + weight.name(), weight.sizeBytes(), () -> rows.place(weight, splitFor(weight)));
    }

    /** The team, unless only the caller's thread may read the weight. */
    private Split splitFor(Weight weight) {
        return weight.values().isAccessibleBy(ANOTHER) ? this::split : Split.NONE;
    }

    private void split(int units, int step, Split.Part part) {
        team.run(units, step, (from, to, scratch) -> part.run(from, to));
    }

    @Override
    public PlacedWeight placeHead(Weight weight) {
        boolean halves = weight.layout() instanceof Dense dense && dense.dtype() != DType.F32;
        if (precision == Precision.W4A16 || !halves) {
            return place(weight);
        }
        return taking("weight " + weight.name() + " in 8 bits", weight.sizeBytes() / 2, () -> {
            try (Arena arena = Arena.ofShared()) { // kernels copy codes
                return rows.place(RoundedHead.of(weight, splitFor(weight), arena), this::split);
            }
        });
    }

    @Override
    public boolean roundsHeads() {
        return precision != Precision.W4A16;
    }

    @Override
    public Optional<PackedMatrix> packed(PlacedWeight placed) {
        return placed instanceof CpuWeight own ? rows.packed(own) : Optional.empty();
    }

    @Override
    public boolean reads(String order) {
        return rows.reads(order);
    }

    @Override
    public PlacedWeight place(PackedMatrix packed) {
        return rows.place(packed);
    }

    @Override
    public Buffer allocate(int rows, int columns) {
        long size = (long) rows * columns;
        if (rows < 0 || columns < 0 || size > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(
                    "allocate: [" + rows + ", " + columns + "] is not a matrix of at most 2^31 - 9 values");
        }
        return taking(
                "buffer [" + rows + ", " + columns + "]",
                size * Float.BYTES,
                () -> new CpuBuffer(new float[(int) size], rows, columns));
    }

    @Override
    public KvBuffer allocateKv(int capacity, int kvHeads, int headDim, KvPrecision precision) {
        if (capacity < 1 || kvHeads < 1 || headDim < 1) {
            throw new IllegalArgumentException(
                    "allocateKv: [" + capacity + ", " + kvHeads + ", " + headDim + "] has nothing in it");
        }
        return taking(
                "keys and values of " + capacity + " positions",
                2L * capacity * kvHeads * precision.bytes(headDim),
                () -> new CpuKvBuffer(capacity, kvHeads, headDim, precision, rows.kvBlock()));
    }

    @Override
    public void copyKv(KvBuffer from, KvBuffer to, int filled) {
        CpuKernels.own(to).copyFrom(CpuKernels.own(from), filled);
    }

    @Override
    public void write(float[] from, Buffer to) {
        CpuBuffer target = CpuKernels.own(to);
        int size = target.rows() * target.columns();
        if (from.length < size) {
            throw new IllegalArgumentException("write: " + from.length + " values for a buffer " + target.shape());
        }
        System.arraycopy(from, 0, target.values(), 0, size);
    }

    @Override
    public void read(Buffer from, float[] to) {
        CpuBuffer source = CpuKernels.own(from);
        int size = source.rows() * source.columns();
        if (to.length < size) {
            throw new IllegalArgumentException("read: room for " + to.length + ", buffer is " + source.shape());
        }
        System.arraycopy(source.values(), 0, to, 0, size);
    }

    @Override
    public Kernels kernels() {
        return kernels;
    }

    @Override
    public void close() {
        team.close();
    }

    private static <T> T taking(String what, long bytes, Supplier<T> allocation) {
        try {
            return allocation.get();
        } catch (OutOfMemoryError e) {
            long mebibyte = 1 << 20;
            throw new BackendException("no memory for " + what + ", " + (bytes + mebibyte - 1) / mebibyte
                    + " MiB: the heap may grow to "
                    + Runtime.getRuntime().maxMemory() / mebibyte
                    + " MiB. Try a larger -Xmx, a shorter context or a smaller chunk");
        }
    }
}
