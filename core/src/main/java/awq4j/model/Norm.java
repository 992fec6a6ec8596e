package awq4j.model;

import awq4j.tensor.Shape;
import java.util.List;

/** A normalization, by the prefix of its tensors. */
public sealed interface Norm {
    /** Tensor prefix; the gain is {@code name.weight}. */
    String name();

    /** Values that are normalized together: those of the residual stream, a head, all heads. */
    int size();

    /** Added to the mean square or variance. */
    float epsilon();

    /** The vectors it reads, each of {@link #values} values. */
    List<String> tensors();

    /** The extents of each of {@link #tensors}. */
    default Shape shape() {
        return Shape.of(size());
    }

    /** Values of each of {@link #tensors}. */
    default int values() {
        return size();
    }

    /**
     * Divides by the root mean square.
     *
     * @param added to each stored gain: 1 where a gain is stored as its difference from one, as Gemma does, else 0
     */
    record Rms(String name, int size, float epsilon, float added) implements Norm {
        /** A norm that stores its gain as it is. */
        public Rms(String name, int size, float epsilon) {
            this(name, size, epsilon, 0);
        }

        @Override
        public List<String> tensors() {
            return List.of(name + ".weight");
        }
    }

    /**
     * Subtracts the mean, divides by the standard deviation.
     *
     * @param gain whether {@code name.weight} multiplies
     * @param bias whether {@code name.bias} is added; only with a gain
     */
    record Layer(String name, int size, float epsilon, boolean gain, boolean bias) implements Norm {
        /** @throws IllegalArgumentException if there is a bias without a gain */
        public Layer {
            if (bias && !gain) {
                throw new IllegalArgumentException("norm " + name + " has a bias but no gain");
            }
        }

        @Override
        public List<String> tensors() {
            if (!gain) {
                return List.of();
            }
            return bias ? List.of(name + ".weight", name + ".bias") : List.of(name + ".weight");
        }
    }

    /**
     * Each head by itself: subtracts its mean, divides by its standard deviation, and multiplies by gains that every head
     * has its own of.
     *
     * @param size values of a head
     */
    record Heads(String name, int heads, int size, float epsilon) implements Norm {
        @Override
        public List<String> tensors() {
            return List.of(name + ".weight");
        }

        @Override
        public Shape shape() {
            return Shape.of(heads, size);
        }

        @Override
        public int values() {
            return heads * size;
        }
    }
}
