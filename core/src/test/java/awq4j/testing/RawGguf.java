package awq4j.testing;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Puts a GGUF file together by the format's description, without the project's own writer; also one that lies. */
public final class RawGguf {
    /** Numbers of the types of values. */
    public static final int UINT8 = 0;

    public static final int INT8 = 1;
    public static final int UINT16 = 2;
    public static final int INT16 = 3;
    public static final int UINT32 = 4;
    public static final int INT32 = 5;
    public static final int FLOAT32 = 6;
    public static final int BOOL = 7;
    public static final int STRING = 8;
    public static final int ARRAY = 9;
    public static final int UINT64 = 10;
    public static final int INT64 = 11;
    public static final int FLOAT64 = 12;

    private final ByteArrayOutputStream keys = new ByteArrayOutputStream();
    private final ByteArrayOutputStream infos = new ByteArrayOutputStream();
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();
    private int version = 3;
    private long keyCount;
    private long tensorCount;
    private int alignment = 32;

    /** States another version. */
    public RawGguf version(int stated) {
        version = stated;
        return this;
    }

    /** Aligns tensors otherwise, and says so if it is not the usual 32. */
    public RawGguf alignment(int stated) {
        alignment = stated;
        return number("general.alignment", stated);
    }

    /** Counts something that is not there. */
    public RawGguf promising(long moreTensors, long moreKeys) {
        tensorCount += moreTensors;
        keyCount += moreKeys;
        return this;
    }

    public RawGguf number(String key, int value) {
        return raw(key, UINT32, ints(value));
    }

    public RawGguf real(String key, float value) {
        return raw(key, FLOAT32, ints(Float.floatToRawIntBits(value)));
    }

    public RawGguf flag(String key, boolean value) {
        return raw(key, BOOL, new byte[] {(byte) (value ? 1 : 0)});
    }

    public RawGguf text(String key, String value) {
        return raw(key, STRING, string(value));
    }

    public RawGguf texts(String key, List<String> values) {
        var all = new ByteArrayOutputStream();
        values.forEach(value -> all.writeBytes(string(value)));
        return array(key, STRING, values.size(), all.toByteArray());
    }

    public RawGguf reals(String key, float... values) {
        byte[] all = new byte[4 * values.length];
        little(all).asFloatBuffer().put(values);
        return array(key, FLOAT32, values.length, all);
    }

    public RawGguf numbers(String key, int... values) {
        return array(key, INT32, values.length, ints(values));
    }

    /** An array whose parts are given. */
    public RawGguf array(String key, int type, long length, byte[] elements) {
        var all = new ByteArrayOutputStream();
        all.writeBytes(ints(type));
        all.writeBytes(longs(length));
        all.writeBytes(elements);
        return raw(key, ARRAY, all.toByteArray());
    }

    /** A value whose bytes are given. */
    public RawGguf raw(String key, int type, byte[] value) {
        keyCount++;
        keys.writeBytes(string(key));
        keys.writeBytes(ints(type));
        keys.writeBytes(value);
        return this;
    }

    /** A tensor behind those before it; {@code dims} as the file has them, columns first. */
    public RawGguf tensor(String name, int type, byte[] bytes, long... dims) {
        info(name, type, data.size(), dims);
        data.writeBytes(bytes);
        data.writeBytes(new byte[-data.size() & (alignment - 1)]);
        return this;
    }

    /** A float32 tensor. */
    public RawGguf floats(String name, float[] values, long... dims) {
        byte[] all = new byte[4 * values.length];
        little(all).asFloatBuffer().put(values);
        return tensor(name, 0, all, dims);
    }

    /** A float16 tensor; values are rounded. */
    public RawGguf halves(String name, float[] values, long... dims) {
        byte[] all = new byte[2 * values.length];
        ByteBuffer buffer = little(all);
        for (float value : values) {
            buffer.putShort(Float.floatToFloat16(value));
        }
        return tensor(name, 1, all, dims);
    }

    /** What the list says of a tensor, without data. */
    public RawGguf info(String name, int type, long offset, long... dims) {
        tensorCount++;
        infos.writeBytes(string(name));
        infos.writeBytes(ints(dims.length));
        infos.writeBytes(longs(dims));
        infos.writeBytes(ints(type));
        infos.writeBytes(longs(offset));
        return this;
    }

    /** The file. */
    public byte[] bytes() {
        var file = new ByteArrayOutputStream();
        file.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
        file.writeBytes(ints(version));
        file.writeBytes(longs(tensorCount, keyCount));
        file.writeBytes(keys.toByteArray());
        file.writeBytes(infos.toByteArray());
        file.writeBytes(new byte[-file.size() & (alignment - 1)]);
        file.writeBytes(data.toByteArray());
        return file.toByteArray();
    }

    /** The file, written. */
    public Path write(Path path) {
        try {
            return Files.write(path, bytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Text behind its length. */
    public static byte[] string(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        byte[] all = new byte[8 + bytes.length];
        little(all).putLong(bytes.length).put(bytes);
        return all;
    }

    /** Little-endian ints. */
    public static byte[] ints(int... values) {
        byte[] all = new byte[4 * values.length];
        little(all).asIntBuffer().put(values);
        return all;
    }

    /** Little-endian longs. */
    public static byte[] longs(long... values) {
        byte[] all = new byte[8 * values.length];
        little(all).asLongBuffer().put(values);
        return all;
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
