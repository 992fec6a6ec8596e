package awq4j.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.Activation;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.PlacedWeight;
import awq4j.kernel.Precision;
import awq4j.tensor.DType;
import awq4j.weight.GgufType;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every backend owes: the scalar kernels' results, for every layout, within the tolerance of float sums. */
public abstract class BackendContract {
    private static final float SENTINEL = 12345.678f;
    private static final long SEED = 20261125;

    private Backend backend;
    private Backend scalar;

    /** A backend of this kind. */
    protected abstract Backend open();

    /** The arithmetic that it declares. */
    protected Precision precision() {
        return Precision.W4A16;
    }

    /** Numbers of columns that linears are tried with. */
    protected int[] sizes() {
        return new int[] {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 127, 255, 1024, 4097};
    }

    @BeforeEach
    void start() {
        backend = open();
        scalar = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, precision(), 1));
    }

    @AfterEach
    void stop() {
        backend.close();
        scalar.close();
    }

    @Test
    void denseLinearIsTheDefinitions() {
        for (DType dtype : List.of(DType.F32, DType.F16, DType.BF16)) {
            for (int columns : sizes()) {
                assertLinear(Samples.dense(SEED + columns, 37, columns, dtype), 1, 2, 5, 9);
            }
        }
    }

    @Test
    void codesOfAllWidthsAndGroupsAreTheDefinitions() {
        for (int bits = 2; bits <= 8; bits++) {
            for (int columns : sizes()) {
                ZeroPoint zero = columns % 2 == 0 ? ZeroPoint.MIDDLE : ZeroPoint.INTEGER;
                int group = new int[] {32, 64, 128, columns, 7, 192}[(columns + bits) % 6];
                assertLinear(Samples.grouped(SEED + columns, 41, columns, bits, group, zero), 1, 2, 7);
            }
        }
        for (ZeroPoint zero : ZeroPoint.values()) {
            for (int i = 0; i < 4 * 5; i++) {
                int bits = new int[] {2, 3, 4, 8}[i % 4];
                int group = new int[] {16, 32, 64, 128, 384}[i / 4];
                assertLinear(Samples.grouped(SEED + i, 37, 384, bits, group, zero), 1, group == 128 ? 200 : 3);
            }
        }
    }

    @Test
    void codesWithBiasesAreTheDefinitions() {
        for (int bits : new int[] {2, 3, 4, 5, 8}) {
            for (int columns : sizes()) {
                int group = new int[] {32, columns, 7, 256}[(columns + bits) % 4];
                assertLinear(Samples.grouped(SEED + columns, 41, columns, bits, group, ZeroPoint.FLOAT), 1, 2, 7);
            }
        }
        assertLinear(Samples.grouped(SEED, 70, 520, 4, 32, ZeroPoint.FLOAT), 1, 200);
        assertLinear(Samples.grouped(SEED, 70, 521, 4, 32, ZeroPoint.FLOAT), 1, 200);
    }

    @Test
    void blocksOfAllTypesAreTheDefinitions() {
        for (GgufType type : GgufType.values()) {
            for (int columns : new int[] {256, 768}) {
                assertLinear(GgufBlocks.weight(SEED + columns, 41, columns, type), 1, 2, 7);
            }
            for (int rows : new int[] {1, 5, 16, 33, 129}) {
                assertLinear(GgufBlocks.weight(SEED + rows, rows, 256, type), 1, 13);
            }
        }
        assertLinear(GgufBlocks.weight(SEED, 41, 32, GgufType.Q5_0), 1, 2);
        assertLinear(GgufBlocks.weight(SEED, 41, 160, GgufType.Q5_1), 1, 2);
        assertLinear(GgufBlocks.weight(SEED, 70, 2560, GgufType.Q4_K), 1, 200);
    }

    @Test
    void infiniteScalesOfBlocksStayWhereTheyBelong() {
        for (GgufType type : GgufType.values()) {
            Weight weight = GgufBlocks.weight(SEED, 21, 512, type);
            short infinite = Float.floatToFloat16(Float.POSITIVE_INFINITY);
            long block = 512L / type.blockColumns() * type.blockBytes() * 17;
            weight.values().set(ValueLayout.JAVA_SHORT_UNALIGNED, block + GgufBlocks.scaleAt(type), infinite);
            for (int n : new int[] {1, 3}) {
                float[] x = Samples.floats(SEED + 2, n * 512);
                float[] expected = linear(scalar, scalar.place(weight), null, x, n);
                float[] actual = linear(backend, backend.place(weight), null, x, n);
                for (int i = 0; i < expected.length; i++) {
                    assertThat(Float.isFinite(actual[i]))
                            .as("%s row %d", type, i % 21)
                            .isEqualTo(Float.isFinite(expected[i]))
                            .isEqualTo(i % 21 != 17);
                }
            }
        }
    }

    @Test
    void everyHeightIsTheDefinitions() {
        for (int rows : new int[] {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 129}) {
            assertLinear(Samples.grouped(SEED + rows, rows, 72, 4, 32, ZeroPoint.INTEGER), 1, 3, 6, 13);
            assertLinear(Samples.grouped(SEED + rows, rows, 40, 8, 13, ZeroPoint.INTEGER), 1, 4);
            assertLinear(Samples.dense(SEED + rows, rows, 40, DType.F16), 1, 4);
        }
    }

    @Test
    void manyTokensAreTheDefinitions() {
        assertLinear(Samples.grouped(SEED, 70, 520, 4, 128, ZeroPoint.INTEGER), 200);
        assertLinear(Samples.dense(SEED, 70, 300, DType.F32), 200);
    }

    @Test
    void columnsMeetTheirInputsInAnyOrder() {
        for (int bits : new int[] {2, 3, 4, 8}) {
            for (int columns : new int[] {1, 2, 33, 128, 255, 640}) {
                Weight plain = Samples.grouped(SEED + columns, 41, columns, bits, 32, ZeroPoint.INTEGER);
                Weight ordered = Samples.inRandomOrder(SEED + bits, plain);
                assertLinear(ordered, 1, 2, 7);
                for (int n : new int[] {1, 2, 7, 17, 150}) {
                    assertGathers(plain, ordered, n);
                }
            }
        }
        assertGathers(
                Samples.dense(SEED, 41, 96, DType.F16),
                Samples.inRandomOrder(SEED, Samples.dense(SEED, 41, 96, DType.F16)),
                5);
    }

    /** What the weight without order gives for gathered activations, bit for bit; and what the dense weight gives. */
    private void assertGathers(Weight plain, Weight ordered, int n) {
        int columns = plain.columns();
        float[] x = Samples.floats(SEED + 2, n * columns);
        float[] gathered = new float[x.length];
        for (int t = 0; t < n; t++) {
            ordered.inputOrder().gather(x, t * columns, gathered, t * columns);
        }
        float[] actual = linear(backend, backend.place(ordered), null, x, n);
        assertThat(actual)
                .as("%s of %d tokens", describe(plain), n)
                .containsExactly(linear(backend, backend.place(plain), null, gathered, n));
        if (precision() == Precision.W4A16) {
            Weight dense = Weight.ofFloats("dense", ordered.rows(), columns, WeightCodec.decode(ordered));
            float[] expected = linear(scalar, scalar.place(dense), null, x, n);
            for (int i = 0; i < expected.length; i++) {
                int at = i / ordered.rows() * columns;
                double bound = Tolerance.ofRow(ordered, i % ordered.rows(), x, at) + 2 * Math.ulp(expected[i]);
                assertThat(actual[i]).isCloseTo(expected[i], within((float) bound));
            }
        }
    }

    private void assertLinear(Weight weight, int... tokens) {
        PlacedWeight placed = backend.place(weight);
        PlacedWeight defined = scalar.place(weight);
        float[] bias = Samples.floats(SEED + 1, weight.rows());
        for (int n : tokens) {
            float[] x = Samples.floats(SEED + 2, n * weight.columns());
            float[] expected = linear(scalar, defined, bias, x, n);
            float[] actual = linear(backend, placed, bias, x, n);
            for (int i = 0; i < n * weight.rows(); i++) {
                int row = i % weight.rows();
                double bound = Tolerance.ofRow(weight, row, x, i / weight.rows() * weight.columns())
                        + 2 * Math.ulp(expected[i]);
                if (!(Math.abs(actual[i] - expected[i]) <= bound)) {
                    assertThat(actual[i])
                            .as("%s row %d token %d of %d, seed %d", describe(weight), row, i / weight.rows(), n, SEED)
                            .isCloseTo(expected[i], within((float) bound));
                }
            }
        }
    }

    private static String describe(Weight weight) {
        return weight.layout() + " [" + weight.rows() + ", " + weight.columns() + "]";
    }

    /** The result; the row behind it must stay as it was. */
    private static float[] linear(Backend on, PlacedWeight weight, float @Nullable [] bias, float[] x, int n) {
        Buffer out = fenced(on, n, weight.rows());
        Buffer shift = bias == null ? null : matrix(on, bias, 1);
        on.kernels().linear(weight, shift, matrix(on, x, n), out.view(n));
        return contents(on, out, n);
    }

    @Test
    void embedDecodesRows() {
        var tables = new ArrayList<>(List.of(
                Samples.dense(SEED, 9, 33, DType.F32),
                Samples.dense(SEED, 9, 33, DType.F16),
                Samples.dense(SEED, 9, 33, DType.BF16),
                Samples.grouped(SEED, 9, 77, 4, 32, ZeroPoint.INTEGER),
                Samples.grouped(SEED, 9, 77, 6, 9, ZeroPoint.MIDDLE),
                Samples.grouped(SEED, 9, 77, 2, 32, ZeroPoint.INTEGER),
                Samples.grouped(SEED, 9, 78, 3, 32, ZeroPoint.FLOAT),
                Samples.grouped(SEED, 9, 77, 4, 32, ZeroPoint.FLOAT),
                Samples.grouped(SEED, 9, 78, 5, 32, ZeroPoint.FLOAT),
                Samples.inRandomOrder(SEED, Samples.grouped(SEED, 9, 77, 4, 32, ZeroPoint.INTEGER))));
        for (GgufType type : GgufType.values()) {
            tables.add(GgufBlocks.weight(SEED, 9, 512, type));
        }
        for (Weight table : tables) {
            int[] ids = {8, 0, 3, 3};
            Buffer out = fenced(backend, ids.length, table.columns());
            backend.kernels().embed(backend.place(table), ids, out.view(ids.length));
            float[] actual = contents(backend, out, ids.length);
            float[] row = new float[table.columns()];
            for (int i = 0; i < ids.length; i++) {
                WeightCodec.decodeRow(table, ids[i], row);
                assertThat(Arrays.copyOfRange(actual, i * row.length, (i + 1) * row.length))
                        .as(describe(table))
                        .containsExactly(row);
            }
        }
    }

    @Test
    void sourceOfCodesMayGo() {
        Weight weight = Samples.grouped(SEED, 20, 64, 4, 32, ZeroPoint.INTEGER);
        PlacedWeight placed;
        try (var arena = Arena.ofConfined()) {
            placed = backend.place(new Weight(
                    "short-lived",
                    weight.rows(),
                    weight.columns(),
                    weight.layout(),
                    copy(arena, weight.values()),
                    copy(arena, weight.scales()),
                    copy(arena, weight.zeros())));
        }
        float[] x = Samples.floats(SEED, 64);
        assertThat(linear(backend, placed, null, x, 1))
                .containsExactly(linear(backend, backend.place(weight), null, x, 1));
    }

    private static MemorySegment copy(Arena arena, MemorySegment from) {
        return arena.allocate(from.byteSize(), 8).copyFrom(from);
    }

    @Test
    void normsAreTheDefinitions() {
        for (int n : sizes()) {
            float[] x = Samples.floats(SEED + n, 3 * n);
            float[] gain = Samples.floats(SEED + 1, n);
            float[] bias = Samples.floats(SEED + 2, n);
            assertSame(
                    x,
                    3,
                    "rmsNorm " + n,
                    1e-6f,
                    (on, in, out) -> on.kernels().rmsNorm(in, matrix(on, gain, 1), 1e-5f, out));
            // the variance of one value is zero: what is left of it is rounding, divided by sqrt(epsilon)
            assertSame(
                    x,
                    3,
                    "layerNorm " + n,
                    1e-4f,
                    (on, in, out) -> on.kernels()
                            .layerNorm(in, matrix(on, gain, 1), n % 2 == 0 ? null : matrix(on, bias, 1), 1e-5f, out));
        }
    }

    @Test
    void normsBySegmentAndInPlaceAreTheDefinitions() {
        float[] x = Samples.floats(SEED, 2 * 5 * 24);
        float[] gain = Samples.floats(SEED + 1, 24);
        assertSame(x, 2, "rmsNorm of heads", 1e-6f, (on, in, out) -> {
            on.kernels().rmsNorm(in, matrix(on, gain, 1), 1e-6f, in);
            copyInto(on, in, out);
        });
    }

    @Test
    void rotationIsTheDefinitions() {
        for (int[] shape : new int[][] {{2, 1}, {24, 12}, {64, 32}, {32, 8}, {80, 40}}) {
            float[] x = Samples.floats(SEED, 3 * 2 * shape[0]);
            float[] angles = Samples.floats(SEED + 1, 3 * shape[1]);
            float[] others = Samples.floats(SEED + 2, 3 * shape[1]);
            assertSame(x, 3, "rotate " + Arrays.toString(shape), 1e-6f, (on, in, out) -> {
                on.kernels().rotate(in, shape[0], matrix(on, angles, 3), matrix(on, others, 3));
                copyInto(on, in, out);
            });
            assertSame(x, 3, "rotateNeighbours " + Arrays.toString(shape), 1e-6f, (on, in, out) -> {
                on.kernels().rotateNeighbours(in, shape[0], matrix(on, angles, 3), matrix(on, others, 3));
                copyInto(on, in, out);
            });
        }
    }

    @Test
    void activationsAreTheDefinitions() {
        float[] x = new float[2 * 1003];
        for (int i = 0; i < x.length; i++) {
            x[i] = (i - 1003) * 0.02f; // -20 to 20
        }
        x[0] = -200;
        x[1] = 200;
        x[2] = -1e-30f;
        float[] up = Samples.floats(SEED, x.length);
        for (Activation activation : Activation.values()) {
            // GELU's far tail is a small number times e^-x^2/2 in float: 1e-6 of x, not of the result
            assertSame(x, 2, "activate " + activation, 2e-6f, (on, in, out) -> {
                on.kernels().activate(activation, in);
                copyInto(on, in, out);
            });
            assertSame(x, 2, "gate " + activation, 4e-6f, (on, in, out) -> {
                on.kernels().gate(activation, in, matrix(on, up, 2));
                copyInto(on, in, out);
            });
        }
    }

    @Test
    void additionIsExact() {
        for (int n : sizes()) {
            float[] x = Samples.floats(SEED + n, 3 * n);
            float[] one = Samples.floats(SEED + 1, n);
            assertSame(x, 3, "add " + n, 0, (on, in, out) -> {
                on.kernels().add(matrix(on, one, 1), in);
                on.kernels().add(in, out);
            });
        }
    }

    @Test
    void multiplicationScalingAndClampingAreExact() {
        for (int n : sizes()) {
            float[] x = Samples.floats(SEED + n, 3 * n);
            float[] one = Samples.floats(SEED + 1, n);
            assertSame(x, 3, "multiply " + n, 0, (on, in, out) -> {
                copyInto(on, in, out);
                on.kernels().multiply(matrix(on, one, 1), in);
                on.kernels().multiply(in, out);
            });
            assertSame(x, 3, "scale and clamp " + n, 0, (on, in, out) -> {
                on.kernels().scale(1.7f, in);
                on.kernels().clamp(0.4f, in);
                copyInto(on, in, out);
            });
        }
    }

    @Test
    void softcapIsTheDefinitions() {
        for (int n : sizes()) {
            float[] x = Samples.floats(SEED + n, 3 * n);
            for (int i = 0; i < x.length; i++) {
                x[i] *= i % 5 == 0 ? 1000 : 40;
            }
            assertSame(x, 3, "softcap " + n, 5e-7f * 30, (on, in, out) -> {
                on.kernels().softcap(30, in);
                copyInto(on, in, out);
            });
        }
    }

    @Test
    void nanPassesThroughClampAndSoftcap() {
        for (int n : sizes()) {
            float[] x = new float[n];
            x[n / 2] = Float.NaN;
            Buffer in = matrix(backend, x, 1);
            backend.kernels().clamp(1, in);
            backend.kernels().softcap(2, in);
            assertThat(contents(backend, in, 1)[n / 2]).isNaN();
        }
    }

    @Test
    void gatherCopiesRows() {
        float[] x = Samples.floats(SEED, 4 * 5);
        Buffer out = fenced(backend, 3, 5);
        backend.kernels().gather(matrix(backend, x, 4), new int[] {3, 0, 3}, out.view(3));
        float[] last = Arrays.copyOfRange(x, 15, 20);
        assertThat(contents(backend, out, 3)).startsWith(last).endsWith(last);
    }

    @Test
    void gatherCopiesAStretchOfAList() {
        float[] x = Samples.floats(SEED, 4 * 5);
        Buffer out = fenced(backend, 2, 5);
        backend.kernels().gather(matrix(backend, x, 4), new int[] {9, 3, 1, 9}, 1, out.view(2));
        assertThat(contents(backend, out, 2))
                .startsWith(Arrays.copyOfRange(x, 15, 20))
                .endsWith(Arrays.copyOfRange(x, 5, 10));
    }

    @Test
    void scatterAddsWeightedRowsExactly() {
        for (int n : sizes()) {
            float[] x = Samples.floats(SEED + n, 3 * n);
            float[] before = Samples.floats(SEED + 1, 5 * n);
            int[] rows = {-1, 4, 0, 2, 99};
            float[] weights = {7, 0.25f, 1 / 3f, -1.5f, 7};
            Buffer to = fenced(backend, 5, n);
            backend.write(before, to.view(5));
            backend.kernels().scatter(matrix(backend, x, 3), rows, weights, 1, to.view(5));
            float[] expected = before.clone();
            for (int i = 0; i < x.length; i++) {
                expected[rows[1 + i / n] * n + i % n] += weights[1 + i / n] * x[i];
            }
            assertThat(contents(backend, to, 5)).as("n=%d seed=%d", n, SEED).startsWith(expected);
        }
    }

    @Test
    void rowsOutsideAreRefused() {
        Buffer x = matrix(backend, Samples.floats(SEED, 4 * 5), 4);
        Buffer out = fenced(backend, 2, 5).view(2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> backend.kernels().gather(x, new int[] {0, 4}, 0, out))
                .withMessage("gather: row 4 of [4, 5]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> backend.kernels().gather(x, new int[] {0, 1}, 1, out))
                .withMessage("gather: 2 rows from 1 of a list of 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> backend.kernels().scatter(out, new int[] {0, -1}, new float[2], 0, x))
                .withMessage("scatter: row -1 of [4, 5]");
    }

    @Test
    void clearZeroesItsRowsOnly() {
        Buffer x = fenced(backend, 2, 33);
        backend.write(Samples.floats(SEED, 2 * 33), x.view(2));
        backend.kernels().clear(x.view(2));
        assertThat(contents(backend, x, 2)).startsWith(new float[2 * 33]);
    }

    @Test
    void nonFiniteActivationsStayInTheirRow() {
        for (Weight weight : List.of(
                Samples.grouped(SEED, 40, 96, 4, 32, ZeroPoint.INTEGER), Samples.dense(SEED, 40, 96, DType.F16))) {
            PlacedWeight placed = backend.place(weight);
            for (float wrong : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
                float[] x = Samples.floats(SEED, 5 * 96);
                float[] clean = linear(backend, placed, null, x, 5);
                x[2 * 96 + 11] = wrong;
                float[] actual = linear(backend, placed, null, x, 5);
                for (int i = 0; i < actual.length; i++) {
                    if (i / 40 != 2) {
                        assertThat(actual[i]).isEqualTo(clean[i]);
                    } else if (i % 40 > 3) { // rows of one code may cancel or multiply by zero
                        assertThat(Float.isFinite(actual[i]))
                                .as("row %d", i % 40)
                                .isFalse();
                    }
                }
            }
        }
    }

    @Test
    void nonFiniteDenseWeightsStayInTheirRow() {
        for (DType dtype : List.of(DType.F16, DType.BF16)) {
            short[] bits = Samples.dense(SEED, 40, 96, dtype).values().toArray(ValueLayout.JAVA_SHORT);
            float[] x = Samples.floats(SEED, 96);
            bits[7 * 96 + 13] = (short) (dtype == DType.F16 ? 0x7c00 : 0x7f80); // infinity
            bits[9 * 96 + 2] = (short) 0x7fc0; // NaN in both
            bits[11 * 96] = 1; // the least subnormal number
            Weight weight = new Weight("special", 40, 96, new Dense(dtype), MemorySegment.ofArray(bits), null, null);
            float[] actual = linear(backend, backend.place(weight), null, x, 1);
            float[] expected = linear(scalar, scalar.place(weight), null, x, 1);
            for (int r = 0; r < 40; r++) {
                assertThat(Float.isNaN(actual[r])).as("%s row %d", dtype, r).isEqualTo(r == 9);
                if (Float.isFinite(expected[r])) {
                    assertThat(actual[r]).isCloseTo(expected[r], within((float) Tolerance.ofRow(weight, r, x, 0)));
                } else if (r != 9) {
                    assertThat(actual[r]).as("%s row %d", dtype, r).isEqualTo(expected[r]);
                }
            }
        }
    }

    @Test
    void nonFiniteScaleStaysInItsRow() {
        assertNonFiniteScaleStaysInItsRow(Samples.grouped(SEED, 40, 96, 4, 32, ZeroPoint.INTEGER));
        assertNonFiniteScaleStaysInItsRow(Samples.grouped(SEED, 40, 96, 4, 32, ZeroPoint.FLOAT));
    }

    private void assertNonFiniteScaleStaysInItsRow(Weight weight) {
        for (int n : new int[] {1, 5}) {
            float[] x = Samples.floats(SEED, n * 96);
            float[] clean = linear(backend, backend.place(weight), null, x, n);
            float[] scales = weight.scales().toArray(ValueLayout.JAVA_FLOAT);
            scales[9 * 3 + 1] = Float.NaN;
            var layout = (Grouped) weight.layout();
            float[] actual = linear(
                    backend,
                    backend.place(new Weight(
                            "nan", 40, 96, layout, weight.values(), MemorySegment.ofArray(scales), weight.zeros())),
                    null,
                    x,
                    n);
            for (int i = 0; i < actual.length; i++) {
                assertThat(Float.isNaN(actual[i])).isEqualTo(i % 40 == 9);
                assertThat(i % 40 == 9 || actual[i] == clean[i]).isTrue();
            }
        }
    }

    /** An operation from one matrix to another of the same shape; the target starts as zeros. */
    private interface Operation {
        void run(Backend on, Buffer in, Buffer out);
    }

    private void assertSame(float[] x, int rows, String what, float bound, Operation operation) {
        var results = new ArrayList<float[]>();
        for (Backend on : List.of(scalar, backend)) {
            int columns = x.length / rows;
            float[] padded = Arrays.copyOf(x, x.length + columns);
            Arrays.fill(padded, x.length, padded.length, SENTINEL);
            Buffer in = matrix(on, padded, rows + 1);
            Buffer out = fenced(on, rows, columns);
            on.write(new float[x.length], out.view(rows));
            operation.run(on, in.view(rows), out.view(rows));
            contents(on, in, rows);
            results.add(contents(on, out, rows));
        }
        for (int i = 0; i < x.length; i++) {
            float expected = results.get(0)[i];
            float actual = results.get(1)[i];
            if (!(Math.abs(actual - expected) <= bound * Math.max(1, Math.abs(expected)))) {
                assertThat(actual).as("%s at %d, seed %d", what, i, SEED).isCloseTo(expected, within(bound));
            }
        }
    }

    private static void copyInto(Backend on, Buffer from, Buffer to) {
        float[] values = new float[from.rows() * from.columns()];
        on.read(from, values);
        on.write(values, to);
    }

    /** A buffer with a row of sentinels behind those that are used. */
    static Buffer fenced(Backend on, int rows, int columns) {
        float[] values = new float[(rows + 1) * columns];
        Arrays.fill(values, SENTINEL);
        return matrix(on, values, rows + 1);
    }

    static Buffer matrix(Backend on, float[] values, int rows) {
        Buffer buffer = on.allocate(rows, values.length / rows);
        on.write(values, buffer);
        return buffer;
    }

    /** The used rows of a fenced buffer. */
    static float[] contents(Backend on, Buffer fenced, int rows) {
        float[] all = new float[fenced.rows() * fenced.columns()];
        on.read(fenced, all);
        for (int i = rows * fenced.columns(); i < all.length; i++) {
            assertThat(all[i]).as("the row behind the last").isEqualTo(SENTINEL);
        }
        return Arrays.copyOf(all, rows * fenced.columns());
    }
}
