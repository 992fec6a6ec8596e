package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import java.util.Random;
import org.junit.jupiter.api.Test;

class OutputErrorTest {
    private static final long SEED = 17;

    /** Over columns (many rows to come) and over tokens (few): the mean that the definition gives. */
    @Test
    void bothWaysGiveTheMean() {
        var random = new Random(SEED);
        int tokens = 1500; // more than one piece of products
        int columns = 40;
        int rows = 300; // more than one chunk
        float[] inputs = new float[tokens * columns];
        for (int i = 0; i < inputs.length; i++) {
            // one channel is large and hardly varies: what makes sums over columns lose digits
            inputs[i] = (float) random.nextGaussian() + (i % columns == 3 ? 30 : 0);
        }
        float[] change = new float[rows * columns];
        for (int i = 0; i < change.length; i++) {
            change[i] = (float) random.nextGaussian() * 0.01f;
        }
        double sum = 0;
        for (int t = 0; t < tokens; t++) {
            for (int row = 0; row < rows; row++) {
                double dot = 0;
                for (int c = 0; c < columns; c++) {
                    dot += (double) inputs[t * columns + c] * change[row * columns + c];
                }
                sum += dot * dot;
            }
        }
        double expected = sum / ((double) tokens * rows);
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            for (long evaluated : new long[] {1, 1_000_000}) {
                double found = new OutputError(backend, inputs, columns, evaluated)
                        .meanSquare(rows, (row, to, at) -> System.arraycopy(change, row * columns, to, at, columns));
                assertThat(found).as("%d rows, seed %d", evaluated, SEED).isCloseTo(expected, within(1e-5 * expected));
            }
        }
    }

    @Test
    void changeThatIsNotANumberGivesNone() {
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            for (long evaluated : new long[] {1, 1_000_000}) {
                double found = new OutputError(backend, new float[] {1, 2, 3, 4, 5, 6}, 2, evaluated)
                        .meanSquare(1, (row, to, at) -> {
                            to[at] = Float.NaN;
                            to[at + 1] = 1;
                        });
                assertThat(found).isNaN();
            }
        }
    }
}
