package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.BlockSpec;
import awq4j.model.family.Families;
import awq4j.quant.QuantScheme.Range;
import awq4j.tensor.DType;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ClipSearchTest {
    private static final int COLUMNS = 20;
    private static final int ROWS = 107; // more than are multiplied at once
    private static final int SIZE = 8; // groups of 8, 8 and 4 columns
    private static final long SEED = 3;

    /** The definition, token by token in double, and the search over columns: the same errors and nearly always clips. */
    @Test
    void errorsAreThoseOfTheDefinition() {
        var random = new Random(SEED);
        int tokens = 1300; // every second one is looked at
        float[] inputs = gaussian(random, tokens * COLUMNS);
        float[] values = gaussian(random, ROWS * COLUMNS);
        float[] scale = new float[COLUMNS];
        for (int c = 0; c < COLUMNS; c++) {
            scale[c] = 0.5f + random.nextFloat();
        }
        var quantizer = new Quantizer(new QuantScheme(3, SIZE, false, Range.REFERENCE), DType.F32, DType.F32);
        ClipSearch.Clips clips;
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            clips = new ClipSearch(backend, quantizer, inputs, COLUMNS, scale).search(ROWS, values);
        }
        assertThat(clips.largest()).hasSize(ROWS * 3);
        for (int row = 0; row < ROWS; row++) {
            for (int g = 0; g < 3; g++) {
                int from = g * SIZE;
                int to = Math.min(COLUMNS, from + SIZE);
                double best = Double.POSITIVE_INFINITY;
                double kept = Double.NaN;
                double ofOurs = Double.NaN;
                for (int step = 0; step < 10; step++) {
                    float limit = largest(values, row, from, to) * (float) (1 - step / 20.0);
                    double error = error(quantizer, inputs, scale, values, row, from, to, limit);
                    if (error < best) {
                        best = error;
                        kept = limit;
                    }
                    if (limit == clips.largest()[row * 3 + g]) {
                        ofOurs = error;
                    }
                }
                assertThat((double) clips.errors()[row * 3 + g])
                        .as("row %d group %d seed %d", row, g, SEED)
                        .isCloseTo(ofOurs, within(1e-5 * ofOurs));
                assertThat(ofOurs).isCloseTo(best, within(1e-5 * best));
                assertThat((double) clips.largest()[row * 3 + g]).isCloseTo(kept, within(1e-6));
            }
        }
    }

    private static float largest(float[] values, int row, int from, int to) {
        float largest = 0;
        for (int c = from; c < to; c++) {
            largest = Math.max(largest, Math.abs(values[row * COLUMNS + c]));
        }
        return largest;
    }

    private static double error(
            Quantizer quantizer,
            float[] inputs,
            float[] scale,
            float[] values,
            int row,
            int from,
            int to,
            float limit) {
        float[] kept = new float[to - from];
        for (int c = from; c < to; c++) {
            kept[c - from] = Math.clamp(values[row * COLUMNS + c], -limit, limit);
        }
        quantizer.round(1, kept.length, kept, kept);
        double sum = 0;
        int count = 0;
        for (int t = 0; t < inputs.length / COLUMNS; t += 2) {
            double difference = 0;
            for (int c = from; c < to; c++) {
                float x = inputs[t * COLUMNS + c] / scale[c];
                difference += (double) x * (kept[c - from] - values[row * COLUMNS + c]);
            }
            sum += difference * difference;
            count++;
        }
        return sum / count;
    }

    @Test
    void queriesAndKeysAreSpared() {
        for (String model : List.of("models/llama_gqa", "models/opt")) {
            try (Checkpoint checkpoint = Checkpoints.open(Golden.path(model))) {
                BlockSpec spec = Families.spec(checkpoint).blocks().getFirst();
                var spared = spec.linears().stream()
                        .filter(linear -> !ClipSearch.wanted(spec, linear))
                        .toList();
                assertThat(spared)
                        .containsExactly(
                                spec.attention().query(), spec.attention().key());
            }
        }
    }

    @Test
    void groupOfZerosKeepsNothing() {
        var quantizer = Quantizer.forCheckpoints(new QuantScheme(4, SIZE, false, Range.REFERENCE));
        ClipSearch.Clips clips;
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            clips = new ClipSearch(backend, quantizer, gaussian(new Random(SEED), 5 * COLUMNS), COLUMNS, null)
                    .search(1, new float[COLUMNS]);
        }
        assertThat(clips.largest()).containsOnly(0f);
        assertThat(clips.errors()).containsOnly(0f);
    }

    private static float[] gaussian(Random random, int size) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
