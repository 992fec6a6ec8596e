package awq4j.kernel.scalar;

import awq4j.kernel.CeilingLoops;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Plain loops, which the compiler may turn into vectors or not. */
public final class ScalarCeilingLoops implements CeilingLoops {
    private static final int SIZE = 256;

    /** Has no state. */
    public ScalarCeilingLoops() {}

    @Override
    public long read(MemorySegment memory, long at, long to) {
        long a = 0;
        long b = 0;
        long c = 0;
        long d = 0;
        for (long i = at; i < to; i += 4 * Long.BYTES) {
            a += memory.get(ValueLayout.JAVA_LONG, i);
            b += memory.get(ValueLayout.JAVA_LONG, i + 8);
            c += memory.get(ValueLayout.JAVA_LONG, i + 16);
            d += memory.get(ValueLayout.JAVA_LONG, i + 24);
        }
        return a + b + c + d;
    }

    @Override
    public float multiplyAddFloats(int steps) {
        float a = 1;
        float b = 2;
        float c = 3;
        float d = 4;
        float e = 5;
        float f = 6;
        float g = 7;
        float h = 8;
        for (int i = 0; i < steps; i++) {
            a = Math.fma(a, 0.5f, 0.999f);
            b = Math.fma(b, 0.5f, 0.999f);
            c = Math.fma(c, 0.5f, 0.999f);
            d = Math.fma(d, 0.5f, 0.999f);
            e = Math.fma(e, 0.5f, 0.999f);
            f = Math.fma(f, 0.5f, 0.999f);
            g = Math.fma(g, 0.5f, 0.999f);
            h = Math.fma(h, 0.5f, 0.999f);
        }
        return a + b + c + d + e + f + g + h;
    }

    @Override
    public int floatOperations() {
        return 2 * 8;
    }

    @Override
    public int multiplyAddShorts(int steps) {
        short[] values = new short[SIZE];
        for (int i = 0; i < steps; i++) {
            short factor = (short) (i | 1);
            for (int j = 0; j < SIZE; j++) {
                values[j] = (short) (values[j] * factor + 3);
            }
        }
        return values[1] + values[SIZE - 1];
    }

    @Override
    public int shortOperations() {
        return 2 * SIZE;
    }
}
