package awq4j.quant;

import awq4j.format.awq.AwqPacking.Version;
import awq4j.model.Linear;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The scheme of each matrix: one for all, or one that differs in its bits.
 *
 * @param scheme of all matrices that are not among {@code bits}; in a mixture of the widest codes
 * @param bits by the stored matrix's tensor prefix; empty if all have the scheme's
 */
public record Widths(QuantScheme scheme, SortedMap<String, Integer> bits) {
    /**
     * Copies the map.
     *
     * @throws IllegalArgumentException if a width is out of range
     */
    public Widths {
        bits = Collections.unmodifiableSortedMap(new TreeMap<>(bits));
        bits.values().forEach(scheme::withBits);
    }

    /** One scheme for all. */
    public static Widths of(QuantScheme scheme) {
        return new Widths(scheme, Collections.emptySortedMap());
    }

    /**
     * A mixture.
     *
     * @param scheme what all matrices share; its bits are not looked at
     * @param bits by the stored matrix's tensor prefix
     * @throws IllegalArgumentException if {@code bits} is empty
     */
    public static Widths mixed(QuantScheme scheme, Map<String, Integer> bits) {
        int widest = bits.values().stream()
                .mapToInt(Integer::intValue)
                .max()
                .orElseThrow(() -> new IllegalArgumentException("a mixture of widths of no matrix"));
        return new Widths(scheme.withBits(widest).packedDensely(), new TreeMap<>(bits));
    }

    /** Whether matrices differ, or may. */
    public boolean isMixed() {
        return !bits.isEmpty();
    }

    /** The scheme of a stored matrix. */
    public QuantScheme of(String matrix) {
        Integer own = bits.get(matrix);
        return own == null ? scheme : scheme.withBits(own);
    }

    /** The scheme of the matrix that a linear is stored in. */
    public QuantScheme of(Linear linear) {
        return of(linear.stored().name());
    }

    /** The packing that a checkpoint of these widths gets. */
    public Version version() {
        return scheme.version();
    }

    /** The same matrices, packed for this project only. */
    public Widths packedDensely() {
        return new Widths(scheme.packedDensely(), bits);
    }
}
