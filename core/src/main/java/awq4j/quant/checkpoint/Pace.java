package awq4j.quant.checkpoint;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.ParameterCount;
import awq4j.quant.Effort;
import awq4j.quant.QuantMethod;
import awq4j.quant.QuantScheme;
import awq4j.quant.Quantizer;
import awq4j.quant.calibration.Calibration;
import awq4j.weight.Weight;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.jspecify.annotations.Nullable;

/**
 * How fast this machine does the arithmetic of quantization, found in a probe of about a second.
 *
 * @param productsPerSecond multiply-adds inside matrix products
 * @param roundingsPerSecond weights rounded to codes and back
 */
record Pace(double productsPerSecond, double roundingsPerSecond) {
    /** Long enough for the compiler to have done its work in the first half. */
    private static final long PROBE_NANOS = 600_000_000;

    private static final int TOKENS = 256;
    private static final int ROWS = 512;

    /** Norms, attention, files, garbage and code that is not yet compiled come on top of what is counted. */
    private static final double REST = 1.5;

    /** @param products whether products will be asked for; if not, their rate stays infinite, and no time goes into it */
    static Pace of(Backend backend, ModelSpec model, QuantScheme scheme, boolean products) {
        int columns = Math.min(2048, model.hidden());
        float[] values = new float[ROWS * columns];
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(1);
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextFloat() - 0.5f;
        }
        Quantizer quantizer = Quantizer.forCheckpoints(scheme);
        float[] rounded = new float[values.length];
        double roundings = perSecond(() -> quantizer.round(ROWS, columns, values, rounded));
        return new Pace(
                products ? products(backend, columns, values) : Double.POSITIVE_INFINITY, roundings * values.length);
    }

    private static double products(Backend backend, int columns, float[] values) {
        PlacedWeight weight = backend.place(Weight.ofFloats("probe", ROWS, columns, values));
        Buffer x = backend.allocate(TOKENS, columns);
        Buffer out = backend.allocate(TOKENS, ROWS);
        return perSecond(() -> backend.kernels().linear(weight, null, x, out)) * TOKENS * values.length;
    }

    /** Seconds that each of some blocks takes: it is run once over all calibration tokens, and quantized. */
    double[] seconds(QuantMethod method, List<BlockSpec> blocks, @Nullable Calibration calibration) {
        long tokens = calibration == null || !method.calibrated() ? 0 : calibration.tokens();
        return blocks.stream()
                .mapToDouble(block -> {
                    long run = ParameterCount.of(block) - (method.everyExpert() ? 0 : ParameterCount.idle(block));
                    Effort effort = new Effort((double) run * tokens, 0).plus(method.effort(block, tokens));
                    return REST * (effort.products() / productsPerSecond + effort.roundings() / roundingsPerSecond);
                })
                .toArray();
    }

    /** Rate over the second half of the probe. */
    private static double perSecond(Runnable work) {
        long begin = System.nanoTime();
        long from = begin;
        int count = 0;
        while (true) {
            work.run();
            count++;
            long now = System.nanoTime();
            if (from == begin && now - begin > PROBE_NANOS / 2) {
                from = now; // what came before was for the compiler
                count = 0;
            } else if (from != begin && now - begin > PROBE_NANOS) {
                return count * 1e9 / (now - from);
            }
        }
    }
}
