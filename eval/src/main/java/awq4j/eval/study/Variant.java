package awq4j.eval.study;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.ParameterCount;
import awq4j.model.Parameters;
import awq4j.quant.BlockWeights;
import awq4j.weight.LowRank;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A model's numbers after its blocks were changed, in memory.
 *
 * @param parameters all of the model's numbers
 * @param sizeBytes of the weights in a checkpoint: codes with float16 scales and packed zeros, all else float16, zeros of
 *     sparse matrices included
 * @param coded share of the blocks' weights that are codes: a packing may not hold every shape
 */
public record Variant(Parameters parameters, long sizeBytes, double coded) {
    /** Collects the blocks of a variant. */
    static final class Builder {
        private final Overlay overlay;
        private long bits;
        private long inBlocks;
        private long inCodes;

        Builder(ModelSpec model, Parameters original) {
            this.overlay = new Overlay(original, new HashMap<>(), new HashMap<>(), new HashMap<>());
            this.bits = 16 * ParameterCount.of(model).total();
        }

        void add(BlockSpec spec, BlockWeights weights, Map<String, Weight> coded) {
            for (Linear linear : spec.linears()) {
                Weight weight = coded.get(linear.name());
                long size = (long) linear.rows() * linear.columns();
                inBlocks += size;
                overlay.matrices.put(linear.name(), weight == null ? weights.matrix(linear) : weight);
                if (weight != null && weight.layout() instanceof Grouped grouped) {
                    long groups = (long) linear.rows() * grouped.groups(linear.columns());
                    int zero = grouped.zeroPoint() == ZeroPoint.MIDDLE ? 0 : grouped.bits();
                    inCodes += size;
                    bits += size * (grouped.bits() - 16L) + groups * (16 + zero);
                }
            }
            overlay.vectors.putAll(weights.vectors());
            for (Linear linear : spec.linears()) {
                weights.lowRank(linear).ifPresent(correction -> {
                    overlay.corrections.put(linear.name(), correction);
                    bits += Byte.SIZE * correction.sizeBytes();
                });
            }
        }

        Variant build() {
            return new Variant(overlay, Math.ceilDiv(bits, 8), (double) inCodes / inBlocks);
        }
    }

    /** The numbers of the blocks, and what lies outside of them. */
    private record Overlay(
            Parameters original,
            Map<String, Weight> matrices,
            Map<String, float[]> vectors,
            Map<String, LowRank> corrections)
            implements Parameters {
        @Override
        public Optional<LowRank> lowRank(Linear linear) {
            return Optional.ofNullable(corrections.get(linear.name()));
        }

        @Override
        public Weight matrix(Linear linear) {
            Weight weight = matrices.get(linear.name());
            return weight == null ? original.matrix(linear) : weight;
        }

        @Override
        public float[] bias(Linear linear) {
            float[] bias = vectors.get(linear.name() + ".bias");
            return bias == null ? original.bias(linear) : bias;
        }

        @Override
        public float[] vector(String name, int size) {
            float[] vector = vectors.get(name);
            return vector == null ? original.vector(name, size) : vector;
        }

        @Override
        public Optional<float[]> optional(String name, int size) {
            float[] vector = vectors.get(name);
            return vector == null ? original.optional(name, size) : Optional.of(vector);
        }
    }
}
