package awq4j.format.pickle;

import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a pickle can hold here: data, and names of classes that stay names.
 *
 * <p>Containers may hold themselves, and may share parts so often that a walk over all of them never ends. Look only at
 * the levels that you expect.
 */
public sealed interface PickleValue {
    /** Python's None. */
    record None() implements PickleValue {}

    /** True or False. */
    record Truth(boolean value) implements PickleValue {}

    /** An integer of at most 64 bits. */
    record Whole(long value) implements PickleValue {}

    /** A longer integer. */
    record Large(BigInteger value) implements PickleValue {}

    /** A float. */
    record Real(double value) implements PickleValue {}

    /** A string. */
    record Text(String value) implements PickleValue {}

    /** Bytes, in the mapped file. */
    record Bytes(MemorySegment value) implements PickleValue {}

    /** A tuple, or a size. */
    record Tuple(List<PickleValue> items) implements PickleValue {}

    /** A list. */
    record Sequence(List<PickleValue> items) implements PickleValue {}

    /** A dict, ordered or not; keys that are numbers are in decimal. */
    record Dictionary(Map<String, PickleValue> entries) implements PickleValue {
        /** The value of a key, if there is one. */
        public Optional<PickleValue> get(String key) {
            return Optional.ofNullable(entries.get(key));
        }
    }

    /** The name of a class, function or element type that the reader knows; nothing of that name exists here. */
    record Name(String module, String name) implements PickleValue {
        @Override
        public String toString() {
            return module + "." + name;
        }
    }

    /**
     * Where elements of tensors lie.
     *
     * @param key by which the file finds it
     * @param type PyTorch's class, for example {@code torch.HalfStorage}
     * @param bytes its size
     */
    record Storage(String key, Name type, long bytes) implements PickleValue {}

    /**
     * A tensor: a view of a storage.
     *
     * @param dtypeName {@link DType}'s name, or PyTorch's for a type that is none of those
     * @param dtype empty for such a type
     * @param elementBytes bytes of one element
     * @param offset first element, counted from the storage's begin
     * @param strides elements from one index to the next, an entry for each extent of {@code shape}
     */
    record TensorView(
            Storage storage,
            String dtypeName,
            Optional<DType> dtype,
            int elementBytes,
            long offset,
            Shape shape,
            List<Long> strides)
            implements PickleValue {
        /** Copies the strides. */
        public TensorView {
            strides = List.copyOf(strides);
        }

        /** Whether elements follow each other without gaps in row-major order. */
        public boolean contiguous() {
            long expected = 1;
            for (int axis = shape.rank() - 1; axis >= 0; axis--) {
                long extent = shape.dim(axis);
                if (extent == 0) {
                    return true;
                }
                if (extent != 1 && strides.get(axis) != expected) {
                    return false;
                }
                expected *= extent;
            }
            return true;
        }

        /** Bytes of all elements, each counted as often as the view shows it. */
        public long sizeBytes() {
            return Math.multiplyExact(shape.elements(), (long) elementBytes);
        }
    }
}
