package awq4j.weight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.testing.Samples;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GgufEncoderTest {
    /** Scale -8 / -8 = 1, so codes are values + 8; of halves 2.5 becomes 11 and -2.5 becomes 6: 8.5 is added, then cut. */
    @Test
    void q40PutsTheGreatestMagnitudeAtCodeZero() {
        float[] x = new float[32];
        x[0] = -8;
        x[1] = 8;
        x[2] = 2.5f;
        x[3] = -2.5f;
        x[4] = -0.75f;
        x[16] = 7;
        x[17] = 7.5f;
        x[31] = -7.49f;
        byte[] expected = new byte[18];
        Arrays.fill(expected, (byte) 0x88);
        expected[0] = 0;
        expected[1] = 0x3c; // 1 in float16
        expected[2] = (byte) 0xf0; // -8 and 7
        expected[3] = (byte) 0xff; // 8, cut to 15, and 7.5, which is 16 cut to 15
        expected[4] = (byte) 0x8b;
        expected[5] = (byte) 0x86;
        expected[6] = (byte) 0x87;
        expected[17] = 0x18;
        assertThat(encode(GgufEncoder.Q4_0, x)).containsExactly(expected);
    }

    /** The scale has the opposite sign of the greatest magnitude; of two as great the first counts. */
    @Test
    void q40sScaleMayBeNegative() {
        float[] x = new float[32];
        x[3] = 4;
        x[5] = -4;
        byte[] block = encode(GgufEncoder.Q4_0, x);
        assertThat(half(block, 0)).isEqualTo(-0.5f);
        assertThat(block[5] & 15).isZero();
        assertThat(block[7] & 15).isEqualTo(15);
    }

    @Test
    void q41GoesFromTheLeastToTheGreatest() {
        float[] x = new float[32];
        Arrays.fill(x, 2);
        x[0] = -5.5f;
        x[1] = 9.5f;
        x[2] = 0; // 5.5 steps up: halves go up
        x[16] = 0.4f;
        byte[] expected = new byte[20];
        Arrays.fill(expected, (byte) 0x88);
        expected[0] = 0;
        expected[1] = 0x3c;
        expected[2] = (byte) 0x80;
        expected[3] = (byte) 0xc5; // -5.5
        expected[4] = 0x60;
        expected[5] = (byte) 0x8f;
        expected[6] = (byte) 0x86;
        assertThat(encode(GgufEncoder.Q4_1, x)).containsExactly(expected);
    }

    @Test
    void q80RoundsHalvesAwayFromZero() {
        float[] x = new float[32];
        x[0] = 127;
        x[1] = -127;
        x[2] = 2.5f;
        x[3] = -2.5f;
        x[4] = 0.49999997f;
        x[5] = -0.49999997f;
        x[31] = 3.5f;
        byte[] expected = new byte[34];
        expected[1] = 0x3c;
        expected[2] = 127;
        expected[3] = -127;
        expected[4] = 3;
        expected[5] = -3;
        expected[33] = 4;
        assertThat(encode(GgufEncoder.Q8_0, x)).containsExactly(expected);
    }

    /** The published definition once more, for random values: codes from the unrounded scale, written the plain way. */
    @Test
    void codesAreFoundWithTheUnroundedScale() {
        float[] x = Samples.floats(11, 32 * 50);
        byte[] fours = encode(GgufEncoder.Q4_0, x);
        byte[] ones = encode(GgufEncoder.Q4_1, x);
        byte[] eights = encode(GgufEncoder.Q8_0, x);
        for (int block = 0; block < 50; block++) {
            float[] part = Arrays.copyOfRange(x, block * 32, block * 32 + 32);
            float[] sorted = part.clone();
            Arrays.sort(sorted);
            float most = Math.max(-sorted[0], sorted[31]);
            float signed = sorted[31] > -sorted[0] ? sorted[31] : sorted[0];
            assertThat(half(fours, block * 18)).isEqualTo(Float.float16ToFloat(Float.floatToFloat16(signed / -8)));
            assertThat(half(ones, block * 20 + 2)).isEqualTo(Float.float16ToFloat(Float.floatToFloat16(sorted[0])));
            for (int k = 0; k < 32; k++) {
                int shift = k / 16 * 4;
                float four = part[k] * (1 / (signed / -8));
                assertThat((fours[block * 18 + 2 + k % 16] >> shift) & 15)
                        .isEqualTo((int) Math.clamp(Math.floor(four + 8.5f), 0, 15));
                float one = (part[k] - sorted[0]) * (1 / ((sorted[31] - sorted[0]) / 15));
                assertThat((ones[block * 20 + 4 + k % 16] >> shift) & 15)
                        .isEqualTo((int) Math.clamp(Math.floor(one + 0.5f), 0, 15));
                float eight = part[k] * (1 / (most / 127));
                int rounded = (int) (Math.signum(eight) * Math.floor(Math.abs((double) eight) + 0.5));
                assertThat(eights[block * 34 + 2 + k]).isEqualTo((byte) rounded);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(GgufEncoder.class)
    void zerosAndTinyValuesAreZero(GgufEncoder encoder) {
        float[] x = new float[64];
        Arrays.fill(x, 32, 64, Float.MIN_VALUE);
        byte[] bytes = encode(encoder, x);
        assertThat(half(bytes, 0)).isZero();
        assertThat(half(bytes, encoder.blockBytes())).isZero();
    }

    @ParameterizedTest
    @EnumSource(GgufEncoder.class)
    void whatCannotBeHeldIsRefused(GgufEncoder encoder) {
        assertThatThrownBy(() -> encode(encoder, new float[33]))
                .hasMessage(encoder + " needs values in multiples of 32, found 33");
        float[] x = new float[64];
        x[40] = Float.NaN;
        assertThatThrownBy(() -> encode(encoder, x)).hasMessage(encoder + " holds finite values, found NaN at 40");
        x[40] = 1e8f;
        assertThatThrownBy(() -> encode(encoder, x))
                .hasMessageStartingWith(encoder + " holds scales and least values as float16, at most 65504, found ");
    }

    private static byte[] encode(GgufEncoder encoder, float[] x) {
        byte[] out = new byte[Math.toIntExact(encoder.sizeBytes(x.length))];
        encoder.encode(x, 0, x.length, out, 0);
        return out;
    }

    private static float half(byte[] bytes, int at) {
        return Float.float16ToFloat((short) ((bytes[at] & 0xff) | (bytes[at + 1] << 8)));
    }
}
