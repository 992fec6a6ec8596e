package awq4j.cli;

import awq4j.eval.speed.ModelShape;
import awq4j.eval.speed.RandomCheckpoint;
import awq4j.eval.speed.SpeedPrecision;
import awq4j.eval.speed.SpeedSettings;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.model.AttentionSpec;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.family.Families;
import awq4j.weight.WeightLayout.Dense;
import java.nio.file.Path;
import java.util.function.Supplier;

/** What is measured: a model from files, or a shape with random weights. */
sealed interface BenchSubject {
    /** What the program itself takes beside a model. */
    long PROGRAM_BYTES = 300_000_000;

    /** For reports. */
    String name();

    /** {@code file} or {@code random}. */
    String weights();

    /** What it is measured in if nobody says otherwise. */
    SpeedPrecision usual();

    /** What it looks like. */
    ModelSpec spec();

    /**
     * Looks whether it can be measured so.
     *
     * @throws Refusal if not
     */
    default void check(SpeedPrecision precision, SpeedSettings settings) {
        if (settings.positions() > spec().contextLength()) {
            throw new Refusal("prompt and reply take " + settings.positions() + " positions, the context of " + name()
                    + " has " + spec().contextLength() + ": ask for fewer with --prompt and --generate");
        }
        checkWeights(precision, settings);
    }

    /**
     * Looks whether there are such weights.
     *
     * @throws Refusal if not, or if they are too large
     */
    void checkWeights(SpeedPrecision precision, SpeedSettings settings);

    /** Columns that share a scale, 0 of plain weights. */
    int groupSize(SpeedPrecision precision);

    /** Gives the checkpoint; what this needs beforehand is done when it is asked for. */
    Supplier<Checkpoint> opening(SpeedPrecision precision);

    /**
     * A model folder.
     *
     * @param usual 4-bit weights in w4a8, others as they are
     * @param groupSize 0 of plain weights
     */
    record Stored(Path folder, ModelSpec spec, SpeedPrecision usual, int groupSize) implements BenchSubject {
        /** Looks at a folder. */
        static Stored of(Path folder) {
            try (Checkpoint checkpoint = Checkpoints.open(folder)) {
                ModelSpec spec = Families.spec(checkpoint);
                var quantization = checkpoint.quantization();
                if (quantization.isPresent()) {
                    return new Stored(
                            folder,
                            spec,
                            SpeedPrecision.W4A8,
                            quantization.get().groupSize());
                }
                String first = spec.blocks().getFirst().linears().getFirst().name();
                return checkpoint.linear(first).layout() instanceof Dense dense
                        ? new Stored(folder, spec, SpeedPrecision.of(dense.dtype()), 0)
                        : new Stored(folder, spec, SpeedPrecision.W4A8, 0);
            }
        }

        @Override
        public String name() {
            return folder.toString();
        }

        @Override
        public String weights() {
            return "file";
        }

        @Override
        public void checkWeights(SpeedPrecision precision, SpeedSettings settings) {
            if (precision.plain().isPresent()
                    ? precision != usual
                    : usual.plain().isPresent()) {
                String holds = usual.plain().isPresent() ? "plain " + usual.label() + " weights" : "4-bit weights";
                throw new Refusal(folder + " holds " + holds + ", which cannot be measured in " + precision.label()
                        + "; for random weights in its shape add --random");
            }
        }

        @Override
        public int groupSize(SpeedPrecision precision) {
            return groupSize;
        }

        @Override
        public Supplier<Checkpoint> opening(SpeedPrecision precision) {
            return () -> Checkpoints.open(folder);
        }
    }

    /** Random weights. */
    record Random(ModelShape shape, int size) implements BenchSubject {
        @Override
        public String name() {
            return shape.name();
        }

        @Override
        public String weights() {
            return "random";
        }

        @Override
        public ModelSpec spec() {
            return shape.spec();
        }

        @Override
        public SpeedPrecision usual() {
            return SpeedPrecision.W4A8;
        }

        @Override
        public void checkWeights(SpeedPrecision precision, SpeedSettings settings) {
            Memory memory = Memory.read();
            long needed = bytes(precision, settings);
            if (needed > memory.available()) {
                long smaller = bytes(SpeedPrecision.W4A8, settings);
                throw new Refusal(shape.name() + " in " + precision.label() + " takes about " + Figures.bytes(needed)
                        + " of memory, " + Figures.bytes(memory.available()) + " of "
                        + Figures.bytes(memory.process()) + " are free: choose a smaller shape"
                        + (smaller < memory.available() ? ", or w4a8, which takes " + Figures.bytes(smaller) : ""));
            }
        }

        private long bytes(SpeedPrecision precision, SpeedSettings settings) {
            long kv = 0;
            for (BlockSpec block : shape.spec().blocks()) {
                AttentionSpec attention = block.attention();
                kv += 2L * Float.BYTES * attention.key().rows() * settings.positions();
            }
            return RandomCheckpoint.memoryBytes(shape.spec(), precision.weights(size)) + kv + PROGRAM_BYTES;
        }

        @Override
        public int groupSize(SpeedPrecision precision) {
            return precision.plain().isPresent() ? 0 : size;
        }

        @Override
        public Supplier<Checkpoint> opening(SpeedPrecision precision) {
            var made = new RandomCheckpoint(shape, precision.weights(size));
            made.fill();
            return () -> made;
        }
    }
}
