/** A small trained model with texts to measure it by. */
module awq4j.demo {
    requires static org.jspecify;

    exports awq4j.demo;
}
