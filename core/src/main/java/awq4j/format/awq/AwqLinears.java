package awq4j.format.awq;

import awq4j.format.LinearPacking;
import awq4j.format.awq.AwqPacking.Packed;
import awq4j.format.awq.AwqPacking.Version;
import awq4j.tensor.Shape;
import awq4j.weight.Weight;
import java.util.List;
import java.util.Map;

/**
 * The packed linears of an AWQ checkpoint.
 *
 * @param bits of linears that are not among {@code others}
 * @param groupSize columns a group, or -1 for whole rows
 * @param others bits of some linears, by tensor prefix
 */
public record AwqLinears(Version version, int bits, int groupSize, Map<String, Integer> others)
        implements LinearPacking {
    /** Copies the map. */
    public AwqLinears {
        others = Map.copyOf(others);
    }

    /** All linears of one width. */
    public AwqLinears(Version version, int bits, int groupSize) {
        this(version, bits, groupSize, Map.of());
    }

    @Override
    public String label() {
        return "awq " + version.label();
    }

    @Override
    public String mark() {
        return "qweight";
    }

    @Override
    public List<String> words() {
        return version == Version.GEMV_FAST
                ? List.of("qweight", "qzeros", "scaled_zeros", "scales")
                : List.of("qweight", "qzeros", "scales");
    }

    @Override
    public boolean fits(int rows, int columns) {
        return AwqPacking.fits(version, rows, columns, groupSize == -1 ? columns : groupSize);
    }

    @Override
    public Shape shape(String name, Parts parts) {
        return AwqPacking.shape(name, version, packed(name, parts));
    }

    @Override
    public Weight unpack(String name, Parts parts) {
        return AwqPacking.unpack(name, version, others.getOrDefault(name, bits), groupSize, packed(name, parts));
    }

    private Packed packed(String name, Parts parts) {
        // llm-awq's name for the zeros of its interleaved layout
        String zeros = version == Version.GEMV_FAST && parts.find("scaled_zeros") != null ? "scaled_zeros" : "qzeros";
        return new Packed(parts.get(name, "qweight"), parts.get(name, zeros), parts.get(name, "scales"));
    }
}
