package awq4j.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class BlockFormatTest {
    private static final long SEED = 7;

    @Test
    void q4BytesAreThoseOfTheDefinition() {
        float[] values = new float[32];
        values[0] = -4; // the greatest magnitude: code 0, and a step of 0.5
        values[1] = 3.5f;
        values[16] = 1;
        ByteBuffer block = encoded(BlockFormat.Q4_0, values);
        assertThat(block.getShort(0)).isEqualTo(Float.floatToFloat16(0.5f));
        assertThat(block.get(2) & 255).as("values 0 and 16: codes 0 and 10").isEqualTo(0xA0);
        assertThat(block.get(3) & 255).as("values 1 and 17: codes 15 and 8").isEqualTo(0x8F);
        assertThat(block.get(4) & 255).as("zeros: codes 8 and 8").isEqualTo(0x88);
    }

    @Test
    void q4KeepsValuesWithinAStep() {
        float[] values = random(32);
        float[] decoded = Definitions.q4(encoded(BlockFormat.Q4_0, values), 0);
        float step = greatest(values, 0, 32) / 8;
        for (int i = 0; i < 32; i++) {
            // Half a step, or a whole one on the side opposite to the greatest magnitude, where 8 steps have no code;
            // and the step is rounded to half precision.
            assertThat(decoded[i]).as("value %d seed %d", i, SEED).isCloseTo(values[i], within(step * 1.01f));
        }
    }

    @Test
    void q6KeepsValuesWithinAStepOfTheirSixteen() {
        float[] values = random(256);
        values[200] = 9; // one sub-block with far larger steps
        float[] decoded = Definitions.q6(encoded(BlockFormat.Q6_K, values), 0);
        for (int i = 0; i < 256; i++) {
            float step = greatest(values, i / 16 * 16, 16) / 32;
            float coarse = 9f / 32 / 127; // steps are multiples of the smallest one
            assertThat(decoded[i])
                    .as("value %d seed %d", i, SEED)
                    .isCloseTo(values[i], within(step * 1.01f + 32 * coarse));
        }
    }

    @Test
    void blocksOfZerosDecodeToZeros() {
        assertThat(Definitions.q4(encoded(BlockFormat.Q4_0, new float[32]), 0)).containsOnly(-0f);
        assertThat(Definitions.q6(encoded(BlockFormat.Q6_K, new float[256]), 0)).containsOnly(0f);
    }

    @Test
    void poolHasTheVarianceThatKeepsActivationsFinite() {
        int columns = 512;
        var pool = new WeightPool(BlockFormat.Q4_0, columns);
        ByteBuffer blocks = ByteBuffer.wrap(pool.blocks()).order(ByteOrder.LITTLE_ENDIAN);
        double squares = 0;
        int count = 4096;
        for (int i = 0; i < count; i++) {
            for (float value : Definitions.q4(blocks, i * BlockFormat.Q4_0.bytes)) {
                squares += value * value;
            }
        }
        assertThat(squares / (32 * count) * columns).isCloseTo(1, within(0.05));
    }

    private static ByteBuffer encoded(BlockFormat format, float[] values) {
        ByteBuffer block = ByteBuffer.allocate(format.bytes).order(ByteOrder.LITTLE_ENDIAN);
        format.encode(values, 0, block);
        assertThat(block.hasRemaining()).isFalse();
        return block;
    }

    private static float[] random(int count) {
        var random = new SplittableRandom(SEED);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static float greatest(float[] values, int from, int count) {
        float greatest = 0;
        for (int i = from; i < from + count; i++) {
            greatest = Math.max(greatest, Math.abs(values[i]));
        }
        return greatest;
    }
}
