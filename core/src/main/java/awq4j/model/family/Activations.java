package awq4j.model.family;

import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.kernel.Activation;
import awq4j.model.Linear;
import awq4j.model.Mlp;

/** Activations by the names that files have for them. */
final class Activations {
    private Activations() {}

    /** @param otherwise the activation of files that state none */
    static Activation read(Config config, String key, String otherwise) {
        String name = config.text(key, otherwise);
        return switch (name) {
            case "silu", "swish" -> Activation.SILU;
            case "relu" -> Activation.RELU;
            case "gelu" -> Activation.GELU;
            case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> Activation.GELU_TANH;
            default ->
                throw new UnsupportedModelException("activation \"" + name
                        + "\" is not supported; supported: silu, relu, gelu, gelu_new, gelu_pytorch_tanh");
        };
    }

    /**
     * An MLP of two linears.
     *
     * @param module tensor prefix of the activation, which is where AutoAWQ puts scales that do not pass it
     */
    static Mlp.Plain plain(Activation activation, Linear input, Linear output, String module) {
        return new Mlp.Plain(activation, input, output, activation == Activation.RELU ? null : module + ".scales");
    }
}
