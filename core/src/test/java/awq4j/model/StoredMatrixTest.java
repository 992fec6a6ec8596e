package awq4j.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import awq4j.quant.QuantScheme;
import awq4j.quant.Quantizer;
import awq4j.testing.Samples;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Parts of a stored matrix: what is taken apart and put together again is what it was. */
class StoredMatrixTest {
    private static final int ROWS = 36;
    private static final int COLUMNS = 8;
    private static final float[] VALUES = Samples.floats(5, ROWS * COLUMNS);

    /** Two heads' queries of 4 rows, and one each of keys and values, three times over; runs that end early. */
    private static final List<Linear> INTERLEAVED =
            List.of(part("q", 24, 0, 8, 12, false), part("k", 6, 8, 2, 12, false), part("v", 6, 10, 2, 12, false));

    private static final List<Linear> IN_A_ROW =
            List.of(part("q", 20, 0, 20, 20, false), part("k", 8, 20, 8, 8, false), part("v", 8, 28, 8, 8, false));

    private static Linear part(String word, int rows, int first, int run, int stride, boolean transposed) {
        return new Linear("w." + word, rows, COLUMNS, true, new Stored("w", ROWS, first, run, stride, transposed));
    }

    @Test
    void plainPartsMakeTheMatrix() {
        Weight whole = Weight.ofFloats("w", ROWS, COLUMNS, VALUES);
        for (List<Linear> parts : List.of(INTERLEAVED, IN_A_ROW)) {
            StoredMatrix matrix = StoredMatrix.of(parts).getFirst();
            assertThat(matrix.values(part -> WeightCodec.decode(rows(whole, part))))
                    .isEqualTo(VALUES);
            assertThat(matrix.vector(part -> column(rows(whole, part)))).isEqualTo(column(whole));
        }
    }

    @Test
    void codesOfPartsMakeTheMatrix() {
        for (var scheme : List.of(
                new QuantScheme(4, 3, false, QuantScheme.Range.REFERENCE),
                new QuantScheme(4, 4, true, QuantScheme.Range.REFERENCE),
                new QuantScheme(8, 8, false, QuantScheme.Range.REFERENCE))) {
            Weight whole = Quantizer.forCheckpoints(scheme).quantize("w", ROWS, COLUMNS, VALUES, null);
            for (List<Linear> parts : List.of(INTERLEAVED, IN_A_ROW)) {
                Weight again = StoredMatrix.of(parts).getFirst().codes(part -> rows(whole, part));
                assertThat(again.layout()).isEqualTo(whole.layout());
                assertThat(again.values().mismatch(whole.values())).isEqualTo(-1);
                assertThat(WeightCodec.decode(again)).isEqualTo(WeightCodec.decode(whole));
            }
        }
    }

    @Test
    void transposedPartsMakeTheMatrix() {
        Weight stored = Weight.ofFloats("w", COLUMNS, ROWS, VALUES);
        for (List<Linear> parts : List.of(INTERLEAVED, IN_A_ROW)) {
            var turned = parts.stream()
                    .map(part -> part(
                            part.name(),
                            part.rows(),
                            part.stored().first(),
                            part.stored().run(),
                            part.stored().stride(),
                            true))
                    .toList();
            StoredMatrix matrix = StoredMatrix.of(turned).getFirst();
            assertThat(matrix.values(part ->
                            WeightCodec.decode(stored.transposedRows(part.name(), part.stored()::row, part.rows()))))
                    .isEqualTo(VALUES);
        }
    }

    @Test
    void rowsLeftOutAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> StoredMatrix.of(IN_A_ROW.subList(0, 2)))
                .withMessageStartingWith("the parts of w are not its rows: ");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> part("q", 25, 0, 8, 12, false))
                .withMessageContaining("25 rows do not lie in ");
    }

    private static Weight rows(Weight whole, Linear part) {
        Stored stored = part.stored();
        return whole.rows(part.name(), stored.first(), stored.run(), stored.stride(), part.rows());
    }

    private static float[] column(Weight weight) {
        float[] column = new float[weight.rows()];
        for (int row = 0; row < column.length; row++) {
            column[row] = WeightCodec.decode(weight)[row * COLUMNS + 1];
        }
        return column;
    }
}
