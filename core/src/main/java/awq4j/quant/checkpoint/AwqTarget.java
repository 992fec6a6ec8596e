package awq4j.quant.checkpoint;

import awq4j.format.PackedPart;
import awq4j.format.awq.AwqPacking;
import awq4j.format.awq.AwqPacking.Packed;
import awq4j.format.awq.AwqPacking.Version;
import awq4j.quant.checkpoint.ConversionPlan.PlannedMatrix;
import awq4j.quant.checkpoint.ConversionSource.Matrix;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/** AutoAWQ's folders, in any of its packings. */
final class AwqTarget extends FolderTarget {
    private final Version version;
    private final CodedMatrices coded;

    AwqTarget(String label, Version version, ConversionSource source) {
        super(label);
        this.version = version;
        List<Integer> widths = List.of(4, 8).stream().filter(version::holds).toList();
        this.coded = CodedMatrices.of(
                source,
                widths,
                size -> size == -1 || AwqPacking.fits(version, 64, 64 * size, size),
                (bits, groupSize) -> new Regrouping(
                        bits,
                        groupSize,
                        false,
                        version == Version.GEMV_FAST,
                        (rows, columns, size) -> AwqPacking.fits(version, rows, columns, size)));
    }

    @Override
    public Held hold(Matrix matrix, Weight weight) {
        return coded.hold(matrix, weight);
    }

    @Override
    List<PackedPart> parts(PlannedMatrix planned) {
        return AwqPacking.parts(version, planned.rows(), planned.columns(), (Grouped) planned.layout());
    }

    @Override
    List<Tensor> pack(Weight held) {
        Packed packed = AwqPacking.pack(held, version);
        return List.of(packed.qweight(), packed.qzeros(), packed.scales());
    }

    @Override
    void configure(ObjectNode config, ConversionPlan plan) {
        ModelFiles.putAwq(config, version, coded.bits(), coded.groupSize(), plan.plainInBlocks());
    }
}
