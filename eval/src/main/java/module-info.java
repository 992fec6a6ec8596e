/** Measures how good a model is, and how far a quantized one is from its original. */
module awq4j.eval {
    requires awq4j.core;
    requires static org.jspecify;
}
