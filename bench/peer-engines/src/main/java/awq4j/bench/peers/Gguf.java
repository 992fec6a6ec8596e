package awq4j.bench.peers;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Collects keys and tensors into a GGUF file, version 3: magic, counts, keys with typed values, names with dimensions and
 * offsets, and then the tensors, each at a multiple of 32 bytes. All numbers little-endian; a string is its length in 8
 * bytes and UTF-8.
 */
final class Gguf {
    static final int ALIGNMENT = 32;
    private static final int VERSION = 3;
    private static final int UINT32 = 4;
    private static final int INT32 = 5;
    private static final int FLOAT32 = 6;
    private static final int BOOL = 7;
    private static final int STRING = 8;
    private static final int ARRAY = 9;

    private final ByteArrayOutputStream keys = new ByteArrayOutputStream();
    private final ByteArrayOutputStream infos = new ByteArrayOutputStream();
    private final List<TensorData> tensors = new ArrayList<>();
    private int keyCount;
    private long offset;

    Gguf number(String key, int value) {
        key(key, UINT32).writeBytes(ints(value));
        return this;
    }

    Gguf real(String key, float value) {
        key(key, FLOAT32).writeBytes(ints(Float.floatToRawIntBits(value)));
        return this;
    }

    Gguf flag(String key, boolean value) {
        key(key, BOOL).write(value ? 1 : 0);
        return this;
    }

    Gguf text(String key, String value) {
        key(key, STRING).writeBytes(string(value));
        return this;
    }

    Gguf texts(String key, List<String> values) {
        array(key, STRING, values.size());
        values.forEach(value -> keys.writeBytes(string(value)));
        return this;
    }

    Gguf reals(String key, float[] values) {
        array(key, FLOAT32, values.length);
        for (float value : values) {
            keys.writeBytes(ints(Float.floatToRawIntBits(value)));
        }
        return this;
    }

    Gguf numbers(String key, int[] values) {
        array(key, INT32, values.length);
        keys.writeBytes(ints(values));
        return this;
    }

    /**
     * Adds a tensor behind those before it.
     *
     * @param dims the columns first
     */
    Gguf tensor(String name, BlockFormat format, TensorData data, long... dims) {
        infos.writeBytes(string(name));
        infos.writeBytes(ints(dims.length));
        for (long dim : dims) {
            infos.writeBytes(longs(dim));
        }
        infos.writeBytes(ints(format.ggufType));
        infos.writeBytes(longs(offset));
        tensors.add(data);
        offset += ModelFile.padded(data.sizeBytes(), ALIGNMENT);
        return this;
    }

    /** The file as it stands. */
    ModelFile file() {
        var header = new ByteArrayOutputStream();
        header.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
        header.writeBytes(ints(VERSION));
        header.writeBytes(longs(tensors.size(), keyCount));
        header.writeBytes(keys.toByteArray());
        header.writeBytes(infos.toByteArray());
        long size = ModelFile.padded(header.size(), ALIGNMENT);
        header.writeBytes(new byte[(int) (size - header.size())]);
        return new ModelFile(header.toByteArray(), tensors, ALIGNMENT);
    }

    private ByteArrayOutputStream key(String key, int type) {
        keyCount++;
        keys.writeBytes(string(key));
        keys.writeBytes(ints(type));
        return keys;
    }

    private void array(String key, int type, int length) {
        key(key, ARRAY).writeBytes(ints(type));
        keys.writeBytes(longs(length));
    }

    private static byte[] string(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        byte[] all = new byte[8 + bytes.length];
        little(all).putLong(bytes.length).put(bytes);
        return all;
    }

    private static byte[] ints(int... values) {
        byte[] all = new byte[4 * values.length];
        little(all).asIntBuffer().put(values);
        return all;
    }

    private static byte[] longs(long... values) {
        byte[] all = new byte[8 * values.length];
        little(all).asLongBuffer().put(values);
        return all;
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
