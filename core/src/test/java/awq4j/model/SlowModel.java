package awq4j.model;

import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;

/**
 * Seeded random tensors, and what definitions of models are made of, in double precision over whole sequences
 * ([tokens][values]). Knows nothing of {@link ModelSpec} nor of kernels.
 */
public final class SlowModel {
    private final Random random;
    private final Map<String, float[]> tensors = new LinkedHashMap<>();
    private final Map<String, long[]> shapes = new LinkedHashMap<>();

    SlowModel(long seed) {
        random = new Random(seed);
    }

    /** Adds a matrix that keeps the size of what it multiplies. */
    SlowModel matrix(String name, int rows, int columns) {
        return tensor(name, 0, 1.2 / Math.sqrt(columns), rows, columns);
    }

    /** Adds a matrix that is stored as [columns, rows]. */
    SlowModel turned(String name, int rows, int columns) {
        return tensor(name, 0, 1.2 / Math.sqrt(columns), columns, rows);
    }

    /** Adds matrices of experts, one behind the other in one tensor. */
    SlowModel experts(String name, int count, int rows, int columns) {
        return tensor(name, 0, 1.2 / Math.sqrt(columns), count, rows, columns);
    }

    /** Adds gains that each head has its own of. */
    SlowModel gains(String name, int heads, int size) {
        return tensor(name, 1, 0.3, heads, size);
    }

    SlowModel gain(String name, int size) {
        return tensor(name, 1, 0.3, size);
    }

    SlowModel bias(String name, int size) {
        return tensor(name, 0, 0.3, size);
    }

