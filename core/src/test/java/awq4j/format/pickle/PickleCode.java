package awq4j.format.pickle;

import awq4j.format.pickle.TorchFiles.LittleEndian;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Pickles put together opcode by opcode, well formed or not. */
public final class PickleCode {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** Begins with the opcode of protocol 2. */
    public PickleCode() {
        op(0x80, 2);
    }

    /** Bytes as they are. */
    public PickleCode op(int... bytes) {
        for (int b : bytes) {
            out.write(b);
        }
        return this;
    }

    public PickleCode ops(String ascii) {
        out.writeBytes(ascii.getBytes(StandardCharsets.ISO_8859_1));
        return this;
    }

    public PickleCode text(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        return op('X').int32(utf8.length).raw(utf8);
    }

    public PickleCode int32(int value) {
        return raw(new LittleEndian().int32(value).bytes());
    }

    public PickleCode int64(long value) {
        return raw(new LittleEndian().int64(value).bytes());
    }

    /** A number in the form that Python gives one of its size. */
    public PickleCode whole(long value) {
        if (value >= 0 && value < 256) {
            return op('K', (int) value);
        }
        return value == (int) value ? op('J').int32((int) value) : op(0x8a, 8).int64(value);
    }

    public PickleCode raw(byte[] bytes) {
        out.writeBytes(bytes);
        return this;
    }

    public PickleCode name(String module, String name) {
        return ops("c" + module + "\n" + name + "\n");
    }

    public PickleCode tuple(long... numbers) {
        ops("(");
        for (long number : numbers) {
            whole(number);
        }
        return ops("t");
    }

    /** The persistent id of a storage in the zip form, looked up. */
    public PickleCode storage(String type, String key, long elements) {
        return ops("(").text("storage")
                .name("torch", type)
                .text(key)
                .text("cpu")
                .whole(elements)
                .ops("tQ");
    }

    /** A tensor of the common form. */
    public PickleCode tensor(String type, String key, long elements, long offset, long[] extents, long... strides) {
        return name("torch._utils", "_rebuild_tensor_v2")
                .ops("(")
                .storage(type, key, elements)
                .whole(offset)
                .tuple(extents)
                .tuple(strides)
                .op(0x89)
                .name("collections", "OrderedDict")
                .ops(")RtR");
    }

    /** The whole pickle. */
    public byte[] bytes() {
        return out.toByteArray();
    }

    /** The same with the opcode that ends it. */
    public byte[] ended() {
        return ops(".").bytes();
    }
}
