package awq4j.quant.checkpoint;

import awq4j.format.PackedPart;
import awq4j.format.gptq.GptqPacking;
import awq4j.format.gptq.GptqPacking.Packed;
import awq4j.format.gptq.GptqPacking.Version;
import awq4j.quant.checkpoint.ConversionPlan.PlannedMatrix;
import awq4j.quant.checkpoint.ConversionSource.Matrix;
import awq4j.quant.checkpoint.ConversionSource.Place;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import tools.jackson.databind.node.ObjectNode;

/**
 * GPTQ folders. They are of the first version, which everybody reads, unless a zero is 0: that one stores zeros less one,
 * and not all readers get 0 back from what it makes of that.
 */
final class GptqTarget extends FolderTarget {
    private final CodedMatrices coded;
    private Version version = Version.V1;

    GptqTarget(String label, ConversionSource source) {
        super(label);
        this.coded = CodedMatrices.of(
                source,
                GptqPacking.WIDTHS,
                size -> true,
                (bits, groupSize) -> new Regrouping(
                        bits, groupSize, true, false, (rows, columns, size) -> GptqPacking.fits(bits, rows, columns)));
    }

    @Override
    public Held hold(Matrix matrix, Weight weight) {
        return coded.hold(matrix, weight);
    }

    @Override
    public void write(ConversionPlan plan, Path to, Runnable beforeEach) {
        version = versionFor(plan);
        super.write(plan, to, beforeEach);
    }

    private static Version versionFor(ConversionPlan plan) {
        return plan.matrices().stream().anyMatch(PlannedMatrix::zeroAtLowest) ? Version.V2 : Version.V1;
    }

    @Override
    public List<String> remarks(ConversionPlan plan) {
        var remarks = new ArrayList<>(remarkOnScales(plan));
        if (versionFor(plan) == Version.V2) {
            remarks.add("Some zeros are 0, so checkpoint_format is gptq_v2: the first version stores zeros less one.");
        }
        return remarks;
    }

    @Override
    List<PackedPart> parts(PlannedMatrix planned) {
        return GptqPacking.parts(planned.rows(), planned.columns(), (Grouped) planned.layout());
    }

    @Override
    List<Tensor> pack(Weight held) {
        Packed packed = GptqPacking.pack(held, version);
        return List.of(packed.qweight(), packed.qzeros(), packed.scales(), Objects.requireNonNull(packed.groupIndex()));
    }

    @Override
    void configure(ObjectNode config, ConversionPlan plan) {
        ObjectNode section = config.putObject("quantization_config");
        section.put("quant_method", "gptq");
        section.put("bits", coded.bits());
        section.put("group_size", coded.groupSize());
        section.put("desc_act", plan.matrices().stream().anyMatch(PlannedMatrix::ordered));
        // readers that take it at its word do not look at the zeros
        section.put("sym", plan.coded().stream().allMatch(PlannedMatrix::middleZeros));
        section.put("checkpoint_format", version.label());
        section.put(
                "lm_head",
                plan.coded().stream().anyMatch(planned -> planned.matrix().place() == Place.OUTER));
        List<String> plain = plan.plainInBlocks();
        if (!plain.isEmpty()) {
            // GPTQModel's and vLLM's way to say that a module is not quantized: a pattern of names behind "-:"
            ObjectNode dynamic = section.putObject("dynamic");
            plain.forEach(name -> dynamic.putObject("-:^" + name.replace(".", "\\.") + "$"));
        }
    }
}
