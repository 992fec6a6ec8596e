package awq4j.quant;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A checkpoint with some of its blocks quantized. */
record Overlay(Checkpoint base, Map<String, Weight> linears, Map<String, float[]> changed, Map<String, Weight> factors)
        implements Checkpoint {
    Overlay(Checkpoint base, Map<String, Weight> linears, Map<String, float[]> changed) {
        this(base, linears, changed, new HashMap<>());
    }

    Overlay(Checkpoint base, List<QuantizedBlock> blocks) {
        this(base, new HashMap<>(), new HashMap<>(), new HashMap<>());
        for (QuantizedBlock block : blocks) {
            linears.putAll(block.linears());
            changed.putAll(block.changed());
            block.corrections().values().forEach(correction -> {
                factors.put(correction.down().name(), correction.down());
                factors.put(correction.up().name(), correction.up());
            });
        }
    }

    @Override
    public Path path() {
        return base.path();
    }

    @Override
    public Config config() {
        return base.config();
    }

    @Override
    public Optional<Quantization> quantization() {
        return base.quantization();
    }

    @Override
    public Set<String> names() {
        var names = new java.util.HashSet<>(base.names());
        names.addAll(changed.keySet());
        names.addAll(factors.keySet());
        return names;
    }

    @Override
    public Tensor tensor(String name) {
        Weight factor = factors.get(name);
        if (factor != null) {
            return new Tensor(DType.F16, Shape.of(factor.rows(), factor.columns()), factor.values());
        }
        float[] values = changed.get(name);
        return values == null ? base.tensor(name) : Tensor.ofFloats(values, values.length);
    }

    @Override
    public boolean hasLinear(String prefix) {
        return base.hasLinear(prefix);
    }

    @Override
    public Weight linear(String prefix) {
        Weight weight = linears.get(prefix);
        float[] values = changed.get(prefix + ".weight");
        if (weight == null && values != null) {
            Weight plain = base.linear(prefix);
            return Weight.ofFloats(prefix, plain.rows(), plain.columns(), values);
        }
        return weight == null ? base.linear(prefix) : weight;
    }

    @Override
    public void close() {}
}
