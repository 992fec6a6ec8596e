package awq4j.format.pickle;

import awq4j.format.pickle.PickleValue.Name;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The classes and functions that a pickle may name: a fixed list, and what stands for a call of each. */
final class Globals {
    /** What a call amounts to; all of it is written here, and none of it is Python. */
    enum Call {
        /** A tensor of (storage, offset, extents, strides, ...), its type that of the storage. */
        TENSOR,
        /** The same with the type as the seventh argument. */
        TYPED_TENSOR,
        /** A parameter: the tensor that is its first argument. */
        PARAMETER,
        /** A tensor by way of another function: (function, class, arguments, state). */
        FROM_TYPE,
        /** A dict of pairs, or empty. */
        ORDERED_DICT,
        /** A tuple of extents. */
        SIZE,
        /** Where a tensor was; the name is kept. */
        DEVICE,
        /** Bytes, given as text of characters up to 255. */
        ENCODE
    }

    private static final Map<Name, Call> CALLS = Map.of(
            new Name("torch._utils", "_rebuild_tensor"), Call.TENSOR,
            new Name("torch._utils", "_rebuild_tensor_v2"), Call.TENSOR,
            new Name("torch._utils", "_rebuild_tensor_v3"), Call.TYPED_TENSOR,
            new Name("torch._utils", "_rebuild_parameter"), Call.PARAMETER,
            new Name("torch._utils", "_rebuild_parameter_with_state"), Call.PARAMETER,
            new Name("torch._tensor", "_rebuild_from_type_v2"), Call.FROM_TYPE,
            new Name("collections", "OrderedDict"), Call.ORDERED_DICT,
            new Name("torch", "Size"), Call.SIZE,
            new Name("torch", "device"), Call.DEVICE,
            new Name("_codecs", "encode"), Call.ENCODE);

    /** Classes that stand as arguments. */
    private static final Set<Name> CLASSES = Set.of(
            new Name("torch", "Tensor"),
            new Name("torch.nn.parameter", "Parameter"),
            new Name("torch.nn.parameter", "Buffer"));

    private Globals() {}

    /** Whether a pickle may have the name. */
    static boolean known(Name name) {
        return CALLS.containsKey(name)
                || CLASSES.contains(name)
                || ElementTypes.ofStorage(name).isPresent()
                || ElementTypes.named(name).isPresent();
    }

    /** What a call of it amounts to; empty for what cannot be called. */
    static Optional<Call> call(Name name) {
        return Optional.ofNullable(CALLS.get(name));
    }
}
