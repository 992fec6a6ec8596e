package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.StoredMatrix;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a block's output loses if one matrix is rounded and nothing else: the sum of squares that the hidden states behind
 * the block change by, relative to that of the hidden states. So what is measured is comparable from matrix to matrix,
 * whatever comes between it and the output, and from block to block.
 */
public final class Sensitivity {
    private Sensitivity() {}

    /**
     * Measures each stored matrix that can be rounded at all of the widths.
     *
     * @param weights changed on the way, and as they were in the end
     * @param hidden [sequences * length, hidden], what flows into the block
     * @param outputs [sequences * length, hidden], what flows on at full precision
     * @param scheme what all widths share; its bits are not looked at, and it is packed densely
     * @param widths in bits
     */
    public static List<BitBudget.Candidate> of(
            BlockRunner runner,
            BlockSpec spec,
            BlockWeights weights,
            float[] hidden,
            float[] outputs,
            int sequences,
            int length,
            QuantScheme scheme,
            List<Integer> widths) {
        QuantScheme dense = scheme.packedDensely();
        double norm = squares(outputs, null);
        var candidates = new ArrayList<BitBudget.Candidate>();
        for (StoredMatrix matrix : StoredMatrix.of(spec.quantizable())) {
            if (!roundable(spec, matrix, dense, widths)) {
                continue;
            }
            Map<String, float[]> original = new LinkedHashMap<>();
            for (Linear part : matrix.parts()) {
                original.put(part.name(), weights.values(part.name()).clone());
            }
            var losses = new TreeMap<Integer, Double>();
            for (int bits : widths) {
                Quantizer quantizer = Quantizer.forCheckpoints(scheme.withBits(bits));
                original.forEach((name, values) -> quantizer.round(
                        values.length / matrix.columns(), matrix.columns(), values, weights.values(name)));
                float[] changed = runner.outputs(spec, weights, hidden, sequences, length);
                losses.put(bits, norm == 0 ? 0 : squares(outputs, changed) / norm);
            }
            original.forEach((name, values) -> System.arraycopy(values, 0, weights.values(name), 0, values.length));
            candidates.add(new BitBudget.Candidate(matrix.name(), (long) matrix.rows() * matrix.columns(), losses));
        }
        return candidates;
    }

    private static boolean roundable(BlockSpec spec, StoredMatrix matrix, QuantScheme scheme, List<Integer> widths) {
        return matrix.parts().stream()
                .allMatch(part -> widths.stream()
                        .allMatch(bits -> BlockRounding.obstacle(spec, part, scheme.withBits(bits)) == null));
    }

    private static double squares(float[] a, float @Nullable [] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            double d = b == null ? a[i] : (double) a[i] - b[i];
            sum += d * d;
        }
        return sum;
    }
}
