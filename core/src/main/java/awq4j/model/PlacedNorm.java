package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A norm on a device. */
record PlacedNorm(Norm norm, Buffer gain, @Nullable Buffer bias) {
    /** @param size values it normalizes together */
    static PlacedNorm place(Backend backend, Norm norm, int size, Parameters parameters) {
        return switch (norm) {
            case Norm.Rms rms ->
                new PlacedNorm(
                        rms, PlacedLinear.vector(backend, parameters.vector(rms.name() + ".weight", size)), null);
            case Norm.Layer layer -> {
                // without parameters of its own (layer_norm_elementwise_affine = false) the gain is one
                float[] ones = new float[size];
                Arrays.fill(ones, 1);
                float[] gain = layer.bias() ? parameters.vector(layer.name() + ".weight", size) : ones;
                yield new PlacedNorm(
                        layer,
                        PlacedLinear.vector(backend, gain),
                        layer.bias()
                                ? PlacedLinear.vector(backend, parameters.vector(layer.name() + ".bias", size))
                                : null);
            }
        };
    }

    void apply(Backend backend, Buffer x, Buffer out) {
        switch (norm) {
            case Norm.Rms rms -> backend.kernels().rmsNorm(x, gain, rms.epsilon(), out);
            case Norm.Layer layer -> backend.kernels().layerNorm(x, gain, bias, layer.epsilon(), out);
        }
    }
}
