package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.testing.Samples;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The definition against the formulas, written once more and plainly. */
class ScalarBackendTest {
    private final CpuBackend backend = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, 2));

    @AfterEach
    void close() {
        backend.close();
    }

    private Buffer matrix(int rows, float... values) {
        Buffer buffer = backend.allocate(rows, values.length / rows);
        backend.write(values, buffer);
        return buffer;
    }

    private float[] values(Buffer buffer) {
        float[] out = new float[buffer.rows() * buffer.columns()];
        backend.read(buffer, out);
        return out;
    }

    @Test
    void linearSumsDecodedWeights() {
        Weight weight = Samples.grouped(1, 11, 45, 3, 16, ZeroPoint.INTEGER);
        float[] decoded = WeightCodec.decode(weight);
        float[] x = Samples.floats(2, 2 * 45);
        float[] bias = Samples.floats(3, 11);
        Buffer out = backend.allocate(2, 11);
        backend.kernels().linear(backend.place(weight), matrix(1, bias), matrix(2, x), out);
        float[] actual = values(out);
        for (int i = 0; i < 22; i++) {
            double sum = bias[i % 11];
            for (int k = 0; k < 45; k++) {
                sum += (double) x[i / 11 * 45 + k] * decoded[i % 11 * 45 + k];
            }
            assertThat(actual[i]).isCloseTo((float) sum, within(1e-6f * Math.max(1, (float) Math.abs(sum))));
        }
    }

    @Test
    void normsDivideByRootMeanSquareAndDeviation() {
        Buffer x = matrix(1, 1, 2, 3, 4);
        Buffer out = backend.allocate(1, 4);
        backend.kernels().rmsNorm(x, matrix(1, 1, 1, 1, 2), 0, out);
        float rms = (float) Math.sqrt(30 / 4.0);
        assertThat(values(out)).containsExactly(new float[] {1 / rms, 2 / rms, 3 / rms, 8 / rms}, within(1e-6f));
        backend.kernels().layerNorm(x, matrix(1, 1, 1, 1, 2), matrix(1, 0, 0, 1, 0), 0, out);
        float deviation = (float) Math.sqrt(1.25);
        assertThat(values(out))
                .containsExactly(
                        new float[] {-1.5f / deviation, -0.5f / deviation, 1 + 0.5f / deviation, 3 / deviation},
                        within(1e-6f));
    }

    @Test
    void rotationTurnsHalvesAndLeavesTheRest() {
        Buffer x = matrix(1, 1, 2, 3, 4, 5, 1, 0, 0, 1, 7);
        float cos = (float) Math.cos(0.5);
        float sin = (float) Math.sin(0.5);
        backend.kernels().rotate(x, 5, matrix(1, 1, cos), matrix(1, 0, sin));
        assertThat(values(x))
                .containsExactly(
                        new float[] {1, 2 * cos - 4 * sin, 3, 4 * cos + 2 * sin, 5, 1, -sin, 0, cos, 7}, within(1e-6f));
    }

    @Test
    void activationsHaveTheirKnownValues() {
        float[] at = {-1, 0, 1, 3};
        assertActivation(Activation.RELU, at, 0, 0, 1, 3);
        assertActivation(Activation.SILU, at, -0.26894143f, 0, 0.7310586f, 2.8577223f);
        assertActivation(Activation.GELU, at, -0.15865526f, 0, 0.8413447f, 2.9959502f);
        assertActivation(Activation.GELU_TANH, at, -0.15880801f, 0, 0.841192f, 2.9963627f);
    }

    private void assertActivation(Activation activation, float[] at, float... expected) {
        Buffer x = matrix(1, at.clone());
        backend.kernels().activate(activation, x);
        assertThat(values(x)).as(activation.name()).containsExactly(expected, within(4e-7f));
    }

    @Test
    void attentionIsSoftmaxOfScoresTimesValues() {
        KvBuffer[] caches = {backend.allocateKv(4, 1, 2, KvBuffer.KvPrecision.F32)};
        float[] keys = {1, 0, 0, 1, 1, 1};
        float[] values = {10, 0, 0, 10, 5, 5};
        backend.kernels().store(matrix(3, keys), matrix(3, values), new int[] {0, 1, 2}, new int[3], caches);
        Buffer out = backend.allocate(1, 2);
        var shape = new AttentionShape(1, 1, 2, 0.5f, 2, new float[] {0.25f});
        backend.kernels().attend(matrix(1, 2, 4), shape, new int[] {2}, new int[1], caches, out);
        // the window leaves positions 1 and 2, with scores 4/2 - 1/4 and 6/2
        double[] weights = {Math.exp(1.75 - 3), 1};
        double sum = IntStream.range(0, 2).mapToDouble(i -> weights[i]).sum();
        float[] expected = {(float) (5 * weights[1] / sum), (float) ((10 * weights[0] + 5 * weights[1]) / sum)};
        assertThat(values(out)).containsExactly(expected, within(1e-6f));
    }

    @Test
    void eightBitKeysAndValuesAreCodesTimesAScale() {
        var cache = (CpuKvBuffer) backend.allocateKv(3, 2, 3, KvBuffer.KvPrecision.I8);
        float[] keys = {1, -0.5f, 0.25f, 0, 0, 0};
        float[] values = {-254, 1, 3, Float.NaN, 1, 2};
        backend.kernels().store(matrix(1, keys), matrix(1, values), new int[] {2}, new int[1], new KvBuffer[] {cache});
        float scale = 1 / 127f;
        assertThat(new float[] {cache.key(2, 0, 0), cache.key(2, 0, 1), cache.key(2, 0, 2)})
                .containsExactly(127 * scale, -64 * scale, 32 * scale); // -63.5 and 31.75: half to even
        assertThat(new float[] {cache.value(2, 0, 0), cache.value(2, 0, 1), cache.value(2, 0, 2)})
                .containsExactly(-254, 0, 4); // 0.5 and 1.5
        assertThat(cache.key(2, 1, 1)).isZero();
        assertThat(cache.value(2, 1, 1)).isNaN();
        assertThat(cache.sizeBytes()).isEqualTo(2 * (2 * 16 * 16 + 2 * 16 * 4));
    }

    @Test
    void aPrecisionSaysWhatAHeadTakes() {
        assertThat(KvBuffer.KvPrecision.F32.bytes(64)).isEqualTo(256);
        assertThat(KvBuffer.KvPrecision.F16.bytes(64)).isEqualTo(128);
        assertThat(KvBuffer.KvPrecision.I8.bytes(64)).isEqualTo(68);
    }
}
