package awq4j.kernel;

import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A matrix of floats rounded to 8 bits, symmetrically, each row in groups of {@value #GROUP} columns: half the bytes of
 * 16-bit floats, an error of at most 1/254 of a group's greatest value.
 */
final class RoundedHead {
    private static final int GROUP = 128;
    private static final int MIDDLE = 128;
    private static final int ROWS = 64;

    /** 1.5 * 2^23: added to a small number, it leaves no bits behind the point, half to even, and the sum's low bits count. */
    private static final float ROUNDING = 12_582_912;

    private RoundedHead() {}

    /**
     * The rounded matrix, or the given one where a value is not finite. The pages of a mapped matrix are let go as soon as
     * they are read: the largest matrix of a model should not lie in memory three times.
     *
     * @param split shares the rows out
     * @param arena holds the codes
     */
    static Weight of(Weight dense, Split split, Arena arena) {
        var layout = new Grouped(8, GROUP, ZeroPoint.MIDDLE);
        int columns = dense.columns();
        int groups = layout.groups(columns);
        MemorySegment codes = arena.allocate((long) dense.rows() * columns);
        long rowBytes = dense.values().byteSize() / dense.rows();
        float[] scales = new float[dense.rows() * groups];
        var finite = new AtomicBoolean(true);
        split.over(dense.rows(), ROWS, (from, to) -> {
            float[] row = new float[columns];
            byte[] rounded = new byte[columns];
            for (int r = from; r < to && finite.get(); r++) {
                WeightCodec.decodeRow(dense, r, row);
                if (!round(row, rounded, scales, r * groups)) {
                    finite.set(false);
                    return;
                }
                MemorySegment.copy(rounded, 0, codes, ValueLayout.JAVA_BYTE, (long) r * columns, columns);
            }
            Tensor.unload(dense.values().asSlice(from * rowBytes, (to - from) * rowBytes));
        });
        return finite.get()
                ? new Weight(dense.name(), dense.rows(), columns, layout, codes, MemorySegment.ofArray(scales), null)
                : dense;
    }

    /**
     * Rounds a row; false if a value is not finite. Steps are methods of their own: a fresh Java compiles a method that is
     * called often long before a loop in a large one, and most of a head is rounded before that.
     *
     * @param at of the row's first scale
     */
    private static boolean round(float[] row, byte[] codes, float[] scales, int at) {
        for (int from = 0, place = at; from < row.length; from += GROUP, place++) {
            int length = Math.min(GROUP, row.length - from);
            float greatest = ActivationRounding.greatest(row, from, length);
            if (!(greatest < Float.POSITIVE_INFINITY)) {
                return false;
            }
            scales[place] = ActivationRounding.scale(greatest);
            round(row, from, from + length, ActivationRounding.inverse(greatest), codes);
        }
        return true;
    }

    private static void round(float[] row, int from, int to, float inverse, byte[] codes) {
        for (int k = from; k < to; k++) {
            codes[k] = (byte) (MIDDLE + Float.floatToRawIntBits(row[k] * inverse + ROUNDING));
        }
    }
}
