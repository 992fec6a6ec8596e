package awq4j.model.family;

/**
 * What no model exceeds. Memory is taken by these numbers before any tensor is looked at, and their products must stay
 * in int's range, so a config.json that states more is refused.
 */
final class Bounds {
    static final int LAYERS = 10_000;
    static final int WIDTH = 1 << 24;
    static final int HEADS = 1 << 16;
    static final int HEAD_DIM = 1 << 14;
    static final int VOCABULARY = 1 << 24;
    static final int POSITIONS = 1 << 30;

    static final int EXPERTS = 1 << 12;

    /** Of all layers together: each is three linears with their names. */
    static final int ALL_EXPERTS = 100_000;

    private Bounds() {}
}
