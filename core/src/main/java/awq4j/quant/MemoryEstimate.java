package awq4j.quant;

import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.ParameterCount;

/**
 * What quantizing a model takes at its peak: it goes block by block, so one block and what calibration saw of it must
 * fit, not the model.
 *
 * @param block bytes of the largest block in float32
 * @param activations bytes of the calibration tokens: the residual stream before and after the block, and the input of
 *     every linear of the block (those that share one count once)
 * @param rest bytes of everything else: the program, packed results, copies of linears during the search
 */
public record MemoryEstimate(long block, long activations, long rest) {
    /** What does not grow with the block or with the calibration set. */
    private static final long REST = 300_000_000;

    /**
     * Estimates for a model.
     *
     * @param tokens calibration tokens that run through a block, sequences times length; 0 for a method that sees none
     */
    public static MemoryEstimate of(ModelSpec model, long tokens) {
        return of(model, tokens, false);
    }

    /**
     * The same, perhaps with experts that see all tokens.
     *
     * @param everyExpert whether they do, see {@link QuantMethod#everyExpert}
     */
    public static MemoryEstimate of(ModelSpec model, long tokens, boolean everyExpert) {
        long block = 0;
        long columns = 0;
        long copied = 0;
        for (BlockSpec spec : model.blocks()) {
            block = Math.max(block, ParameterCount.of(spec) * Float.BYTES);
            columns = Math.max(columns, capturedColumns(spec, everyExpert));
            copied = Math.max(copied, tokens == 0 ? 0 : copied(spec));
        }
        return new MemoryEstimate(
                block, tokens * Float.BYTES * (2L * model.hidden() + columns), REST + copied * Float.BYTES);
    }

    /**
     * The same for a method that works with Gram matrices: that of the widest linear as it is summed, as it is multiplied
     * with, and factored in double; and two copies of the block's weights, as they were.
     */
    public MemoryEstimate withGram(ModelSpec model) {
        long widest = model.blocks().stream()
                .flatMap(spec -> spec.linears().stream())
                .mapToLong(Linear::columns)
                .max()
                .orElse(0);
        return new MemoryEstimate(block, activations, rest + 2 * block + 6 * Float.BYTES * widest * widest);
    }

    /**
     * The same for a method that is content with sums of what linears see ({@link InputStatistics}): these, and the residual
     * stream before and after the block. Inputs of experts are kept nevertheless.
     *
     * @param tokens calibration tokens
     */
    public MemoryEstimate counting(ModelSpec model, long tokens) {
        long sums = 0;
        for (BlockSpec spec : model.blocks()) {
            if (spec.mlp() instanceof Mlp.Experts) {
                return this;
            }
            long bytes = spec.linears().stream()
                    .filter(linear -> spec.source(linear).equals(linear))
                    .mapToLong(linear -> (long) linear.columns() * linear.columns() * Float.BYTES)
                    .sum();
            sums = Math.max(sums, Math.min(bytes, InputStatistics.GRAM_BYTES));
        }
        return new MemoryEstimate(block, tokens * Float.BYTES * 2L * model.hidden(), rest + sums);
    }

    /** All of it. */
    public long total() {
        return block + activations + rest;
    }

    /**
     * Values a token leaves behind in a block: every input of its linears once. Of experts only those it goes to keep any,
     * and only of their last linear: the others read what the router reads.
     */
    private static long capturedColumns(BlockSpec spec, boolean everyExpert) {
        long sum = spec.linears().stream()
                .filter(linear -> spec.source(linear).equals(linear))
                .mapToLong(Linear::columns)
                .sum();
        if (spec.mlp() instanceof Mlp.Experts mixture) {
            int experts = mixture.experts().size();
            long outer = mixture.experts().getFirst().gate().columns();
            sum -= experts * (outer + mixture.width());
            sum += (everyExpert ? experts : mixture.chosen()) * (long) mixture.width();
        }
        return sum;
    }

    /** Weights of experts that a search rounds on trial, all at once. */
    private static long copied(BlockSpec spec) {
        return spec.mlp() instanceof Mlp.Experts mixture
                ? 2L
                        * mixture.experts().size()
                        * mixture.width()
                        * mixture.router().columns()
                : 0;
    }
}
