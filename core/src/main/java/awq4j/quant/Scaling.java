package awq4j.quant;

import java.util.List;
import java.util.stream.IntStream;

/**
 * How AWQ turns a ratio into one scale a channel. Both start from the mean magnitude of the channel's activations, since
 * that is what tells salient channels (Lin et al., AWQ, section 3.2); scales are brought to sqrt(max * min) = 1.
 */
public enum Scaling {
    /** {@code meanAbs(x)^ratio}, as the paper and llm-awq have it. Ratio 0 is plain rounding. */
    PLAIN {
        @Override
        float raw(float meanAbsInput, float meanWeight, float ratio) {
            return power(meanAbsInput, ratio);
        }
    },
    /**
     * {@code meanAbs(x)^ratio / meanWeight^(1 - ratio)}, AutoAWQ's default: channels whose weights are large in their
     * groups need less. No ratio gives plain rounding.
     */
    DUO {
        @Override
        float raw(float meanAbsInput, float meanWeight, float ratio) {
            return power(meanAbsInput, ratio) / (power(meanWeight, 1 - ratio) + 1e-4f);
        }
    };

    /** Smallest scale before normalization: a channel that is always 0 must not get 0. */
    private static final float SMALLEST = 1e-4f;

    abstract float raw(float meanAbsInput, float meanWeight, float ratio);

    /**
     * The scale of every channel, in float32 steps as the references take them.
     *
     * @param meanAbsInput mean magnitude of each channel's activations, [columns]
     * @param meanWeight mean over the rows of each weight's share of the largest in its group, [columns]; unused by
     *     {@link #PLAIN}
     * @return [columns], positive
     */
    float[] scales(float[] meanAbsInput, float[] meanWeight, double ratio) {
        float[] scales = new float[meanAbsInput.length];
        float largest = 0;
        float smallest = Float.POSITIVE_INFINITY;
        for (int c = 0; c < scales.length; c++) {
            scales[c] = Math.max(raw(meanAbsInput[c], meanWeight[c], (float) ratio), SMALLEST);
            largest = Math.max(largest, scales[c]);
            smallest = Math.min(smallest, scales[c]);
        }
        float middle = (float) Math.sqrt(largest * smallest);
        for (int c = 0; c < scales.length; c++) {
            float scale = scales[c] / middle;
            scales[c] = Float.isFinite(scale) && scale > 0 ? scale : 1;
        }
        return scales;
    }

    private static float power(float base, float exponent) {
        return (float) Math.pow(base, exponent);
    }

    /** Mean magnitude of each column of {@code values} [rows, columns]. */
    static float[] meanAbs(float[] values, int columns) {
        int rows = values.length / columns;
        float[] means = new float[columns];
        byColumns(columns, (from, to) -> {
            double[] sums = new double[to - from];
            for (int row = 0; row < rows; row++) {
                int start = row * columns;
                for (int c = from; c < to; c++) {
                    sums[c - from] += Math.abs(values[start + c]);
                }
            }
            for (int c = from; c < to; c++) {
                means[c] = (float) (sums[c - from] / rows);
            }
        });
        return means;
    }

    /**
     * What {@link #DUO} wants to know of the matrices of a group: for every column the mean over all their rows of
     * {@code |w| / (largest magnitude of w's group + 1e-6)}.
     *
     * @param matrices each [rows, columns]
     */
    static float[] meanWeight(List<float[]> matrices, int columns, int groupSize) {
        float[] means = new float[columns];
        int groups = (columns + groupSize - 1) / groupSize;
        IntStream.range(0, groups).parallel().forEach(g -> {
            int from = g * groupSize;
            int to = Math.min(columns, from + groupSize);
            double[] sums = new double[to - from];
            long rows = 0;
            for (float[] matrix : matrices) {
                for (int start = 0; start < matrix.length; start += columns) {
                    addShares(matrix, start + from, start + to, sums);
                    rows++;
                }
            }
            for (int c = from; c < to; c++) {
                means[c] = (float) (sums[c - from] / rows);
            }
        });
        return means;
    }

    private static void addShares(float[] matrix, int from, int to, double[] sums) {
        float largest = 0;
        for (int i = from; i < to; i++) {
            largest = Math.max(largest, Math.abs(matrix[i]));
        }
        for (int i = from; i < to; i++) {
            sums[i - from] += Math.abs(matrix[i]) / (largest + 1e-6f);
        }
    }

    private interface Columns {
        void at(int from, int to);
    }

    private static void byColumns(int columns, Columns work) {
        int block = 256;
        IntStream.range(0, (columns + block - 1) / block)
                .parallel()
                .forEach(i -> work.at(i * block, Math.min(columns, (i + 1) * block)));
    }
}
