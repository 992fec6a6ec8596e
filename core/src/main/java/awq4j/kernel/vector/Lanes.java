package awq4j.kernel.vector;

import awq4j.kernel.BackendException;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** The width of the vectors: the machine's, or the one that system property {@value #PROPERTY} forces. */
final class Lanes {
    /** 128, 256 or 512, for tests; a width that the machine lacks works and is very slow. */
    static final String PROPERTY = "awq4j.vectorBits";

    static final VectorSpecies<Float> FLOATS = species();
    static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
    static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, FLOATS.vectorBitSize() / 2)));

    /** 16-bit lanes of a whole vector. */
    static final VectorSpecies<Short> ALL_SHORTS = VectorSpecies.of(short.class, FLOATS.vectorShape());

    /** Floats in a vector. */
    static final int COUNT = FLOATS.length();

    /** Floats in two vectors: the rows, positions or features that the micro-kernels compute at once. */
    static final int PAIR = 2 * COUNT;

    /** Vectors of rows of a panel. */
    static final int PANEL_VECTORS = 8;

    /** Rows that one call multiplies. */
    static final int PANEL = PANEL_VECTORS * COUNT;

    /** Bytes of a vector. */
    static final int BYTES = FLOATS.vectorByteSize();

    /** Lane i + half the lanes, i + a quarter, ...: each brings what is to be added to lane i. */
    private static final VectorShuffle<Float> BY_8 = shuffle(8);

    private static final VectorShuffle<Float> BY_4 = shuffle(4);
    private static final VectorShuffle<Float> BY_2 = shuffle(2);
    private static final VectorShuffle<Float> BY_1 = shuffle(1);

    private Lanes() {}

    /**
     * The sum of all lanes, halves first. The library's own reduction may add in any order, and does: interpreted and
     * compiled code differ, so that a model's answers would depend on how warm the program is.
     */
    static float sum(FloatVector v) {
        FloatVector w = COUNT > 8 ? v.add(v.rearrange(BY_8)) : v;
        w = COUNT > 4 ? w.add(w.rearrange(BY_4)) : w;
        w = COUNT > 2 ? w.add(w.rearrange(BY_2)) : w;
        return w.add(w.rearrange(BY_1)).lane(0);
    }

    private static VectorShuffle<Float> shuffle(int by) {
        return VectorShuffle.iota(FLOATS, by, 1, true); // wraps around; what wraps is not looked at
    }

    private static VectorSpecies<Float> species() {
        String forced = System.getProperty(PROPERTY);
        if (forced == null) {
            return FloatVector.SPECIES_PREFERRED;
        }
        return switch (forced) {
            case "128" -> FloatVector.SPECIES_128;
            case "256" -> FloatVector.SPECIES_256;
            case "512" -> FloatVector.SPECIES_512;
            default ->
                throw new BackendException("system property " + PROPERTY + " should be 128, 256 or 512, was " + forced);
        };
    }
}
