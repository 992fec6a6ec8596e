package awq4j.quant.checkpoint;

import awq4j.kernel.CpuOptions;
import awq4j.quant.QuantScheme;
import awq4j.quant.Widths;
import awq4j.quant.WithLowRank;
import awq4j.quant.calibration.Calibration;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What to quantize, how, and where the result goes. Start with {@link #of} and change what differs.
 *
 * @param source model folder, only read
 * @param output folder to be made
 * @param widths what matrices become
 * @param calibration null for methods that look at no text
 * @param recipeOut file that gets what the search found, null for none
 * @param force whether a model at {@code output}, and a file at {@code recipeOut}, may be replaced
 * @param restart whether to forget what an interrupted run left behind
 * @param maxShardBytes size beyond which tensors are spread over several files
 * @param cpu how blocks are run
 * @param program name and version, for the report
 * @param progress told about every step; from several threads while the model is checked
 * @param stop asked between steps; true ends the run with a {@link java.util.concurrent.CancellationException}, what is
 *     finished stays for the next run
 */
public record QuantizeSettings(
        Path source,
        Path output,
        Widths widths,
        MethodChoice method,
        @Nullable Calibration calibration,
        @Nullable Path recipeOut,
        boolean force,
        boolean restart,
        long maxShardBytes,
        CpuOptions cpu,
        String program,
        Consumer<Progress> progress,
        BooleanSupplier stop) {
    /** As large as the hub likes its files. */
    public static final long DEFAULT_SHARD_BYTES = 5_000_000_000L;

    /** @throws IllegalArgumentException if the method wants calibration and there is none */
    public QuantizeSettings {
        if (method.calibrated() && calibration == null) {
            throw new IllegalArgumentException("method " + method.name() + " needs calibration text");
        }
        if (maxShardBytes < 1) {
            throw new IllegalArgumentException("maxShardBytes must be positive, was " + maxShardBytes);
        }
    }

    /** Nothing is replaced, an interrupted run is continued, nobody watches. */
    public static QuantizeSettings of(
            Path source, Path output, QuantScheme scheme, MethodChoice method, @Nullable Calibration calibration) {
        return new QuantizeSettings(
                source,
                output,
                Widths.of(scheme),
                method,
                calibration,
                null,
                false,
                false,
                DEFAULT_SHARD_BYTES,
                CpuOptions.DEFAULT,
                "awq4j library",
                step -> {},
                () -> false);
    }

    /** What all matrices share: their scheme, or of a mixture that of the widest codes. */
    public QuantScheme scheme() {
        return widths.scheme();
    }

    /**
     * With matrices of several widths.
     *
     * @param mixture of the matrices of this model
     * @throws IllegalArgumentException if recipes do not suffice for the method; when the method is made
     */
    public QuantizeSettings withWidths(Widths mixture) {
        return with(mixture, MethodChoice.mixed(method, mixture));
    }

    /**
     * With matrices of low rank beside quantized linears, in the packing of this project: others would run the codes alone.
     * To be called last: what the method was before makes the codes.
     *
     * @throws IllegalArgumentException if the method carries out a recipe
     */
    public QuantizeSettings withLowRank(WithLowRank.Settings lowRank) {
        return with(widths.packedDensely(), MethodChoice.lowRank(method, lowRank));
    }

    private QuantizeSettings with(Widths others, MethodChoice other) {
        return new QuantizeSettings(
                source,
                output,
                others,
                other,
                calibration,
                recipeOut,
                force,
                restart,
                maxShardBytes,
                cpu,
                program,
                progress,
                stop);
    }

    /** With a file for the recipe. */
    public QuantizeSettings withRecipeOut(@Nullable Path file) {
        return with(file, force, restart, maxShardBytes, cpu, program, progress, stop);
    }

    /** With leave to replace a model, and to forget an interrupted run. */
    public QuantizeSettings replacing(boolean replace, boolean forget) {
        return with(recipeOut, replace, forget, maxShardBytes, cpu, program, progress, stop);
    }

    /** With another size of shards. */
    public QuantizeSettings withMaxShardBytes(long bytes) {
        return with(recipeOut, force, restart, bytes, cpu, program, progress, stop);
    }

    /** With other threads or kernels. */
    public QuantizeSettings withCpu(CpuOptions options) {
        return with(recipeOut, force, restart, maxShardBytes, options, program, progress, stop);
    }

    /** With the name that the report gives. */
    public QuantizeSettings madeBy(String nameAndVersion) {
        return with(recipeOut, force, restart, maxShardBytes, cpu, nameAndVersion, progress, stop);
    }

    /** With somebody who watches, and may end it. */
    public QuantizeSettings watched(Consumer<Progress> watcher, BooleanSupplier ender) {
        return with(recipeOut, force, restart, maxShardBytes, cpu, program, watcher, ender);
    }

    private QuantizeSettings with(
            @Nullable Path newRecipeOut,
            boolean newForce,
            boolean newRestart,
            long newMaxShardBytes,
            CpuOptions newCpu,
            String newProgram,
            Consumer<Progress> newProgress,
            BooleanSupplier newStop) {
        return new QuantizeSettings(
                source,
                output,
                widths,
                method,
                calibration,
                newRecipeOut,
                newForce,
                newRestart,
                newMaxShardBytes,
                newCpu,
                newProgram,
                newProgress,
                newStop);
    }
}
