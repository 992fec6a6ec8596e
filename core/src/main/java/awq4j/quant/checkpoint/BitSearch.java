package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.PlacedHead;
import awq4j.model.family.Families;
import awq4j.quant.BitBudget;
import awq4j.quant.BitBudget.Candidate;
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
 * Finds a width for each matrix of a model, within a budget, by what rounding the matrix alone does to the model's
 * predictions on some calibration tokens. Block by block: memory holds one, and what {@link Sensitivity} follows.
 */
public final class BitSearch {
    /** Widths that have kernels of their own. */
    public static final List<Integer> WIDTHS = List.of(2, 3, 4, 8);

    private BitSearch() {}

    /**
     * What was found.
     *
     * @param widths of the mixture
     * @param candidates what each matrix loses at each width, in nats a token
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
            Calibration some = some(calibration, Sensitivity.tokens(model));
            var sensitivity = new Sensitivity(backend, model, some.sequences().length, some.length(), scheme, WIDTHS);
            float[] hidden = BlockLoop.embed(backend, model, checkpoint, some);
            for (BlockSpec spec : model.blocks()) {
                if (stop.getAsBoolean()) {
                    throw new CancellationException("interrupted");
                }
                watch.at(spec.index(), model.blocks().size());
                hidden = sensitivity.block(spec, BlockWeights.load(spec, Parameters.of(checkpoint)), hidden);
            }
            candidates.addAll(sensitivity.losses(PlacedHead.place(backend, model, checkpoint), hidden));
            watch.at(model.blocks().size(), model.blocks().size());
        }
        if (candidates.isEmpty()) {
            throw new IllegalArgumentException("no linear of " + source + " divides into groups of "
                    + scheme.groupSize() + "; choose a smaller group size");
        }
        SortedMap<String, Integer> chosen = BitBudget.choose(candidates, budget);
        return new Found(Widths.mixed(scheme, chosen), candidates, BitBudget.bitsPerWeight(candidates, chosen));
    }

    /** Whole sequences, or the beginning of one. */
    private static Calibration some(Calibration calibration, int tokens) {
        int[][] all = calibration.sequences();
        int length = Math.min(tokens, calibration.length());
        int count = Math.clamp(tokens / length, 1, all.length);
        int[][] some = new int[count][];
        Arrays.setAll(some, i -> Arrays.copyOf(all[(int) ((long) i * all.length / count)], length));
        return Calibration.ofTokens(some);
    }
}
