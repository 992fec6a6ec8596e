package awq4j.model;

/**
 * Rotary embedding of queries and keys (Su et al., RoFormer).
 *
 * @param theta base of the frequencies
 * @param rotaryDim leading values of each head that rotate, even
 */
public record Rotary(double theta, int rotaryDim, RopeScaling scaling) {}
