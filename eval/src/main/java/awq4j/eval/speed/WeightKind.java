package awq4j.eval.speed;

import awq4j.tensor.DType;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;

/** How a random model's linears are stored. */
public sealed interface WeightKind {
    /**
     * Codes of 4 bits with a scale and a zero a group, as AWQ leaves them; embedding and output matrix in float16.
     *
     * @param groupSize columns that share a scale; more than a row has for one group a row
     */
    record Quantized(int groupSize) implements WeightKind {
        /** @throws IllegalArgumentException if the group size is not positive */
        public Quantized {
            if (groupSize < 1) {
                throw new IllegalArgumentException("group size must be positive, was " + groupSize);
            }
        }

        Grouped layout(int columns) {
            return new Grouped(4, Math.min(groupSize, columns), ZeroPoint.INTEGER);
        }
    }

    /**
     * Plain numbers throughout.
     *
     * @param dtype F32, F16 or BF16
     */
    record Plain(DType dtype) implements WeightKind {
        /** @throws IllegalArgumentException if it is another */
        public Plain {
            if (!new Dense(dtype).dtype().isFloat()) {
                throw new IllegalArgumentException("plain weights are floats, was " + dtype);
            }
        }
    }
}
