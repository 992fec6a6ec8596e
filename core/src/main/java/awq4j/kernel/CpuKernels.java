package awq4j.kernel;

import awq4j.weight.InputOrder;
import java.util.Arrays;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Checks shapes, splits the work into parts, and gives them to the team. */
final class CpuKernels implements Kernels {
    private static final float[] NO_BIAS = {};

    /** Parts a thread gets of one linear, on average: enough to even out, few enough to cost nothing. */
    private static final int PARTS = 16;

    private final ThreadTeam team;
    private final LinearProduct product = new LinearProduct();
    private final ThreadTeam.Work gathering = product::gather;
    private final ThreadTeam.Work preparation = product::prepare;
    private final ThreadTeam.Work multiplication = product::multiply;
    private final CpuRows elements;
    private final CpuAttention attention;

    CpuKernels(RowKernels rows, ThreadTeam team) {
        this.team = team;
        this.elements = new CpuRows(rows, team);
        this.attention = new CpuAttention(rows, team);
    }

    static CpuBuffer own(Buffer buffer) {
        if (buffer instanceof CpuBuffer own) {
            return own;
        }
        throw new IllegalArgumentException("the buffer belongs to another backend: " + buffer);
    }

    static CpuKvBuffer own(KvBuffer buffer) {
        if (buffer instanceof CpuKvBuffer own) {
            return own;
        }
        throw new IllegalArgumentException("the cache belongs to another backend: " + buffer);
    }

    private static CpuWeight own(PlacedWeight weight) {
        if (weight instanceof CpuWeight own) {
            return own;
        }
        throw new IllegalArgumentException("weight " + weight.name() + " belongs to another backend");
    }

    private static void expect(boolean fits, String operation, Supplier<String> found) {
        if (!fits) {
            throw new IllegalArgumentException(operation + ": " + found.get());
        }
    }

