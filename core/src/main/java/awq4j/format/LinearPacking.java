package awq4j.format;

import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How the codes, scales and zeros of a checkpoint's packed linears lie in tensors. One is made of what a configuration
 * states; each linear is a few tensors whose names begin with the linear's and end with a word of the packing.
 */
public interface LinearPacking {
    /** The tensors of one linear. */
    @FunctionalInterface
    interface Parts {
        /** The tensor whose name ends with {@code word}, null if there is none. */
        @Nullable
        Tensor find(String word);

        /**
         * The tensor whose name ends with {@code word}.
         *
         * @param name the linear's, for the message
         * @throws UnsupportedModelException if there is none
         */
        default Tensor get(String name, String word) {
            Tensor tensor = find(word);
            if (tensor == null) {
                throw new UnsupportedModelException(name + " is packed but has no " + word);
            }
            return tensor;
        }
    }

    /** For messages, for example {@code gptq}. */
    String label();

    /** The word of the tensor whose presence says that a linear is packed, for example {@code qweight}. */
    String mark();

    /** The words of all tensors that a linear of the packing may have; {@link #mark} is the first. */
    List<String> words();

    /** Whether the packing has a place for a linear of this shape; for people, since what is stored decides. */
    boolean fits(int rows, int columns);

    /**
     * Rows and columns of a packed linear, without reading its data where shapes tell.
     *
     * @throws UnsupportedModelException if the shapes are not those of a packed linear
     */
    Shape shape(String name, Parts parts);

    /**
     * Unpacks one linear; the result is on the heap and shares nothing with the tensors.
     *
     * @param name the linear's, as the weight will be called
     * @throws UnsupportedModelException if the tensors' shapes, types or contents do not fit together
     */
    Weight unpack(String name, Parts parts);
}
