package awq4j.cli;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoint.Quantization;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.GgufCheckpoint;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.StoredMatrix;
import awq4j.tensor.DType;
import awq4j.weight.LowRank;
import awq4j.weight.WeightLayout;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which linears of a quantized model are packed.
 *
 * @param total stored matrices of all blocks
 * @param packed how many of them are packed
 * @param headPacked whether the output projection is
 * @param plain the others, by the reason why they were left alone
 * @param memory bytes that all matrices take in memory: packed ones unfolded, plain ones as they are stored, and what runs
 *     beside them
 * @param corrected beside how many linears matrices of low rank run
 * @param rank largest of these; 0 if there are none
 * @param correctionBytes that these take
 */
record LinearFacts(
        int total,
        int packed,
        boolean headPacked,
        Map<String, List<String>> plain,
        long memory,
        int corrected,
        int rank,
        long correctionBytes) {
    /** Reads names and shapes, no data. */
    static LinearFacts of(ModelSpec model, Checkpoint checkpoint) {
        Quantization stated = checkpoint.quantization().orElse(null);
        var plain = new LinkedHashMap<String, List<String>>();
        int total = 0;
        int packed = 0;
        long memory = 0;
        for (BlockSpec block : model.blocks()) {
            for (StoredMatrix linear : StoredMatrix.of(block.linears())) {
                total++;
                memory += memory(linear, checkpoint, stated);
                if (packed(linear.name(), checkpoint)) {
                    packed++;
                } else if (stated != null) {
                    plain.computeIfAbsent(reason(linear, stated, checkpoint), key -> new ArrayList<>())
                            .add(linear.name());
                }
            }
        }
        for (StoredMatrix outer : StoredMatrix.of(model.outerLinears())) {
            memory += memory(outer, checkpoint, stated);
        }
        int corrected = 0;
        int rank = 0;
        long beside = 0;
        for (String name : checkpoint.names()) {
            if (name.endsWith(LowRank.DOWN)) {
                corrected++;
                rank = (int) Math.max(rank, checkpoint.shape(name).dim(0));
            }
            if (LowRank.isFactor(name)) {
                beside += checkpoint.tensor(name).data().byteSize();
            }
        }
        boolean headPacked = packed(model.head().linear().name(), checkpoint);
        return new LinearFacts(total, packed, headPacked, plain, memory + beside, corrected, rank, beside);
    }

    private static boolean packed(String name, Checkpoint checkpoint) {
        if (checkpoint instanceof GgufCheckpoint gguf) {
            return gguf.hasLinear(name) && !(layout(gguf, name) instanceof Dense);
        }
        return checkpoint.hasPacked(name)
                || (checkpoint.packed().isPresent() && checkpoint.hasLinear(name) && !checkpoint.has(name + ".weight"));
    }

    private static long memory(
            StoredMatrix linear, Checkpoint checkpoint, @org.jspecify.annotations.Nullable Quantization stated) {
        if (checkpoint instanceof GgufCheckpoint gguf && gguf.hasLinear(linear.name())) {
            return switch (layout(gguf, linear.name())) {
                case Dense dense -> gguf.sizeBytes(linear.name() + ".weight");
                case Grouped grouped -> grouped.sizeBytes(linear.rows(), linear.columns());
                case GgufBlock block -> block.sizeBytes(linear.rows(), linear.columns());
            };
        }
        if (packed(linear.name(), checkpoint) && stated != null) {
            int group = stated.groupSize() == -1 ? linear.columns() : stated.groupSize();
            return new Grouped(stated.bits(), group, ZeroPoint.INTEGER).sizeBytes(linear.rows(), linear.columns());
        }
        String name = linear.name() + ".weight";
        return checkpoint.has(name) ? checkpoint.tensor(name).data().byteSize() : 0;
    }

    /** That of codes which cannot be read does not matter: it is said that they cannot. */
    private static WeightLayout layout(GgufCheckpoint gguf, String name) {
        try {
            return gguf.layout(name);
        } catch (UnsupportedModelException e) {
            return new Dense(DType.F32);
        }
    }

    private static String reason(StoredMatrix linear, Quantization stated, Checkpoint checkpoint) {
        for (String part : stated.excluded()) {
            if (linear.name().contains(part)) {
                return "left out by modules_to_not_convert";
            }
        }
        boolean fits = checkpoint
                .packing()
                .map(packing -> packing.fits(linear.rows(), linear.columns()))
                .orElse(true);
        return fits ? "stored plain" : "its shape does not fit the packing";
    }
}
