package awq4j.kernel;

/** The element-wise functions of MLPs. */
public enum Activation {
    /** max(x, 0). */
    RELU,
    /** x * sigmoid(x), also called swish. */
    SILU,
    /** x * Phi(x), the exact form by erf. */
    GELU,
    /** The tanh approximation of GELU ({@code gelu_new}, {@code gelu_pytorch_tanh}). */
    GELU_TANH
}
