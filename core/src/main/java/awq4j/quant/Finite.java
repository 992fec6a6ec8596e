package awq4j.quant;

import java.util.Map;

/** Refuses what no quantization can make sense of. */
final class Finite {
    private Finite() {}

    /** @throws IllegalArgumentException if a number of the block is NaN or infinite; names tensor and element */
    static void require(BlockWeights weights) {
        for (Map.Entry<String, BlockWeights.Matrix> entry : weights.matrices().entrySet()) {
            float[] values = entry.getValue().values();
            int bad = firstNotFinite(values);
            if (bad >= 0) {
                int columns = entry.getValue().linear().columns();
                throw new IllegalArgumentException(entry.getKey() + ".weight: expected finite numbers, found "
                        + values[bad] + " at row " + bad / columns + ", column " + bad % columns);
            }
        }
        for (Map.Entry<String, float[]> entry : weights.vectors().entrySet()) {
            int bad = firstNotFinite(entry.getValue());
            if (bad >= 0) {
                throw new IllegalArgumentException(
                        entry.getKey() + ": expected finite numbers, found " + entry.getValue()[bad] + " at " + bad);
            }
        }
    }

    /** Where the first NaN or infinity stands, or -1. */
    static int firstNotFinite(float[] values) {
        // x * 0 is 0 for finite x and NaN otherwise: one sum without branches tells whether to look closer
        int block = 4096;
        for (int from = 0; from < values.length; from += block) {
            int to = Math.min(values.length, from + block);
            float sum = 0;
            for (int i = from; i < to; i++) {
                sum += values[i] * 0f;
            }
            if (sum != 0) {
                for (int i = from; i < to; i++) {
                    if (!Float.isFinite(values[i])) {
                        return i;
                    }
                }
            }
        }
        return -1;
    }
}
