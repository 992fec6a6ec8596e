package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A norm on a device.
 *
 * @param gain of each segment
 * @param heads gains of whole rows, that they are multiplied by afterwards; null for none
 */
record PlacedNorm(
        Norm norm,
        Buffer gain,
        @Nullable Buffer bias,
        @Nullable Buffer heads) {
    static PlacedNorm place(Backend backend, Norm norm, Parameters parameters) {
        int size = norm.size();
        return switch (norm) {
            case Norm.Rms rms -> {
                float[] gain = parameters.vector(rms.name() + ".weight", size).clone();
                for (int i = 0; i < size; i++) {
                    gain[i] += rms.added();
                }
                yield new PlacedNorm(rms, PlacedLinear.vector(backend, gain), null, null);
            }
            case Norm.Layer layer -> {
                // without parameters of its own (layer_norm_elementwise_affine = false) the gain is one
                float[] gain = layer.gain() ? parameters.vector(layer.name() + ".weight", size) : ones(size);
                yield new PlacedNorm(
                        layer,
                        PlacedLinear.vector(backend, gain),
                        layer.bias()
                                ? PlacedLinear.vector(backend, parameters.vector(layer.name() + ".bias", size))
                                : null,
                        null);
            }
            case Norm.Heads own ->
                new PlacedNorm(
                        own,
                        PlacedLinear.vector(backend, ones(size)),
                        null,
                        PlacedLinear.vector(backend, parameters.vector(own.name() + ".weight", own.values())));
        };
    }

    private static float[] ones(int size) {
        float[] ones = new float[size];
        Arrays.fill(ones, 1);
        return ones;
    }

    void apply(Backend backend, Buffer x, Buffer out) {
        switch (norm) {
            case Norm.Rms rms -> backend.kernels().rmsNorm(x, gain, rms.epsilon(), out);
            case Norm.Layer layer -> backend.kernels().layerNorm(x, gain, bias, layer.epsilon(), out);
            case Norm.Heads own -> backend.kernels().layerNorm(x, gain, null, own.epsilon(), out);
        }
        if (heads != null) {
            backend.kernels().multiply(heads, out);
        }
    }
}