    private SlowModel tensor(String name, double mean, double deviation, long... shape) {
        int size = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) (mean + deviation * random.nextGaussian());
        }
        tensors.put(name, values);
        shapes.put(name, shape);
        return this;
    }

    /** Writes the model. */
    void write(Path folder, String config) {
        try {
            Files.writeString(Files.createDirectories(folder).resolve("config.json"), config);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        SafetensorsWriter.write(
                folder.resolve("model.safetensors"),
                Map.of("format", "pt"),
                tensors.entrySet().stream()
                        .map(entry -> Source.of(
                                entry.getKey(), Tensor.ofFloats(entry.getValue(), shapes.get(entry.getKey()))))
                        .toList());
    }

    float[] values(String name) {
        return Objects.requireNonNull(tensors.get(name), name);
    }

    double[][] embed(String name, int[] rows) {
        int width = (int) shapes.get(name)[1];
        double[][] x = new double[rows.length][width];
        for (int t = 0; t < rows.length; t++) {
            for (int i = 0; i < width; i++) {
                x[t][i] = values(name)[rows[t] * width + i];
            }
        }
        return x;
    }

    /** Multiplies by {@code prefix.weight} and adds {@code prefix.bias} if there is one. */
    double[][] linear(String prefix, double[][] x) {
        return linear(prefix, x, false);
    }

    /** The same with a matrix that is stored as [inputs, outputs]. */
    double[][] turnedLinear(String prefix, double[][] x) {
        return linear(prefix, x, true);
    }

    private double[][] linear(String prefix, double[][] x, boolean turned) {
        float[] weight = values(prefix + ".weight");
        float[] bias = tensors.get(prefix + ".bias");
        int columns = x[0].length;
        int rows = weight.length / columns;
        double[][] out = new double[x.length][rows];
        for (int t = 0; t < x.length; t++) {
            for (int r = 0; r < rows; r++) {
                double sum = bias == null ? 0 : bias[r];
                for (int c = 0; c < columns; c++) {
                    sum += x[t][c] * (turned ? weight[c * rows + r] : weight[r * columns + c]);
                }
                out[t][r] = sum;
            }
        }
        return out;
    }

    /** What an expert's matrix makes of one token, [rows]. */
    double[] expert(String name, int expert, double[] x) {
        int rows = (int) shapes.get(name)[1];
        double[] out = new double[rows];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < x.length; c++) {
                out[r] += x[c] * values(name)[(expert * rows + r) * x.length + c];
            }
        }
        return out;
    }

    /** A LayerNorm without bias on each head, with gains that each head has its own of, [heads, size]. */
    double[][] headNorm(String prefix, double[][] x, double epsilon) {
        float[] gains = values(prefix + ".weight");
        int size = (int) shapes.get(prefix + ".weight")[1];
        double[][] out = new double[x.length][x[0].length];
        for (int t = 0; t < x.length; t++) {
            for (int head = 0; head < x[t].length; head += size) {
                double[] one = Arrays.copyOfRange(x[t], head, head + size);
                double mean = Arrays.stream(one).average().orElseThrow();
                double variance = Arrays.stream(one)
                        .map(v -> (v - mean) * (v - mean))
                        .average()
                        .orElseThrow();
                for (int i = 0; i < size; i++) {
                    out[t][head + i] = (one[i] - mean) / Math.sqrt(variance + epsilon) * gains[head + i];
                }
            }
        }
        return out;
    }

    double[][] rmsNorm(String prefix, double[][] x, double epsilon) {
        float[] gain = values(prefix + ".weight");
        double[][] out = new double[x.length][x[0].length];
        for (int t = 0; t < x.length; t++) {
            double mean = Arrays.stream(x[t]).map(v -> v * v).average().orElseThrow();
            for (int i = 0; i < x[t].length; i++) {
                out[t][i] = x[t][i] / Math.sqrt(mean + epsilon) * gain[i];
            }
        }
        return out;
    }

    /** With {@code prefix.bias} if there is one. */
    double[][] layerNorm(String prefix, double[][] x, double epsilon) {
        float[] gain = values(prefix + ".weight");
        float[] bias = tensors.get(prefix + ".bias");
        double[][] out = new double[x.length][x[0].length];
        for (int t = 0; t < x.length; t++) {
            double mean = Arrays.stream(x[t]).average().orElseThrow();
            double variance = Arrays.stream(x[t])
                    .map(v -> (v - mean) * (v - mean))
                    .average()
                    .orElseThrow();
            for (int i = 0; i < x[t].length; i++) {
                out[t][i] = (x[t][i] - mean) / Math.sqrt(variance + epsilon) * gain[i] + (bias == null ? 0 : bias[i]);
            }
        }
        return out;
    }

    static double[][] sum(double[][] a, double[][] b) {
        return sum(a, b, 1);
    }

    /** a + factor * b. */
    static double[][] sum(double[][] a, double[][] b, double factor) {
        double[][] out = new double[a.length][a[0].length];
        for (int t = 0; t < a.length; t++) {
            for (int i = 0; i < a[t].length; i++) {
                out[t][i] = a[t][i] + factor * b[t][i];
            }
        }
        return out;
    }

    static double[][] product(double[][] a, double[][] b) {
        double[][] out = new double[a.length][a[0].length];
        for (int t = 0; t < a.length; t++) {
            for (int i = 0; i < a[t].length; i++) {
                out[t][i] = a[t][i] * b[t][i];
            }
        }
        return out;
    }

    static double[][] map(double[][] x, DoubleUnaryOperator function) {
        return Arrays.stream(x)
                .map(row -> Arrays.stream(row).map(function).toArray())
                .toArray(double[][]::new);
    }

    static double silu(double x) {
        return x / (1 + Math.exp(-x));
    }

    static double geluTanh(double x) {
        return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
    }

    /** x Phi(x), Phi by its series around zero, or by its continued fraction in the tail. */
    static double gelu(double x) {
        double z = Math.abs(x);
        double density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
        double phi;
        if (z < 4) {
            double term = z;
            double series = z;
            for (int k = 1; k < 200; k++) {
                term *= z * z / (2 * k + 1);
                series += term;
            }
            phi = 0.5 + density * series;
        } else {
            double fraction = 0;
            for (int k = 60; k > 0; k--) {
                fraction = k / (z + fraction);
            }
            phi = 1 - density / (z + fraction);
        }
        return x >= 0 ? x * phi : x * (1 - phi);
    }

    /** Columns from {@code from} to before {@code to}. */
    static double[][] columns(double[][] x, int from, int to) {
        return Arrays.stream(x).map(row -> Arrays.copyOfRange(row, from, to)).toArray(double[][]::new);
    }

    /** Of rows that are made of {@code count} stretches of {@code width}, the columns [from, to) of each stretch. */
    static double[][] ofEach(double[][] x, int count, int width, int from, int to) {
        double[][] out = new double[x.length][count * (to - from)];
        for (int t = 0; t < x.length; t++) {
            for (int s = 0; s < count; s++) {
                System.arraycopy(x[t], s * width + from, out[t], s * (to - from), to - from);
            }
        }
        return out;
    }

    /** The nearest number of eight binary digits, which is what bfloat16 holds; of two as near the even one. */
    static double bfloat16(double x) {
        if (x == 0) {
            return 0;
        }
        int shift = 7 - Math.getExponent(x);
        return Math.scalb(Math.rint(Math.scalb(x, shift)), -shift);
    }

    /** Turns the first {@code r} values of each head of {@code size}: pairs half a rotation apart, or neighbours. */
    static double[][] rotate(double[][] x, int size, int r, double theta, boolean neighbours) {
        double[][] out = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            out[t] = x[t].clone();
            for (int head = 0; head < x[t].length; head += size) {
                for (int i = 0; i < r / 2; i++) {
                    double angle = t * Math.pow(theta, -2.0 * i / r);
                    int a = head + (neighbours ? 2 * i : i);
                    int b = head + (neighbours ? 2 * i + 1 : i + r / 2);
                    out[t][a] = x[t][a] * Math.cos(angle) - x[t][b] * Math.sin(angle);
                    out[t][b] = x[t][b] * Math.cos(angle) + x[t][a] * Math.sin(angle);
                }
            }
        }
        return out;
    }

    /** What is added to a head's score of a key at one position for a query at another. */
    @FunctionalInterface
    interface Bias {
        double of(int head, int key, int query);
    }

    /** Causal attention; a window of 0 is none, slopes may be empty. */
    static double[][] attend(
            double[][] q, double[][] k, double[][] v, int size, double scale, int window, double... slopes) {
        return attend(q, k, v, size, scale, window, (head, p, t) -> slopes.length == 0 ? 0 : slopes[head] * (p - t));
    }

    /** The same with any biases. */
    static double[][] attend(double[][] q, double[][] k, double[][] v, int size, double scale, int window, Bias bias) {
        int heads = q[0].length / size;
        int sharing = q[0].length / k[0].length;
        double[][] out = new double[q.length][q[0].length];
        for (int t = 0; t < q.length; t++) {
            for (int h = 0; h < heads; h++) {
                int kv = h / sharing * size;
                int first = window == 0 ? 0 : Math.max(0, t - window + 1);
                double[] weights = new double[t + 1];
                double sum = 0;
                for (int p = first; p <= t; p++) {
                    double score = 0;
                    for (int d = 0; d < size; d++) {
                        score += q[t][h * size + d] * k[p][kv + d];
                    }
                    weights[p] = Math.exp(score * scale + bias.of(h, p, t));
                    sum += weights[p];
                }
                for (int p = first; p <= t; p++) {
                    for (int d = 0; d < size; d++) {
                        out[t][h * size + d] += weights[p] / sum * v[p][kv + d];
                    }
                }
            }
        }
        return out;
    }
}
