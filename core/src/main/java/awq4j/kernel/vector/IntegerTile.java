package awq4j.kernel.vector;

import awq4j.kernel.BackendException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Groups of codes of up to 4 bits of a pair of vectors of rows, as {@link IntegerTileKernel} reads them: for each group the scales,
 * the zeros (0 if there are biases, which are none of the tile's) less the middle code, then for each two columns the codes less the middle, two neighbours in the halves of
 * their row's lane.
 */
final class IntegerTile {
    /** {@code integers} or {@code floats}: what W4A8 multiplies many tokens in, whatever the machine. */
    static final String PROPERTY = "awq4j.tiles";

    /** Bytes of the longest tile, of groups of one block. */
    static final long SIZE = TileKernel.STRIDE / 16 * groupBytes(16);

    private static final VectorSpecies<Integer> I = Lanes.INTS;
    private static final VectorSpecies<Short> S = Lanes.ALL_SHORTS;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
    private static final int MIDDLE = 8;

    private IntegerTile() {}

    /**
     * Whether 16-bit products are faster than float ones. A 16-bit one takes two instructions for twice the lanes: a gain
     * where multiplications and additions go to different ports. Intel's 512-bit ports do both, and floats win there
     * (docs/results/cpu.md).
     */
    static boolean faster() {
        String forced = System.getProperty(PROPERTY);
        if (forced != null) {
            return switch (forced) {
                case "integers" -> true;
                case "floats" -> false;
                default ->
                    throw new BackendException(
                            "system property " + PROPERTY + " should be integers or floats, was " + forced);
            };
        }
        return Lanes.COUNT < 16 || !Processor.INTEL;
    }

    /** Bytes that a group of {@code width} columns takes. */
    static long groupBytes(int width) {
        return (4L + width) * Lanes.BYTES;
    }

    /**
     * Writes one vector's part of a group.
     *
     * @param at where the group begins in {@code w}
     * @param codes memory that has its codes as {@link CodeOrder#forms} vectors, from byte {@code from} on, {@code step}
     *     bytes from one to the next
     * @param tileAt where the group begins in the tile, plus a vector's bytes for the second vector
     */
    static void decode(
            MemorySegment w,
            long at,
            CodeOrder order,
            MemorySegment codes,
            long from,
            long step,
            MemorySegment tile,
            long tileAt) {
        GroupScales.scale(w, at, order).intoMemorySegment(tile, tileAt, LE);
        FloatVector zero = GroupScales.zero(w, at, order).sub(MIDDLE);
        zero.intoMemorySegment(tile, tileAt + 2L * Lanes.BYTES, LE);
        long to = tileAt + 4L * Lanes.BYTES;
        IntVector mask = IntVector.broadcast(I, 0xf000f);
        ShortVector middle = ShortVector.broadcast(S, MIDDLE);
        for (int j = 0, loads = order.forms(); j < loads; j++) {
            IntVector v = IntVector.fromMemorySegment(I, codes, from + j * step, LE);
            long o = to + j * (8L * Lanes.BYTES);
            v.and(mask).reinterpretAsShorts().sub(middle).intoMemorySegment(tile, o, LE);
            v.lanewise(VectorOperators.LSHR, 4)
                    .and(mask)
                    .reinterpretAsShorts()
                    .sub(middle)
                    .intoMemorySegment(tile, o + 2L * Lanes.BYTES, LE);
            v.lanewise(VectorOperators.LSHR, 8)
                    .and(mask)
                    .reinterpretAsShorts()
                    .sub(middle)
                    .intoMemorySegment(tile, o + 4L * Lanes.BYTES, LE);
            v.lanewise(VectorOperators.LSHR, 12)
                    .and(mask)
                    .reinterpretAsShorts()
                    .sub(middle)
                    .intoMemorySegment(tile, o + 6L * Lanes.BYTES, LE);
        }
    }
}
