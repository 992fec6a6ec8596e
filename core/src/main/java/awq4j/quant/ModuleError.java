package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.model.Block;
import awq4j.model.Linear;
import awq4j.model.PlacedLinear;
import awq4j.model.ScaleGroup.Inspect;
import awq4j.weight.Weight;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What other matrices do to the output of an attention module or an MLP, over fixed inputs. */
final class ModuleError {
    private final BlockRunner runner;
    private final Inspect module;
    private final Block block;
    private final float[] inputs;
    private final int sequences;
    private final int length;
    private final float[] reference;

    /** @param inputs [sequences * length, hidden] of the module; not copied */
    ModuleError(BlockRunner runner, Inspect module, Block block, float[] inputs, int sequences, int length) {
        this.runner = runner;
        this.module = module;
        this.block = block;
        this.inputs = inputs;
        this.sequences = sequences;
        this.length = length;
        this.reference = new float[inputs.length];
        runner.module(module, block, inputs, sequences, length, (from, out) -> {
            float[] values = read(out);
            System.arraycopy(values, 0, reference, from * out.columns(), values.length);
            return true;
        });
    }

    /**
     * The mean squared difference of the module's output.
     *
     * @param matrices [rows, columns] of the linears that are replaced
     * @param vectors where their biases come from
     * @param enough a value above which the rest of the tokens is not looked at
     * @return the mean, or something above {@code enough} and below the mean
     */
    double meanSquare(Map<Linear, float[]> matrices, BlockWeights vectors, double enough) {
        Backend backend = runner.backend();
        var replaced = new HashMap<String, PlacedLinear>();
        matrices.forEach((linear, values) -> {
            Weight weight = Weight.ofFloats(linear.name(), linear.rows(), linear.columns(), values);
            float @Nullable [] bias = linear.bias() ? vectors.bias(linear) : null;
            replaced.put(linear.name(), PlacedLinear.of(backend, weight, bias));
        });
        var sum = new Object() {
            double value;
        };
        runner.module(module, block.with(replaced), inputs, sequences, length, (from, out) -> {
            float[] values = read(out);
            int start = from * out.columns();
            for (int i = 0; i < values.length; i++) {
                double difference = values[i] - reference[start + i];
                sum.value += difference * difference;
            }
            return !(sum.value > enough * reference.length);
        });
        return sum.value / reference.length;
    }

    private float[] read(Buffer buffer) {
        float[] values = new float[buffer.rows() * buffer.columns()];
        runner.backend().read(buffer, values);
        return values;
    }
}
