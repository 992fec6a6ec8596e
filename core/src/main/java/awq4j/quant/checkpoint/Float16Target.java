package awq4j.quant.checkpoint;

import awq4j.format.PackedPart;
import awq4j.quant.checkpoint.ConversionPlan.PlannedMatrix;
import awq4j.quant.checkpoint.ConversionSource.Matrix;
import awq4j.tensor.DType;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Dense;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/** A plain folder: all weights in float16. */
final class Float16Target extends FolderTarget {
    Float16Target(String label) {
        super(label);
    }

    /** The form has a place for the sum only. */
    @Override
    public Weight read(ConversionSource from, Matrix matrix) {
        return from.readCorrected(matrix);
    }

    @Override
    public Held hold(Matrix matrix, Weight weight) {
        return weight.layout().equals(new Dense(DType.F16))
                ? Held.exactly(weight)
                : new Held(Regrouping.inFloat16(weight), "values finer than float16, rounded");
    }

    @Override
    public DType hold(String name, DType dtype) {
        return DType.F16;
    }

    @Override
    public List<String> remarks(ConversionPlan plan) {
        return remarkOnScales(plan);
    }

    @Override
    List<PackedPart> parts(PlannedMatrix planned) {
        throw new IllegalStateException(planned.matrix().name() + " is plain");
    }

    @Override
    List<Tensor> pack(Weight held) {
        throw new IllegalStateException(held.name() + " is plain");
    }

    @Override
    void configure(ObjectNode config, ConversionPlan plan) {
        config.remove("quantization_config");
        ModelFiles.putFloat16(config);
    }
}
