package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import awq4j.weight.Weight;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A linear on a device.
 *
 * @param lowRank what runs beside the weight and is added to its product; null for nothing
 */
public record PlacedLinear(
        PlacedWeight weight,
        @Nullable Buffer bias,
        @Nullable PlacedLowRank lowRank) {
    /** A linear with nothing beside it. */
    public PlacedLinear(PlacedWeight weight, @Nullable Buffer bias) {
        this(weight, bias, null);
    }

    /** Takes a linear in, with the bias that its specification asks for. */
    public static PlacedLinear place(Backend backend, Linear linear, Parameters parameters) {
        return new PlacedLinear(
                parameters
                        .packed(backend, linear.name(), linear)
                        .orElseGet(() -> backend.place(parameters.matrix(linear))),
                bias(backend, linear, parameters),
                parameters
                        .lowRank(linear)
                        .map(correction -> PlacedLowRank.place(backend, correction))
                        .orElse(null));
    }

    /** Bytes that a pass over it reads. */
    long sizeBytes() {
        return weight.sizeBytes() + (lowRank == null ? 0 : lowRank.sizeBytes());
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

    /** {@code out = x * weight^T + bias}, and what the low-rank matrix adds. */
    void apply(Backend backend, SideRoom room, Buffer x, Buffer out) {
        apply(backend, x, out);
        if (lowRank != null) {
            lowRank.add(backend, room, x, out);
        }
    }

    /** {@code out = x * weight^T + bias}. */
    void apply(Backend backend, Buffer x, Buffer out) {
        backend.kernels().linear(weight, bias, x, out);
    }
}
