package awq4j.format.pickle;

import awq4j.format.safetensors.SafetensorsFile;
import awq4j.tensor.DType;
import awq4j.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.function.UnaryOperator;

/** State dicts as {@code torch.save} writes them. */
public final class TorchModels {
    private TorchModels() {}

    /**
     * The tensors of a safetensors file as a dict.
     *
     * @param name what each is called
     */
    public static Path write(Path safetensors, Path file, UnaryOperator<String> name) {
        var storages = new LinkedHashMap<String, byte[]>();
        var code = new PickleCode().ops("}(");
        try (SafetensorsFile source = SafetensorsFile.open(safetensors)) {
            for (String stored : source.names()) {
                Tensor tensor = source.tensor(stored);
                String key = Integer.toString(storages.size());
                long[] extents = new long[tensor.shape().rank()];
                long[] strides = new long[extents.length];
                long stride = 1;
                for (int axis = extents.length - 1; axis >= 0; axis--) {
                    extents[axis] = tensor.shape().dim(axis);
                    strides[axis] = stride;
                    stride *= extents[axis];
                }
                storages.put(key, tensor.data().toArray(ValueLayout.JAVA_BYTE));
                code.text(name.apply(stored)).tensor(storage(tensor.dtype()), key, stride, 0, extents, strides);
            }
        }
        return TorchFiles.write(file, TorchFiles.zip(code.ops("u").ended(), storages));
    }

    private static String storage(DType dtype) {
        return switch (dtype) {
            case F64 -> "DoubleStorage";
            case F32 -> "FloatStorage";
            case F16 -> "HalfStorage";
            case BF16 -> "BFloat16Storage";
            case I64 -> "LongStorage";
            case I32 -> "IntStorage";
            case I16 -> "ShortStorage";
            case I8 -> "CharStorage";
            case U8 -> "ByteStorage";
            case BOOL -> "BoolStorage";
        };
    }
}
