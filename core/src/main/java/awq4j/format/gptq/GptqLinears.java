package awq4j.format.gptq;

import awq4j.format.LinearPacking;
import awq4j.format.gptq.GptqPacking.Packed;
import awq4j.format.gptq.GptqPacking.Version;
import awq4j.tensor.Shape;
import awq4j.weight.Weight;
import java.util.List;

/**
 * The packed linears of a GPTQ checkpoint.
 *
 * @param groupSize columns a group, or -1 for whole rows
 */
public record GptqLinears(Version version, int bits, int groupSize) implements LinearPacking {
    @Override
    public String label() {
        return version.label();
    }

    @Override
    public String mark() {
        return "qweight";
    }

    @Override
    public List<String> words() {
        return List.of("qweight", "qzeros", "scales", "g_idx");
    }

    @Override
    public boolean fits(int rows, int columns) {
        return GptqPacking.fits(bits, rows, columns);
    }

    @Override
    public Shape shape(String name, Parts parts) {
        return GptqPacking.shape(name, bits, packed(name, parts).qweight());
    }

    @Override
    public Weight unpack(String name, Parts parts) {
        return GptqPacking.unpack(name, version, bits, groupSize, packed(name, parts));
    }

    private static Packed packed(String name, Parts parts) {
        return new Packed(
                parts.get(name, "qweight"), parts.get(name, "qzeros"), parts.get(name, "scales"), parts.find("g_idx"));
    }
}
