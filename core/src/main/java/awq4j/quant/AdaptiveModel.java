package awq4j.quant;

import awq4j.cache.SequenceCache;
import awq4j.format.UnsupportedModelException;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Mlp;
import awq4j.model.Parameters;
import awq4j.model.StepBatch;
import awq4j.model.Taps;
import awq4j.model.Transformer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * A model that is quantized while it runs, and again where what it reads changes: AWQ's scales and clips (Lin et al.,
 * 2023) follow running statistics of the linears' inputs, searched by {@link Objective#GRAM} from the original weights.
 *
 * <p>It begins at full precision; {@link #calibrate} shows it text, {@link #start} quantizes it. From then on it watches the
 * inputs of its linears, in the units of the original model, and {@link #adapt} looks where they moved: an input moved if
 * its channels' shares of the mean magnitude differ from those that its scale came from by more than a threshold
 * (total variation). Only linears that read such an input, or take the inverse of its scale, are quantized again. That
 * happens between passes only, in this call. The same passes give the same numbers, whatever the number of threads.
 *
 * <p>Serves one caller at a time, as the transformer does.
 */
public final class AdaptiveModel {
    private final Transformer transformer;
    private final Backend backend;
    private final Settings settings;
    private final List<AdaptiveBlock> blocks = new ArrayList<>();
    private final Map<String, Place> places = new HashMap<>();
    private final Set<Linear> whole = new HashSet<>();
    private boolean started;

    /** Where an input belongs. */
    private record Place(AdaptiveBlock block, int input) {}

    /**
     * How a model adapts.
     *
     * @param scheme what weights become
     * @param scaling how channels are scaled
     * @param clip whether groups are clipped
     * @param threshold drift from which on an input is searched again, 0 to 1
     * @param halfLife tokens after which what was seen counts half
     * @param every one in how many tokens is looked at
     * @param statisticsBytes what all statistics may take; inputs of few columns first get a Gram matrix, those for which
     *     none is left are searched by their columns' squares
     */
    public record Settings(
            QuantScheme scheme,
            Scaling scaling,
            boolean clip,
            double threshold,
            int halfLife,
            int every,
            long statisticsBytes) {
        /** 4 bits in groups of 128. */
        public static final Settings DEFAULT =
                new Settings(QuantScheme.INT4_G128, Scaling.DUO, true, 0.02, 4096, 4, 1L << 30);

        /** @throws IllegalArgumentException if a number is outside its range */
        public Settings {
            if (!(threshold >= 0 && threshold <= 1)) {
                throw new IllegalArgumentException("threshold must be from 0 to 1, was " + threshold);
            }
            if (halfLife < 1 || every < 1) {
                throw new IllegalArgumentException(
                        "half-life and every must be positive, were " + halfLife + " and " + every);
            }
            if (statisticsBytes < 0) {
                throw new IllegalArgumentException("memory must not be negative, was " + statisticsBytes);
            }
        }

        /** The same to other codes. */
        public Settings withScheme(QuantScheme changed) {
            return new Settings(changed, scaling, clip, threshold, halfLife, every, statisticsBytes);
        }

        /** The same with another threshold. */
        public Settings withThreshold(double changed) {
            return new Settings(scheme, scaling, clip, changed, halfLife, every, statisticsBytes);
        }

        /** The same with another memory of what was seen. */
        public Settings withHalfLife(int changed) {
            return new Settings(scheme, scaling, clip, threshold, changed, every, statisticsBytes);
        }

        /** The same within other memory. */
        public Settings withStatisticsBytes(long changed) {
            return new Settings(scheme, scaling, clip, threshold, halfLife, every, changed);
        }

        /** The same looking at another share of the tokens. */
        public Settings withEvery(int changed) {
            return new Settings(scheme, scaling, clip, threshold, halfLife, changed, statisticsBytes);
        }
    }

    /**
     * What an input did.
     *
     * @param block the block's number
     * @param linears tensor prefixes of those that read it
     * @param drift how far its profile is from the one that its scale came from
     */
    public record Change(int block, List<String> linears, double drift) {
        /** Copies the list. */
        public Change {
            linears = List.copyOf(linears);
        }
    }

    /**
     * Takes a model that runs at full precision.
     *
     * @param transformer holds {@code original}; its blocks are replaced and its passes watched from now on
     * @param original stays at hand as long as the model is used
     * @throws UnsupportedModelException if a block has experts
     * @throws IllegalArgumentException if no linear can be rounded to the scheme
     */
    public AdaptiveModel(Transformer transformer, Parameters original, Settings settings) {
        this.transformer = transformer;
        this.backend = transformer.backend();
        this.settings = settings;
        List<BlockSpec> specs = transformer.spec().blocks();
        for (BlockSpec spec : specs) {
            if (spec.mlp() instanceof Mlp.Experts) {
                throw new UnsupportedModelException("block " + spec.index()
                        + " has experts: a router decides what they see, and adapting does not follow it");
            }
        }
        if (specs.stream()
                .flatMap(spec -> spec.linears().stream()
                        .filter(linear -> BlockRounding.obstacle(spec, linear, settings.scheme()) == null))
                .findAny()
                .isEmpty()) {
            throw new IllegalArgumentException("no linear of the model divides into groups of "
                    + settings.scheme().groupSize() + "; choose a smaller group size");
        }
        chooseWhole(specs);
        for (BlockSpec spec : specs) {
            var block = new AdaptiveBlock(backend, spec, original, settings, whole::contains);
            for (int i = 0; i < block.inputs().size(); i++) {
                places.put(block.inputs().get(i).source.name() + ".input", new Place(block, i));
            }
            blocks.add(block);
        }
        transformer.watch(this::see);
    }

    /** Gives Gram matrices to inputs of few columns first, while the memory lasts. */
    private void chooseWhole(List<BlockSpec> specs) {
        List<Linear> sources = specs.stream()
                .flatMap(spec -> spec.linears().stream()
                        .filter(linear -> spec.source(linear).equals(linear)))
                .sorted(Comparator.comparingInt(Linear::columns)) // stable: blocks in order
                .toList();
        long left = settings.statisticsBytes();
        for (Linear source : sources) {
            left -= RunningStatistics.sizeBytes(source.columns(), false);
        }
        for (Linear source : sources) {
            long bytes = RunningStatistics.sizeBytes(source.columns(), true)
                    - RunningStatistics.sizeBytes(source.columns(), false);
            if (bytes <= left && InputStatistics.fits(source.columns())) {
                left -= bytes;
                whole.add(source);
            }
        }
    }

    private void see(String point, Buffer value) {
        Place place = places.get(point);
        if (place != null) {
            AdaptiveBlock.Input input = place.block().inputs().get(place.input());
            input.seen.see(backend, value, place.block().scale(input));
        }
    }

    /**
     * Shows it text, as many passes as it takes; every token counts, and nothing fades.
     *
     * @param sequences tokens, each sequence by itself and no longer than the model's context
     * @throws IllegalStateException after {@link #start}
     */
    public void calibrate(int[][] sequences) {
        if (started) {
            throw new IllegalStateException("calibrate after start: what runs is quantized already");
        }
        read(sequences);
    }

    /** Reads text as if it had been served; after {@link #start} what is seen makes the rest fade. */
    public void read(int[][] sequences) {
        for (int[] sequence : sequences) {
            SequenceCache cache = transformer.newSequence(KvPrecision.F32, sequence.length);
            cache.expect(sequence.length);
            for (int at = 0; at < sequence.length; at += transformer.chunk()) {
                int to = Math.min(sequence.length, at + transformer.chunk());
                transformer.forward(
                        StepBatch.of(Arrays.copyOfRange(sequence, at, to), at, StepBatch.Logits.NONE),
                        List.of(cache),
                        Taps.NONE);
            }
        }
    }

    /**
     * Quantizes the model by what it has seen, plainly where that is nothing; what comes from now on makes the rest fade.
     */
    public void start() {
        for (AdaptiveBlock block : blocks) {
            List<AdaptiveBlock.Input> seen = new ArrayList<>();
            for (AdaptiveBlock.Input input : block.inputs()) {
                if (input.drift(backend) > 0) {
                    seen.add(input);
                }
            }
            block.derive(transformer, seen, true);
            for (AdaptiveBlock.Input input : block.inputs()) {
                input.seen.fade(backend, settings.halfLife(), settings.every());
            }
        }
        started = true;
    }

    /** Runs at full precision again, as if nothing had been seen. */
    public void reset() {
        blocks.forEach(block -> block.reset(transformer, whole::contains));
        started = false;
    }

    /** Whether passes from now on are looked at; they are from the beginning. */
    public void watching(boolean on) {
        transformer.watch(on ? this::see : Taps.NONE);
    }

    /** The next tokens run for the second time and do not count again. */
    public void ignore(int tokens) {
        everyInput(input -> true).forEach(input -> input.seen.ignore(tokens));
    }

    /** How far every input has moved since its scale was found, in the order in which they run. */
    public List<Change> drifts() {
        var all = new ArrayList<Change>();
        for (AdaptiveBlock block : blocks) {
            for (AdaptiveBlock.Input input : block.inputs()) {
                all.add(change(block, input));
            }
        }
        return all;
    }

    private Change change(AdaptiveBlock block, AdaptiveBlock.Input input) {
        return new Change(
                block.spec().index(), input.linears.stream().map(Linear::name).toList(), input.drift(backend));
    }

    /**
     * Quantizes again what moved. Stored keys and values of before are then void, see {@link Transformer#revision}.
     *
     * @return the inputs that had moved
     * @throws IllegalStateException before {@link #start}
     */
    public List<Change> adapt() {
        if (!started) {
            throw new IllegalStateException("adapt before start: nothing is quantized yet");
        }
        var changes = new ArrayList<Change>();
        for (AdaptiveBlock block : blocks) {
            var moved = new ArrayList<AdaptiveBlock.Input>();
            for (AdaptiveBlock.Input input : block.inputs()) {
                Change change = change(block, input);
                if (change.drift() > settings.threshold()) {
                    moved.add(input);
                    changes.add(change);
                }
            }
            if (!moved.isEmpty()) {
                block.derive(transformer, moved, false);
            }
        }
        return changes;
    }

    /** The scales and clips that a block runs with. */
    public BlockRecipe recipe(int block) {
        return blocks.get(block).recipe();
    }

    /** How the model adapts. */
    public Settings settings() {
        return settings;
    }

    /** The sums of an input, by the first linear that reads it. */
    InputStatistics statistics(Linear source) {
        return everyInput(input -> input.source.equals(source)).getFirst().seen.statistics(backend);
    }

    private List<AdaptiveBlock.Input> everyInput(Predicate<AdaptiveBlock.Input> wanted) {
        return blocks.stream()
                .flatMap(block -> block.inputs().stream())
                .filter(wanted)
                .toList();
    }
}
