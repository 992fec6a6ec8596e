package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import awq4j.weight.Weight;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A linear on a device. */
public record PlacedLinear(PlacedWeight weight, @Nullable Buffer bias) {
    /** Takes a linear in, with the bias that its specification asks for. */
    public static PlacedLinear place(Backend backend, Linear linear, Parameters parameters) {
        return new PlacedLinear(
                parameters
                        .packed(backend, linear.name(), linear)
                        .orElseGet(() -> backend.place(parameters.matrix(linear))),
                bias(backend, linear, parameters));
    }

    /** Takes the output matrix of a quantized model in. */
    static PlacedLinear placeHead(Backend backend, Linear linear, Parameters parameters) {
        Optional<PlacedWeight> packed = backend.roundsHeads()
                ? parameters.packed(backend, PackedModel.headName(linear), linear)
                : Optional.empty();
        return new PlacedLinear(
                packed.orElseGet(() -> backend.placeHead(parameters.matrix(linear))),
                bias(backend, linear, parameters));
    }

    private static @Nullable Buffer bias(Backend backend, Linear linear, Parameters parameters) {
        return linear.bias() ? vector(backend, parameters.bias(linear)) : null;
    }

    /** Takes a matrix and perhaps a bias in. */
    public static PlacedLinear of(Backend backend, Weight weight, float @Nullable [] bias) {
        return new PlacedLinear(backend.place(weight), bias == null ? null : vector(backend, bias));
    }

    static Buffer vector(Backend backend, float[] values) {
        Buffer buffer = backend.allocate(1, values.length);
        backend.write(values, buffer);
        return buffer;
    }

    /** {@code out = x * weight^T + bias}. */
    void apply(Backend backend, Buffer x, Buffer out) {
        backend.kernels().linear(weight, bias, x, out);
    }
}
