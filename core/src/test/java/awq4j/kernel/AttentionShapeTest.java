package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class AttentionShapeTest {
    @Test
    void biasesGrowWithTheDistance() {
        var shape = new AttentionShape(2, 1, 16, 0.25f, 0, new float[] {0.5f, 0.125f});
        assertThat(shape.bias(0, 3, 7)).isEqualTo(-2);
        assertThat(shape.bias(1, 300, 301)).isEqualTo(-0.125f);
        assertThat(new AttentionShape(2, 1, 16, 0.25f, 0, null).bias(0, 3, 7)).isZero();
    }

    /** bfloat16 has eight binary digits: from 256 on it counts in twos, and a product is rounded once more. */
    @Test
    void roundedBiasesGrowWithThePlaceOfTheKeyInSteps() {
        var shape = new AttentionShape(2, 1, 16, 0.25f, 0, 0, new float[] {1, 0.70703125f}, true);
        int[] keys = {0, 1, 255, 256, 257, 258, 259, 260, 513, 515};
        float[] seen = {0, 1, 255, 256, 256, 258, 260, 260, 512, 516};
        for (int i = 0; i < keys.length; i++) {
            assertThat(shape.bias(0, keys[i], 1000)).as("key %d", keys[i]).isEqualTo(0.25f * seen[i]);
        }
        assertThat(shape.bias(1, 3, 1000)).as("2.12109375 has ten digits").isEqualTo(0.25f * 2.125f);
        assertThat(shape.bias(1, 300, 1000)).as("212.109375").isEqualTo(0.25f * 212);
    }

    @Test
    void roundingTellsShapesApart() {
        float[] slopes = {1, 0.5f};
        assertThat(new AttentionShape(2, 1, 16, 0.25f, 0, 0, slopes, true))
                .isNotEqualTo(new AttentionShape(2, 1, 16, 0.25f, 0, 0, slopes, false))
                .isEqualTo(new AttentionShape(2, 1, 16, 0.25f, 0, 0, slopes.clone(), true));
    }
}
