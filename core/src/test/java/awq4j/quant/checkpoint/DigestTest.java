package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.testing.Samples;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class DigestTest {
    private static final int ROWS = 64;
    private static final int COLUMNS = 4096; // more codes than are looked at in one go

    @Test
    void equalPartsHaveTheSameDigest() {
        assertThat(Digest.of(weight("a"))).isEqualTo(Digest.of(weight("b")));
    }

    @Test
    void oneBitOfAnyPartMakesAnother() {
        Digest whole = Digest.of(weight("a"));
        for (int part = 0; part < 3; part++) {
            for (double place : new double[] {0, 0.5, 1}) {
                Weight spoiled = weight("a");
                MemorySegment bytes = List.of(spoiled.values(), spoiled.scales(), spoiled.zeros())
                        .get(part);
                long at = Math.round(place * (bytes.byteSize() - 1));
                bytes.set(ValueLayout.JAVA_BYTE, at, (byte) (bytes.get(ValueLayout.JAVA_BYTE, at) ^ 1));
                assertThat(Digest.of(spoiled)).as("part %d byte %d", part, at).isNotEqualTo(whole);
            }
        }
    }

    private static Weight weight(String name) {
        var layout = new Grouped(8, 128, ZeroPoint.INTEGER);
        int groups = ROWS * layout.groups(COLUMNS);
        return new Weight(
                name,
                ROWS,
                COLUMNS,
                layout,
                bytes(1, ROWS * COLUMNS),
                bytes(2, groups * Float.BYTES),
                bytes(3, groups));
    }

    private static MemorySegment bytes(int seed, int count) {
        float[] values = Samples.floats(seed, count);
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) Float.floatToRawIntBits(values[i]);
        }
        return MemorySegment.ofArray(bytes);
    }
}
