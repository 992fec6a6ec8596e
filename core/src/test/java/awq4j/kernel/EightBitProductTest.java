package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.testing.Samples;
import awq4j.testing.Tolerance;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** W8A8 against integer products, groups of activations and weights scaled in double precision. */
class EightBitProductTest {
    private static final long SEED = 20261126;

    @ParameterizedTest
    @CsvSource({
        "SCALAR, 8, 128, 384", "VECTOR, 8, 128, 384", "SCALAR, 8, 300, 300", "VECTOR, 8, 300, 300",
        "VECTOR, 8, 64, 320", "VECTOR, 6, 32, 96", "VECTOR, 4, 128, 256", "VECTOR, 8, 256, 600"
    })
    void productsAreThoseOfIntegers(Arithmetic arithmetic, int bits, int groupSize, int columns) {
        Weight weight = Samples.grouped(SEED, 37, columns, bits, groupSize, ZeroPoint.MIDDLE);
        for (int tokens : new int[] {1, 2, 9}) {
            float[] x = Samples.floats(SEED + 1, tokens * columns);
            try (var backend = CpuBackend.open(new CpuOptions(arithmetic, Precision.W8A8, 2))) {
                PlacedWeight placed = backend.place(weight);
                Buffer in = backend.allocate(tokens, columns);
                Buffer out = backend.allocate(tokens, 37);
                backend.write(x, in);
                backend.kernels().linear(placed, null, in, out);
                float[] actual = new float[tokens * 37];
                backend.read(out, actual);
                for (int i = 0; i < actual.length; i++) {
                    double expected = product(weight, groupSize, i % 37, x, i / 37 * columns, columns);
                    double bound = Tolerance.ofRow(weight, i % 37, x, i / 37 * columns) + Math.ulp(expected);
                    assertThat((double) actual[i])
                            .as("%d tokens, at %d, seed %d", tokens, i, SEED)
                            .isCloseTo(expected, within(bound));
                }
            }
        }
    }

    private static double product(Weight weight, int groupSize, int row, float[] x, int at, int columns) {
        Grouped layout = (Grouped) weight.layout();
        double sum = 0;
        for (int group = 0; group * groupSize < columns; group++) {
            int groupEnd = Math.min(columns, (group + 1) * groupSize);
            for (int from = group * groupSize; from < groupEnd; from += 128) {
                int to = Math.min(groupEnd, from + 128);
                double greatest = 0;
                for (int k = from; k < to; k++) {
                    greatest = Math.max(greatest, Math.abs(x[at + k]));
                }
                long products = 0;
                for (int k = from; k < to; k++) {
                    long activation = (long) Math.rint(x[at + k] * (127 / (float) greatest));
                    products +=
                            activation * (WeightCodec.code(weight, layout, row, k) - (1 << (weightBits(layout) - 1)));
                }
                sum += products * (greatest / 127) * WeightCodec.scale(weight, layout, row, group);
            }
        }
        return sum;
    }

    private static int weightBits(Grouped layout) {
        return layout.bits();
    }
}
