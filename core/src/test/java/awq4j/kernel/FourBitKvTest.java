package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.scalar.ScalarRowKernels;
import awq4j.testing.Samples;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against KIVI's definition (Liu et al., 2024, section 3.2), in double precision. */
class FourBitKvTest {
    private static final long SEED = 20261126;
    private static final int GROUP = 32;
    private static final int RECENT = 128;
    private static final int HEADS = 2;

    private final CpuBackend backend = CpuBackend.open(new ScalarRowKernels(), 2);

    @AfterEach
    void stop() {
        backend.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 33, 40, 64})
    void codesAreThoseOfTheDefinition(int headDim) {
        int length = 300;
        float[] keys = halves(Samples.floats(SEED, length * HEADS * headDim));
        float[] values = halves(Samples.floats(SEED + 1, length * HEADS * headDim));
        CpuKvBuffer cache = cache(length, headDim);
        store(cache, keys, values, 0, length);
        int query = length - 1;
        assertThat(KvPrecision.I4.codedBefore(query)).isEqualTo(160); // 172 positions are old, in groups of 32
        for (int p = 0; p < length; p++) {
            for (int h = 0; h < HEADS; h++) {
                for (int d = 0; d < headDim; d++) {
                    double key = keys[(p * HEADS + h) * headDim + d];
                    double value = values[(p * HEADS + h) * headDim + d];
                    String place = "position " + p + ", head " + h + ", feature " + d + ", seed " + SEED;
                    if (p >= 160) {
                        assertThat(cache.key(p, h, d, query)).as(place).isEqualTo((float) key);
                        assertThat(cache.value(p, h, d, query)).as(place).isEqualTo((float) value);
                        continue;
                    }
                    int position = p / GROUP * GROUP;
                    int head = h;
                    int feature = d;
                    double[] keyGroup = IntStream.range(0, GROUP)
                            .mapToDouble(i -> keys[((position + i) * HEADS + head) * headDim + feature])
                            .toArray();
                    assertCode(cache.key(p, h, d, query), key, keyGroup, place);
                    int from = d / GROUP * GROUP;
                    int row = (p * HEADS + h) * headDim;
                    double[] valueGroup = IntStream.range(from, Math.min(headDim, from + GROUP))
                            .mapToDouble(i -> values[row + i])
                            .toArray();
                    assertCode(cache.value(p, h, d, query), value, valueGroup, place);
                }
            }
        }
    }

    /** A number read from its code: that of the nearest of 16 levels; between two levels either may be meant. */
    private static void assertCode(float actual, double x, double[] group, String place) {
        double least = Arrays.stream(group).min().orElseThrow();
        double range = Arrays.stream(group).max().orElseThrow() - least;
        double scale = Float.float16ToFloat(Float.floatToFloat16((float) (range / 15)));
        double exact = scale == 0 ? 0 : (x - least) / scale; // a group of one
        double code = Math.min(15, Math.rint(exact));
        if (Math.abs(exact - Math.floor(exact) - 0.5) < 1e-4) {
            assertThat(Math.abs(actual - x)).as(place).isLessThanOrEqualTo(scale * 0.5001);
            return;
        }
        assertThat((double) actual).as(place).isCloseTo(least + code * scale, within(1e-6 * (range + Math.abs(least))));
    }

    @Test
    void windowMovesInWholeGroups() {
        KvPrecision kv = KvPrecision.I4;
        for (int query = 0; query < 1000; query++) {
            int recent = query + 1 - kv.codedBefore(query);
            assertThat(kv.codedBefore(query) % GROUP).isZero();
            assertThat(recent).isLessThan(RECENT + GROUP);
            assertThat(recent).isGreaterThanOrEqualTo(Math.min(query + 1, RECENT));
        }
        assertThat(KvPrecision.F16.codedBefore(5000)).isZero();
    }

    @Test
    void constantsExtremesAndWhatIsNotFinite() {
        int headDim = 32;
        float[] keys = new float[300 * HEADS * headDim];
        Arrays.fill(keys, 3.25f);
        float[] values = keys.clone();
        set(keys, headDim, 5, 1, 7, 65504);
        set(keys, headDim, 6, 1, 7, -65504);
        set(keys, headDim, 40, 0, 2, Float.NaN);
        set(keys, headDim, 70, 0, 3, Float.NEGATIVE_INFINITY);
        set(values, headDim, 9, 0, 4, 1e9f); // infinite in float16
        CpuKvBuffer cache = cache(300, headDim);
        store(cache, keys, values, 0, 300);
        assertThat(cache.key(3, 0, 3, 299)).isEqualTo(3.25f);
        assertThat(cache.value(3, 1, 3, 299)).isEqualTo(3.25f);
        assertThat(cache.key(5, 1, 7, 299)).isCloseTo(65504, within(32f));
        assertThat(cache.key(6, 1, 7, 299)).isEqualTo(-65504);
        for (int p = 0; p < 96; p++) {
            assertThat(Float.isNaN(cache.key(p, 0, 2, 299))).isEqualTo(p / GROUP == 1);
            assertThat(Float.isNaN(cache.key(p, 0, 3, 299))).isEqualTo(p / GROUP == 2);
            assertThat(Float.isNaN(cache.value(p, 0, 31, 299))).isEqualTo(p == 9);
        }
    }

    private static void set(float[] x, int headDim, int position, int head, int feature, float to) {
        x[(position * HEADS + head) * headDim + feature] = to;
    }

    @Test
    void fewPositionsTakenBackLeaveNoTrace() {
        int headDim = 40;
        float[] keys = Samples.floats(SEED, 700 * HEADS * headDim);
        float[] values = Samples.floats(SEED + 1, 700 * HEADS * headDim);
        for (int length : new int[] {200, 415, 500, 641}) {
            CpuKvBuffer straight = cache(700, headDim);
            store(straight, keys, values, 0, length);
            CpuKvBuffer back = cache(700, headDim);
            for (int at = 0; at < length - 20; at++) {
                store(back, keys, values, at, at + 1);
            }
            float[] others = Samples.floats(SEED + 2, 700 * HEADS * headDim);
            for (int at = length - 20; at < length + 12; at++) {
                store(back, others, others, at, at + 1);
            }
            store(back, keys, values, length - 20, length);
            assertSame(back, straight, headDim, length);
        }
    }

    @Test
    void manyPositionsTakenBackAreRecoveredFromCodes() {
        int headDim = 33;
        float[] keys = halves(Samples.floats(SEED, 700 * HEADS * headDim));
        float[] values = halves(Samples.floats(SEED + 1, 700 * HEADS * headDim));
        CpuKvBuffer cache = cache(700, headDim);
        store(cache, keys, values, 0, 512);
        for (int at = 512; at < 700; at++) {
            store(cache, keys, values, at, at + 1);
        }
        float coded = cache.key(250, 1, 5, 699);
        store(cache, keys, values, 300, 301); // its window begins at 160
        assertThat(cache.key(250, 1, 5, 300)).isEqualTo(Float.float16ToFloat(Float.floatToFloat16(coded)));
        assertThat(cache.key(100, 1, 5, 300)).isCloseTo(keys[(100 * HEADS + 1) * headDim + 5], within(0.5f));
        assertThat(cache.key(300, 1, 5, 300)).isEqualTo(keys[(300 * HEADS + 1) * headDim + 5]);
        for (int at = 301; at < 500; at++) {
            store(cache, keys, values, at, at + 1);
        }
        for (int p = 0; p < 500; p++) {
            float key = keys[(p * HEADS + 1) * headDim + 5];
            assertThat(cache.key(p, 1, 5, 499)).as("position %d", p).isCloseTo(key, within(0.2f)); // two roundings
        }
        store(cache, keys, values, 0, 1);
        assertThat(cache.value(0, 0, 3, 0)).isEqualTo(values[3]);
    }

    @Test
    void copiesGoOnAsTheOriginal() {
        int headDim = 40;
        float[] keys = Samples.floats(SEED, 700 * HEADS * headDim);
        float[] values = Samples.floats(SEED + 1, 700 * HEADS * headDim);
        CpuKvBuffer original = cache(700, headDim);
        store(original, keys, values, 0, 450);
        CpuKvBuffer copy = cache(650, headDim);
        backend.copyKv(original, copy, 450);
        for (int at = 450; at < 640; at++) {
            store(original, keys, values, at, at + 1);
            store(copy, keys, values, at, at + 1);
        }
        assertSame(copy, original, headDim, 640);
    }

    @Test
    void sequencesOfABatchAreWhatEachIsAlone() {
        int headDim = 40;
        int width = HEADS * headDim;
        float[] keys = Samples.floats(SEED, 400 * width);
        float[] values = Samples.floats(SEED + 1, 400 * width);
        int[] lengths = {10, 191, 300};
        KvBuffer[] caches = new KvBuffer[lengths.length];
        for (int i = 0; i < lengths.length; i++) {
            caches[i] = cache(400, headDim);
            store((CpuKvBuffer) caches[i], keys, values, 0, lengths[i]);
        }
        for (int step = 0; step < 40; step++) {
            float[] k = new float[lengths.length * width];
            float[] v = new float[lengths.length * width];
            for (int i = 0; i < lengths.length; i++) {
                System.arraycopy(keys, (lengths[i] + step) * width, k, i * width, width);
                System.arraycopy(values, (lengths[i] + step) * width, v, i * width, width);
            }
            int now = step;
            int[] positions = IntStream.of(lengths).map(length -> length + now).toArray();
            backend.kernels().store(matrix(k, width), matrix(v, width), positions, new int[] {0, 1, 2}, caches);
        }
        for (int i = 0; i < lengths.length; i++) {
            CpuKvBuffer alone = cache(400, headDim);
            store(alone, keys, values, 0, lengths[i] + 40);
            assertSame((CpuKvBuffer) caches[i], alone, headDim, lengths[i] + 40);
        }
    }

    @Test
    void gapsAndForgottenPositionsAreRefused() {
        CpuKvBuffer cache = cache(700, 16);
        float[] some = new float[700 * HEADS * 16];
        store(cache, some, some, 0, 5);
        assertThatThrownBy(() -> store(cache, some, some, 7, 9))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "store: position 7 into a 4-bit cache that has 5 positions; they have to follow one another");
        Buffer two = matrix(new float[2 * HEADS * 16], HEADS * 16);
        assertThatThrownBy(
                        () -> backend.kernels().store(two, two, new int[] {5, 8}, new int[2], new KvBuffer[] {cache}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("store: 2 positions from 5 to 8 into a 4-bit cache; they have to follow one another");
        for (int at = 5; at < 700; at++) {
            store(cache, some, some, at, at + 1);
        }
        var shape = new AttentionShape(HEADS, HEADS, 16, 1, 0, null);
        Buffer one = backend.allocate(1, HEADS * 16);
        assertThatThrownBy(() -> backend.kernels()
                        .attend(
                                one,
                                shape,
                                new int[] {99},
                                new int[1],
                                new KvBuffer[] {cache},
                                backend.allocate(1, 32)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("attend: position 99 needs float16 that the 4-bit cache has forgotten");
    }

    @Test
    void memoryOfALongContextIsThatOfItsCodes() {
        CpuKvBuffer cache = cache(4096, 64);
        float[] some = new float[4096 * HEADS * 64];
        store(cache, some, some, 0, 4095);
        store(cache, some, some, 4095, 4096); // room for the large piece goes
        long codes = 2L * 4096 * HEADS * 40;
        long recent = 2L * 256 * HEADS * 128;
        assertThat(cache.sizeBytes()).isEqualTo(codes + recent);
        assertThat(KvPrecision.I4.bytes(64)).isEqualTo(40);
        assertThat(KvPrecision.I4.bytesRead(0, 4095, 64)).isEqualTo(3968 * 40 + 128 * 128);
        assertThat(KvPrecision.I4.bytesRead(4000, 4095, 64)).isEqualTo(96 * 128);
        assertThat(KvPrecision.I8.bytesRead(0, 99, 64)).isEqualTo(6800);
    }

    private static float[] halves(float[] x) {
        for (int i = 0; i < x.length; i++) {
            x[i] = Float.float16ToFloat(Float.floatToFloat16(x[i]));
        }
        return x;
    }

    private CpuKvBuffer cache(int capacity, int headDim) {
        return (CpuKvBuffer) backend.allocateKv(capacity, HEADS, headDim, KvPrecision.I4);
    }

    private void store(CpuKvBuffer cache, float[] keys, float[] values, int from, int to) {
        int width = HEADS * cache.headDim();
        Buffer k = matrix(Arrays.copyOfRange(keys, from * width, to * width), width);
        Buffer v = matrix(Arrays.copyOfRange(values, from * width, to * width), width);
        int[] positions = IntStream.range(from, to).toArray();
        backend.kernels().store(k, v, positions, new int[to - from], new KvBuffer[] {cache});
    }

    private Buffer matrix(float[] x, int columns) {
        Buffer buffer = backend.allocate(x.length / columns, columns);
        backend.write(x, buffer);
        return buffer;
    }

    /** For the query at the end. */
    private static void assertSame(CpuKvBuffer actual, CpuKvBuffer expected, int headDim, int length) {
        for (int p = 0; p < length; p++) {
            for (int h = 0; h < HEADS; h++) {
                for (int d = 0; d < headDim; d++) {
                    assertThat(actual.key(p, h, d, length - 1))
                            .as("position %d of %d", p, length)
                            .isEqualTo(expected.key(p, h, d, length - 1));
                    assertThat(actual.value(p, h, d, length - 1))
                            .as("position %d of %d", p, length)
                            .isEqualTo(expected.value(p, h, d, length - 1));
                }
            }
        }
    }
}
