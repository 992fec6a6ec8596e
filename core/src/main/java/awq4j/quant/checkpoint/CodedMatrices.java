package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoint.Quantization;
import awq4j.format.UnsupportedModelException;
import awq4j.quant.checkpoint.ConversionSource.Matrix;
import awq4j.quant.checkpoint.ConversionSource.Place;
import awq4j.weight.GgufType;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.IntPredicate;

/**
 * Which matrices of a folder are of codes, and of which: a configuration has place for one width and one group size, so
 * they are those of most of the source's.
 */
record CodedMatrices(Checkpoint source, int bits, int groupSize, Regrouping regrouping) {
    private static final int USUAL_BITS = 4;
    private static final int USUAL_GROUP = 128;

    /**
     * Chooses.
     *
     * @param widths that the form holds, ascending
     * @param groups which group sizes it holds
     * @param regrouping for a width and a group size
     * @throws UnsupportedModelException if the source has no codes
     */
    static CodedMatrices of(
            ConversionSource source,
            List<Integer> widths,
            IntPredicate groups,
            BiFunction<Integer, Integer, Regrouping> regrouping) {
        Checkpoint checkpoint = source.checkpoint();
        Quantization stated = checkpoint
                .quantization()
                .orElseThrow(() -> new UnsupportedModelException(checkpoint.path()
                        + " is not quantized, and its weights become no codes by being converted: awq4j quantize makes an"
                        + " AWQ model of it, and that can be converted"));
        boolean usual = Arrays.stream(GgufType.values())
                .anyMatch(type -> type.name().equals(stated.version())); // their groups fit no other form
        int bits = usual ? USUAL_BITS : stated.bits();
        int width = widths.stream().filter(w -> w >= bits).findFirst().orElse(widths.getLast());
        int size = usual || !groups.test(stated.groupSize()) ? USUAL_GROUP : stated.groupSize();
        return new CodedMatrices(checkpoint, width, size, regrouping.apply(width, size));
    }

    Held hold(Matrix matrix, Weight weight) {
        if (weight.layout() instanceof Dense) {
            return Held.exactly(weight);
        }
        if (matrix.place() == Place.OUTER && !source.hasPacked(matrix.name())) {
            return new Held(Regrouping.inFloat16(weight), "outside of the blocks, kept in float16");
        }
        return regrouping.hold(weight);
    }
}
