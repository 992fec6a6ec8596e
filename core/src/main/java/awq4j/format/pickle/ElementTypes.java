package awq4j.format.pickle;

import awq4j.format.pickle.PickleValue.Name;
import awq4j.tensor.DType;
import java.util.Map;
import java.util.Optional;

/** PyTorch's element types: those that name a storage's class, and those that are named themselves. */
final class ElementTypes {
    /**
     * One of them.
     *
     * @param name {@link DType}'s name, or PyTorch's
     */
    record ElementType(String name, Optional<DType> dtype, int bytes) {}

    /** Storages without a type: their tensors name one. */
    private static final ElementType UNTYPED = new ElementType("untyped", Optional.empty(), 1);

    private static final Map<String, ElementType> BY_STORAGE = Map.ofEntries(
            Map.entry("DoubleStorage", of(DType.F64)),
            Map.entry("FloatStorage", of(DType.F32)),
            Map.entry("HalfStorage", of(DType.F16)),
            Map.entry("BFloat16Storage", of(DType.BF16)),
            Map.entry("LongStorage", of(DType.I64)),
            Map.entry("IntStorage", of(DType.I32)),
            Map.entry("ShortStorage", of(DType.I16)),
            Map.entry("CharStorage", of(DType.I8)),
            Map.entry("ByteStorage", of(DType.U8)),
            Map.entry("BoolStorage", of(DType.BOOL)),
            Map.entry("ComplexFloatStorage", other("complex64", 8)),
            Map.entry("ComplexDoubleStorage", other("complex128", 16)),
            Map.entry("UntypedStorage", UNTYPED));

    private static final Map<String, ElementType> BY_NAME = Map.ofEntries(
            Map.entry("float64", of(DType.F64)),
            Map.entry("float32", of(DType.F32)),
            Map.entry("float16", of(DType.F16)),
            Map.entry("bfloat16", of(DType.BF16)),
            Map.entry("int64", of(DType.I64)),
            Map.entry("int32", of(DType.I32)),
            Map.entry("int16", of(DType.I16)),
            Map.entry("int8", of(DType.I8)),
            Map.entry("uint8", of(DType.U8)),
            Map.entry("bool", of(DType.BOOL)),
            Map.entry("complex64", other("complex64", 8)),
            Map.entry("complex128", other("complex128", 16)),
            Map.entry("uint16", other("uint16", 2)),
            Map.entry("uint32", other("uint32", 4)),
            Map.entry("uint64", other("uint64", 8)),
            Map.entry("float8_e4m3fn", other("float8_e4m3fn", 1)),
            Map.entry("float8_e4m3fnuz", other("float8_e4m3fnuz", 1)),
            Map.entry("float8_e5m2", other("float8_e5m2", 1)),
            Map.entry("float8_e5m2fnuz", other("float8_e5m2fnuz", 1)));

    private ElementTypes() {}

    /** Of a storage's class, on the processor or on a GPU. */
    static Optional<ElementType> ofStorage(Name type) {
        boolean known = type.module().equals("torch")
                || type.module().equals("torch.cuda")
                || type.module().equals("torch.storage");
        return known ? Optional.ofNullable(BY_STORAGE.get(type.name())) : Optional.empty();
    }

    /** Of a name such as {@code torch.float16}. */
    static Optional<ElementType> named(Name type) {
        return type.module().equals("torch") ? Optional.ofNullable(BY_NAME.get(type.name())) : Optional.empty();
    }

    private static ElementType of(DType dtype) {
        return new ElementType(dtype.name(), Optional.of(dtype), dtype.bytes());
    }

    private static ElementType other(String name, int bytes) {
        return new ElementType(name, Optional.empty(), bytes);
    }
}
