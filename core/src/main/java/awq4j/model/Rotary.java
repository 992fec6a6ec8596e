package awq4j.model;

/**
 * Rotary embedding of queries and keys (Su et al., RoFormer).
 *
 * @param theta base of the frequencies
 * @param rotaryDim leading values of each head that rotate, even
 * @param neighbours whether values 2d and 2d + 1 are a pair, instead of d and d + rotaryDim / 2
 */
public record Rotary(double theta, int rotaryDim, RopeScaling scaling, boolean neighbours) {
    /** A rotation of values half a rotation apart. */
    public Rotary(double theta, int rotaryDim, RopeScaling scaling) {
        this(theta, rotaryDim, scaling, false);
    }

    /** The same with neighbours for pairs. */
    public Rotary ofNeighbours() {
        return new Rotary(theta, rotaryDim, scaling, true);
    }
}
