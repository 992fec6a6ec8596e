package awq4j.model;

/** A normalization, by the prefix of its tensors. */
public sealed interface Norm {
    /** Tensor prefix; the gain is {@code name.weight}. */
    String name();

    /** Added to the mean square or variance. */
    float epsilon();

    /** Divides by the root mean square. */
    record Rms(String name, float epsilon) implements Norm {}

    /** Subtracts the mean, divides by the standard deviation; {@code bias} says whether {@code name.bias} is added. */
    record Layer(String name, float epsilon, boolean bias) implements Norm {}
}
