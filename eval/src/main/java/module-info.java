/** Measures how good a model is, and how far a quantized one is from its original. */
module awq4j.eval {
    requires transitive awq4j.core;
    requires jdk.management;
    requires static org.jspecify;

    exports awq4j.eval;
    exports awq4j.eval.speed;
    exports awq4j.eval.study;
}
