package awq4j.cli;

import awq4j.quant.QuantScheme;
import java.util.List;
import java.util.stream.Stream;

/**
 * A model of the demo: the original, or what plain rounding or AWQ make of it.
 *
 * @param key in JSON, and the name of its folder
 * @param label in the table
 * @param bits of a weight, 16 for the original
 * @param awq whether AWQ made it
 */
record DemoVariant(String key, String label, int bits, boolean awq) {
    static final DemoVariant ORIGINAL = new DemoVariant("fp16", "FP16", 16, false);

    /** The one that tells a story. */
    static final DemoVariant NARRATOR = new DemoVariant("awq4", "AWQ INT4", 4, true);

    /** In the table's order. */
    static final List<DemoVariant> QUANTIZED = List.of(
            new DemoVariant("rtn4", "RTN INT4", 4, false),
            NARRATOR,
            new DemoVariant("rtn3", "RTN INT3", 3, false),
            new DemoVariant("awq3", "AWQ INT3", 3, true));

    static final List<DemoVariant> ALL =
            Stream.concat(Stream.of(ORIGINAL), QUANTIZED.stream()).toList();

    private static final int GROUP_SIZE = 128;

    QuantScheme scheme() {
        return new QuantScheme(bits, GROUP_SIZE, false, QuantScheme.INT4_G128.range());
    }
}
