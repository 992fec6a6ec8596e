/** Measures how good a model is, and how far a quantized one is from its original. */
module awq4j.eval {
    requires transitive awq4j.core;
    requires static org.jspecify;

    exports awq4j.eval;
}