    @Override
    public void embed(PlacedWeight table, int[] ids, Buffer out) {
        CpuWeight weight = own(table);
        CpuBuffer to = own(out);
        expect(
                to.rows() == ids.length && to.columns() == weight.columns(),
                "embed",
                () -> ids.length + " ids of table " + weight.name() + " [" + weight.rows() + ", " + weight.columns()
                        + "] into " + to.shape());
        for (int id : ids) {
            expect(
                    id >= 0 && id < weight.rows(),
                    "embed",
                    () -> "row " + id + " of table " + weight.name() + ", which has " + weight.rows());
        }
        InputOrder order = weight.inputOrder();
        if (order == null) {
            for (int i = 0; i < ids.length; i++) {
                weight.decodeRow(ids[i], to.values(), i * to.columns());
            }
            return;
        }
        float[] stored = new float[weight.columns()];
        for (int i = 0; i < ids.length; i++) {
            weight.decodeRow(ids[i], stored, 0);
            order.scatter(stored, 0, to.values(), i * to.columns());
        }
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // whether two buffers are the same memory
    public void linear(PlacedWeight placed, @Nullable Buffer bias, Buffer x, Buffer out) {
        CpuWeight weight = own(placed);
        CpuBuffer from = own(x);
        CpuBuffer to = own(out);
        expect(
                from.columns() == weight.columns(),
                "linear",
                () -> "x has " + from.columns() + " columns, weight " + weight.name() + " has " + weight.columns());
        expect(
                to.rows() == from.rows() && to.columns() == weight.rows(),
                "linear",
                () -> "x " + from.shape() + " and weight " + weight.name() + " [" + weight.rows() + ", "
                        + weight.columns() + "] give [" + from.rows() + ", " + weight.rows() + "], out is "
                        + to.shape());
        expect(to.values() != from.values(), "linear", () -> "out may not be x");
        float[] added = null;
        if (bias != null) {
            CpuBuffer own = own(bias);
            expect(
                    own.rows() == 1 && own.columns() == weight.rows(),
                    "linear",
                    () -> "bias of weight " + weight.name() + " has " + own.columns() + " values, weight has "
                            + weight.rows() + " rows");
            added = own.values();
        }
        multiply(weight, added, from, to);
    }

    private void multiply(CpuWeight weight, float @Nullable [] bias, CpuBuffer x, CpuBuffer out) {
        int n = x.rows();
        product.set(weight, bias, x.values(), n, out.values());
        try {
            if (product.gathers()) {
                product.reserveGathered();
                team.run(n, CpuRows.step(weight.columns()), gathering);
                product.useGathered();
            }
            int floats = weight.preparedFloats(n);
            int ints = weight.preparedInts(n);
            if (floats + ints > 0) {
                product.prepared.reserve(floats, ints);
                team.run(n, Math.max(1, 4 * CpuRows.ELEMENTS / weight.columns()), preparation);
            }
            int step = weight.rowStep();
            int steps = (weight.rows() + step - 1) / step;
            team.run(steps, part(steps, weight.panelRows() / step), multiplication);
        } finally {
            product.clear();
        }
    }

    /** Steps in a part: whole panels if that leaves every thread something to do. */
    private int part(int steps, int panel) {
        int even = Math.max(1, steps / (PARTS * team.size()));
        if (even >= panel) {
            return even / panel * panel;
        }
        return steps / panel >= 2 * team.size() || team.size() == 1 ? panel : even;
    }

    @Override
    public void rmsNorm(Buffer x, Buffer gain, float epsilon, Buffer out) {
        CpuBuffer from = own(x);
        CpuBuffer to = own(out);
        CpuBuffer gains = own(gain);
        int n = gains.columns();
        expect(
                gains.rows() == 1 && n > 0 && from.columns() % n == 0,
                "rmsNorm",
                () -> "x " + from.shape() + " is not made of segments of the gain's " + gains.shape());
        expectSame("rmsNorm", from, to);
        elements.rmsNorm(from.values(), gains.values(), n, epsilon, to.values(), from.rows() * (from.columns() / n));
    }

    @Override
    public void layerNorm(Buffer x, Buffer gain, @Nullable Buffer bias, float epsilon, Buffer out) {
        CpuBuffer from = own(x);
        CpuBuffer to = own(out);
        CpuBuffer gains = own(gain);
        int n = gains.columns();
        expect(
                gains.rows() == 1 && n > 0 && from.columns() % n == 0,
                "layerNorm",
                () -> "x " + from.shape() + " is not made of segments of the gain's " + gains.shape());
        float[] added = NO_BIAS;
        if (bias != null) {
            CpuBuffer own = own(bias);
            expect(
                    own.rows() == 1 && own.columns() == n,
                    "layerNorm",
                    () -> "x " + from.shape() + ", bias " + own.shape());
            added = own.values();
        }
        expectSame("layerNorm", from, to);
        elements.layerNorm(
                from.values(), gains.values(), added, n, epsilon, to.values(), from.rows() * (from.columns() / n));
    }

    @Override
    public void rotate(Buffer x, int headDim, Buffer cos, Buffer sin) {
        rotate(x, headDim, cos, sin, false);
    }

    @Override
    public void rotateNeighbours(Buffer x, int headDim, Buffer cos, Buffer sin) {
        rotate(x, headDim, cos, sin, true);
    }

    private void rotate(Buffer x, int headDim, Buffer cos, Buffer sin, boolean neighbours) {
        CpuBuffer from = own(x);
        CpuBuffer cosines = own(cos);
        CpuBuffer sines = own(sin);
        int pairs = cosines.columns();
        expect(
                headDim > 0 && from.columns() % headDim == 0 && 2 * pairs <= headDim,
                "rotate",
                () -> "x " + from.shape() + " in heads of " + headDim + ", tables " + cosines.shape());
        expect(
                cosines.rows() == from.rows() && sines.rows() == from.rows() && sines.columns() == pairs,
                "rotate",
                () -> "x " + from.shape() + ", cos " + cosines.shape() + ", sin " + sines.shape());
        elements.rotate(
                from.values(),
                from.columns(),
                headDim,
                pairs,
                cosines.values(),
                sines.values(),
                from.rows(),
                neighbours);
    }

    @Override
    public void store(Buffer keys, Buffer values, int[] positions, int[] sequences, KvBuffer[] caches) {
        CpuBuffer k = own(keys);
        CpuBuffer v = own(values);
        expectSame("store", k, v);
        expectBatch("store", k, positions, sequences, caches);
        for (int sequence : sequences) {
            CpuKvBuffer cache = own(caches[sequence]);
            expect(
                    k.columns() == cache.kvHeads() * cache.headDim(),
                    "store",
                    () -> "keys " + k.shape() + " into a cache " + cache);
        }
        attention.store(k.values(), v.values(), positions, sequences, caches, CpuRows.step(k.columns()));
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // whether two buffers are the same memory
    public void attend(
            Buffer queries, AttentionShape shape, int[] positions, int[] sequences, KvBuffer[] caches, Buffer out) {
        CpuBuffer q = own(queries);
        CpuBuffer to = own(out);
        expect(
                q.columns() == shape.heads() * shape.headDim(),
                "attend",
                () -> "queries " + q.shape() + " are not " + shape.heads() + " heads of " + shape.headDim());
        expectSame("attend", q, to);
        expectBatch("attend", q, positions, sequences, caches);
        expect(q.values() != to.values(), "attend", () -> "out may not be queries");
        for (int sequence : sequences) {
            CpuKvBuffer cache = own(caches[sequence]);
            expect(
                    cache.kvHeads() == shape.kvHeads() && cache.headDim() == shape.headDim(),
                    "attend",
                    () -> shape.kvHeads() + " kv heads of " + shape.headDim() + ", cache " + cache);
        }
        for (int i = 0; i < positions.length; i++) {
            int position = positions[i];
            expect(
                    own(caches[sequences[i]]).answers(position),
                    "attend",
                    () -> "position " + position + " needs float16 that the 4-bit cache has forgotten");
        }
        attention.attend(q.values(), shape, positions, sequences, caches, to.values());
    }

    @Override
    public void activate(Activation activation, Buffer x) {
        CpuBuffer buffer = own(x);
        elements.activate(activation, buffer.values(), buffer.rows() * buffer.columns());
    }

    @Override
    public void gate(Activation activation, Buffer gate, Buffer up) {
        CpuBuffer gates = own(gate);
        CpuBuffer ups = own(up);
        expectSame("gate", gates, ups);
        elements.gate(activation, gates.values(), ups.values(), gates.rows() * gates.columns());
    }

    @Override
    public void add(Buffer x, Buffer to) {
        CpuBuffer from = own(x);
        CpuBuffer target = own(to);
        expectRowOrRows("add", from, target);
        elements.add(from.values(), from.rows() == 1, target.values(), target.columns(), target.rows());
    }

    @Override
    public void multiply(Buffer x, Buffer to) {
        CpuBuffer from = own(x);
        CpuBuffer target = own(to);
        expectRowOrRows("multiply", from, target);
        elements.multiply(from.values(), from.rows() == 1, target.values(), target.columns(), target.rows());
    }

    private static void expectRowOrRows(String operation, CpuBuffer from, CpuBuffer to) {
        expect(
                from.columns() == to.columns() && (from.rows() == to.rows() || from.rows() == 1),
                operation,
                () -> "x " + from.shape() + " to " + to.shape());
    }

    @Override
    public void scale(float factor, Buffer x) {
        CpuBuffer buffer = own(x);
        elements.scale(factor, buffer.values(), buffer.rows() * buffer.columns());
    }

    @Override
    public void clamp(float limit, Buffer x) {
        CpuBuffer buffer = own(x);
        expect(limit > 0, "clamp", () -> "limit " + limit + " is not positive");
        elements.clamp(limit, buffer.values(), buffer.rows() * buffer.columns());
    }

    @Override
    public void softcap(float cap, Buffer x) {
        CpuBuffer buffer = own(x);
        expect(cap > 0, "softcap", () -> "cap " + cap + " is not positive");
        elements.softcap(cap, buffer.values(), buffer.rows() * buffer.columns());
    }

    @Override
    public void gather(Buffer x, int[] wanted, Buffer out) {
        CpuBuffer from = own(x);
        CpuBuffer to = own(out);
        expect(
                to.rows() == wanted.length && to.columns() == from.columns(),
                "gather",
                () -> wanted.length + " rows of " + from.shape() + " into " + to.shape());
        gather(x, wanted, 0, out);
    }

    @Override
    public void gather(Buffer x, int[] wanted, int first, Buffer out) {
        CpuBuffer from = own(x);
        CpuBuffer to = own(out);
        expect(to.columns() == from.columns(), "gather", () -> "rows of " + from.shape() + " into " + to.shape());
        expectRows("gather", wanted, first, to.rows(), from);
        for (int i = 0; i < to.rows(); i++) {
            System.arraycopy(
                    from.values(), wanted[first + i] * from.columns(), to.values(), i * to.columns(), to.columns());
        }
    }

    @Override
    public void scatter(Buffer x, int[] wanted, float[] weights, int first, Buffer to) {
        CpuBuffer from = own(x);
        CpuBuffer target = own(to);
        expect(
                target.columns() == from.columns() && weights.length == wanted.length,
                "scatter",
                () -> from.shape() + " to rows of " + target.shape() + ", " + wanted.length + " rows, " + weights.length
                        + " weights");
        expectRows("scatter", wanted, first, from.rows(), target);
        elements.scatter(from.values(), wanted, weights, first, target.values(), from.columns(), from.rows());
    }

    @Override
    public void clear(Buffer x) {
        CpuBuffer buffer = own(x);
        Arrays.fill(buffer.values(), 0, buffer.rows() * buffer.columns(), 0);
    }

    private static void expectRows(String operation, int[] wanted, int first, int count, CpuBuffer of) {
        expect(
                first >= 0 && count <= wanted.length - first,
                operation,
                () -> count + " rows from " + first + " of a list of " + wanted.length);
        for (int i = first; i < first + count; i++) {
            int row = wanted[i];
            if (row < 0 || row >= of.rows()) {
                throw new IllegalArgumentException(operation + ": row " + row + " of " + of.shape());
            }
        }
    }

    private static void expectSame(String operation, CpuBuffer x, CpuBuffer y) {
        expect(
                x.rows() == y.rows() && x.columns() == y.columns(),
                operation,
                () -> x.shape() + " and " + y.shape() + " should have one shape");
    }

    private static void expectBatch(
            String operation, CpuBuffer x, int[] positions, int[] sequences, KvBuffer[] caches) {
        expect(
                positions.length == x.rows() && sequences.length == x.rows(),
                operation,
                () -> x.rows() + " rows, " + positions.length + " positions, " + sequences.length + " sequences");
        for (int i = 0; i < positions.length; i++) {
            int sequence = sequences[i];
            int position = positions[i];
            expect(
                    sequence >= 0 && sequence < caches.length,
                    operation,
                    () -> "sequence " + sequence + " of " + caches.length);
            expect(
                    position >= 0 && position < caches[sequence].capacity(),
                    operation,
                    () -> "position " + position + ", the cache holds " + caches[sequence].capacity());
        }
    }
}
