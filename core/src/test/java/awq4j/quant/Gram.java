package awq4j.quant;

import java.util.stream.IntStream;

/**
 * The Gram matrix X^T X of a linear's inputs: all that GPTQ, and the squared error of a linear's outputs, need to know of
 * the calibration.
 *
 * <p>Products are summed in float32 over {@value #TOKENS} tokens and these sums in double, so an entry is off by at most
 * about sqrt({@value #TOKENS}) units in the last place of float32 of its summed magnitudes, however many tokens there are. That is
 * far below what damping adds to the diagonal. It is computed in tiles, the lower ones only, one thread a tile: the result
 * does not depend on how many threads there are.
 */
final class Gram {
    private static final int TILE = 64;
    private static final int TOKENS = 256;

    private Gram() {}

    /**
     * Computes it.
     *
     * @param inputs [tokens, columns]; not modified
     * @return [columns, columns], symmetric
     */
    static float[] of(float[] inputs, int columns) {
        float[] gram = new float[Math.multiplyExact(columns, columns)];
        int tiles = (columns + TILE - 1) / TILE;
        IntStream.range(0, tiles * tiles)
                .parallel()
                .filter(tile -> tile % tiles <= tile / tiles)
                .forEach(tile -> tile(inputs, columns, tile / tiles * TILE, tile % tiles * TILE, gram));
        return gram;
    }

    private static void tile(float[] inputs, int columns, int row, int column, float[] gram) {
        int rows = Math.min(TILE, columns - row);
        int width = Math.min(TILE, columns - column);
        int tokens = inputs.length / columns;
        double[] sums = new double[rows * width];
        float[] part = new float[rows * width];
        for (int from = 0; from < tokens; from += TOKENS) {
            int to = Math.min(from + TOKENS, tokens);
            int t = from;
            for (; t + 4 <= to; t += 4) {
                int at = t * columns;
                for (int r = 0; r < rows; r++) {
                    int left = at + row + r;
                    add(
                            part,
                            r * width,
                            width,
                            inputs,
                            at + column,
                            columns,
                            inputs[left],
                            inputs[left + columns],
                            inputs[left + 2 * columns],
                            inputs[left + 3 * columns]);
                }
            }
            for (; t < to; t++) {
                for (int r = 0; r < rows; r++) {
                    float left = inputs[t * columns + row + r];
                    for (int c = 0; c < width; c++) {
                        part[r * width + c] += left * inputs[t * columns + column + c];
                    }
                }
            }
            for (int i = 0; i < part.length; i++) {
                sums[i] += part[i];
                part[i] = 0;
            }
        }
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < width; c++) {
                float sum = (float) sums[r * width + c];
                gram[(row + r) * columns + column + c] = sum;
                gram[(column + c) * columns + row + r] = sum;
            }
        }
    }

    /** Four tokens at once, so that a sum is loaded and stored once for four products. */
    private static void add(
            float[] sums, int at, int width, float[] x, int from, int stride, float a, float b, float c, float d) {
        int second = from + stride;
        int third = second + stride;
        int fourth = third + stride;
        for (int i = 0; i < width; i++) {
            sums[at + i] += a * x[from + i] + b * x[second + i] + c * x[third + i] + d * x[fourth + i];
        }
    }
}
