package awq4j.kernel.vector;

import awq4j.kernel.CeilingLoops;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The limits in vectors as wide as the kernels'. Twelve results that do not wait for each other hide the latency of
 * two units, and leave room for the factors in sixteen registers.
 */
public final class VectorCeilingLoops implements CeilingLoops {
    private static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;
    private static final VectorSpecies<Long> LONGS = VectorSpecies.of(long.class, FLOATS.vectorShape());
    private static final VectorSpecies<Short> SHORTS = Lanes.ALL_SHORTS;
    private static final int BYTES = LONGS.vectorByteSize();
    private static final int CHAINS = 12;

    /** Has no state. */
    public VectorCeilingLoops() {}

    @Override
    public long read(MemorySegment memory, long at, long to) {
        LongVector a = LongVector.zero(LONGS);
        LongVector b = LongVector.zero(LONGS);
        LongVector c = LongVector.zero(LONGS);
        LongVector d = LongVector.zero(LONGS);
        for (long i = at; i < to; i += 4L * BYTES) {
            a = a.add(LongVector.fromMemorySegment(LONGS, memory, i, ByteOrder.LITTLE_ENDIAN));
            b = b.add(LongVector.fromMemorySegment(LONGS, memory, i + BYTES, ByteOrder.LITTLE_ENDIAN));
            c = c.add(LongVector.fromMemorySegment(LONGS, memory, i + 2L * BYTES, ByteOrder.LITTLE_ENDIAN));
            d = d.add(LongVector.fromMemorySegment(LONGS, memory, i + 3L * BYTES, ByteOrder.LITTLE_ENDIAN));
        }
        return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
    }

    @Override
    public float multiplyAddFloats(int steps) {
        FloatVector x = FloatVector.broadcast(FLOATS, 0.999f);
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        FloatVector e = a;
        FloatVector f = a;
        FloatVector g = a;
        FloatVector h = a;
        FloatVector i = a;
        FloatVector j = a;
        FloatVector k = a;
        FloatVector l = a;
        for (int step = 0; step < steps; step++) {
            a = x.fma(x, a);
            b = x.fma(x, b);
            c = x.fma(x, c);
            d = x.fma(x, d);
            e = x.fma(x, e);
            f = x.fma(x, f);
            g = x.fma(x, g);
            h = x.fma(x, h);
            i = x.fma(x, i);
            j = x.fma(x, j);
            k = x.fma(x, k);
            l = x.fma(x, l);
        }
        FloatVector sum = a.add(b)
                .add(c)
                .add(d)
                .add(e)
                .add(f)
                .add(g)
                .add(h)
                .add(i)
                .add(j)
                .add(k)
                .add(l);
        return sum.reduceLanes(VectorOperators.ADD);
    }

    @Override
    public int floatOperations() {
        return 2 * CHAINS * FLOATS.length();
    }

    /** A product of two constants would be computed once, before the loop: so each result is a factor of the next. */
    @Override
    public int multiplyAddShorts(int steps) {
        ShortVector x = ShortVector.broadcast(SHORTS, (short) (steps | 1));
        ShortVector y = ShortVector.broadcast(SHORTS, (short) 3);
        ShortVector a = ShortVector.zero(SHORTS);
        ShortVector b = a;
        ShortVector c = a;
        ShortVector d = a;
        ShortVector e = a;
        ShortVector f = a;
        ShortVector g = a;
        ShortVector h = a;
        ShortVector i = a;
        ShortVector j = a;
        ShortVector k = a;
        ShortVector l = a;
        for (int step = 0; step < steps; step++) {
            a = a.mul(x).add(y);
            b = b.mul(x).add(y);
            c = c.mul(x).add(y);
            d = d.mul(x).add(y);
            e = e.mul(x).add(y);
            f = f.mul(x).add(y);
            g = g.mul(x).add(y);
            h = h.mul(x).add(y);
            i = i.mul(x).add(y);
            j = j.mul(x).add(y);
            k = k.mul(x).add(y);
            l = l.mul(x).add(y);
        }
        ShortVector sum = a.add(b)
                .add(c)
                .add(d)
                .add(e)
                .add(f)
                .add(g)
                .add(h)
                .add(i)
                .add(j)
                .add(k)
                .add(l);
        return sum.reduceLanes(VectorOperators.ADD);
    }

    @Override
    public int shortOperations() {
        return 2 * CHAINS * SHORTS.length();
    }
}
