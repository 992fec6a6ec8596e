package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.family.Families;
import awq4j.quant.BitBudget;
import awq4j.quant.BitBudget.Candidate;
import awq4j.quant.BlockRunner;
import awq4j.quant.BlockWeights;
import awq4j.quant.QuantScheme;
import awq4j.quant.Sensitivity;
import awq4j.quant.Widths;
import awq4j.quant.calibration.Calibration;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * Finds a width for each matrix of a model, within a budget, by what rounding the matrix alone does to its block's output
 * on some calibration tokens. Block by block: memory holds one.
 */
public final class BitSearch {
    /** Widths that have kernels of their own. */
    public static final List<Integer> WIDTHS = List.of(2, 3, 4, 8);

    /** Tokens that a block is run on for each matrix and width, in whole sequences; at least one sequence. */
    private static final int TOKENS = 1024;

    private BitSearch() {}

    /**
     * What was found.
     *
     * @param widths of the mixture
     * @param candidates what each matrix loses at each width
     * @param bitsPerWeight mean bits of the codes chosen
     */
    public record Found(Widths widths, List<Candidate> candidates, double bitsPerWeight) {
        /** Copies the list. */
        public Found {
            candidates = List.copyOf(candidates);
        }
    }

    /** Is told how far a search is. */
    @FunctionalInterface
    public interface Watch {
        /** So many blocks are done. */
        void at(int done, int blocks);
    }

    /**
     * Searches.
     *
     * @param source model folder, only read
     * @param scheme what all matrices share; its bits are not looked at
     * @param budget mean bits of a code
     * @param stop asked between blocks; true ends the search with a {@link CancellationException}
     * @throws IllegalArgumentException if the budget is below the narrowest width
     */
    public static Found run(
            Path source,
            QuantScheme scheme,
            Calibration calibration,
            double budget,
            CpuOptions cpu,
            Watch watch,
            BooleanSupplier stop) {
        if (!(budget >= WIDTHS.getFirst())) {
            throw new IllegalArgumentException("a budget of " + budget + " bits a weight: expected at least "
                    + WIDTHS.getFirst() + ", the narrowest width");
        }
        var candidates = new ArrayList<Candidate>();
        try (Checkpoint checkpoint = Checkpoints.open(source);
                Backend backend = CpuBackend.open(cpu)) {
            ModelSpec model = Families.spec(checkpoint);
            var runner = new BlockRunner(backend, model);
            Calibration some = some(calibration);
            int sequences = some.sequences().length;
            float[] hidden = BlockLoop.embed(backend, model, checkpoint, some);
            for (BlockSpec spec : model.blocks()) {
                if (stop.getAsBoolean()) {
                    throw new CancellationException("interrupted");
                }
                watch.at(spec.index(), model.blocks().size());
                BlockWeights weights = BlockWeights.load(spec, Parameters.of(checkpoint));
                float[] outputs = runner.outputs(spec, weights, hidden, sequences, some.length());
                candidates.addAll(Sensitivity.of(
                        runner, spec, weights, hidden, outputs, sequences, some.length(), scheme, WIDTHS));
                hidden = outputs;
            }
            watch.at(model.blocks().size(), model.blocks().size());
        }
        if (candidates.isEmpty()) {
            throw new IllegalArgumentException("no linear of " + source + " divides into groups of "
                    + scheme.groupSize() + "; choose a smaller group size");
        }
        SortedMap<String, Integer> chosen = BitBudget.choose(candidates, budget);
        return new Found(Widths.mixed(scheme, chosen), candidates, BitBudget.bitsPerWeight(candidates, chosen));
    }

    private static Calibration some(Calibration calibration) {
        int[][] all = calibration.sequences();
        int count = Math.clamp(TOKENS / calibration.length(), 1, all.length);
        int[][] some = new int[count][];
        Arrays.setAll(some, i -> all[(int) ((long) i * all.length / count)]);
        return Calibration.ofTokens(some);
    }
}
