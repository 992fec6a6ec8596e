package awq4j.format.pickle;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Files in both forms of PyTorch, put together by hand around a pickle. */
public final class TorchFiles {
    private TorchFiles() {}

    public static Path write(Path file, byte[] bytes) {
        try {
            return Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A zip of the pickle and of storages by key. */
    public static byte[] zip(byte[] pickle, Map<String, byte[]> storages) {
        var zip = new Zip(false);
        zip.entry("m/data.pkl", pickle);
        storages.forEach((key, bytes) -> zip.entry("m/data/" + key, bytes));
        return zip.ended("");
    }

    /** The older form; each storage's bytes begin with its count of elements. */
    static byte[] legacy(byte[] pickle, Map<String, byte[]> counted) {
        var out = new ByteArrayOutputStream();
        out.writeBytes(magic());
        out.writeBytes(new PickleCode().op('M', 0xe9, 0x03).ended());
        out.writeBytes(new PickleCode()
                .ops("}")
                .text("little_endian")
                .op(0x88)
                .ops("s")
                .ended());
        out.writeBytes(pickle);
        var keys = new PickleCode().ops("](");
        counted.keySet().forEach(keys::text);
        out.writeBytes(keys.ops("e").ended());
        counted.values().forEach(out::writeBytes);
        return out.toByteArray();
    }

    static byte[] magic() {
        return new PickleCode()
                .op(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19)
                .ended();
    }

    /** A count of elements and the elements. */
    static byte[] counted(long elements, byte[] bytes) {
        return ByteBuffer.allocate(8 + bytes.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(elements)
                .put(bytes)
                .array();
    }

    /** Bytes that count up. */
    static byte[] counting(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) i;
        }
        return bytes;
    }

    public static byte[] floats(float... values) {
        var buffer = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            buffer.putFloat(value);
        }
        return buffer.array();
    }

    /** A zip file of stored entries, with the sizes where small or where large files have them. */
    static final class Zip {
        private record Place(long offset, long bytes) {}

        private final boolean large;
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private final Map<String, Place> places = new LinkedHashMap<>();
        private long hole;

        Zip(boolean large) {
            this.large = large;
        }

        Zip entry(String name, byte[] bytes) {
            places.put(name, new Place(hole + out.size(), bytes.length));
            out.writeBytes(local(name));
            out.writeBytes(bytes);
            return this;
        }

        /** An entry whose bytes are left out of the result of {@link #ended}: the caller makes a hole of them. */
        Zip hole(String name, long bytes) {
            places.put(name, new Place(hole + out.size(), bytes));
            out.writeBytes(local(name));
            hole += bytes;
            return this;
        }

        /** Bytes so far. */
        int size() {
            return out.size();
        }

        byte[] ended(String comment) {
            long start = hole + out.size();
            int before = out.size();
            places.forEach((name, place) -> out.writeBytes(central(name, place)));
            int size = out.size() - before;
            long end = hole + out.size();
            if (large) {
                var end64 =
                        new LittleEndian().int32(0x06064b50).int64(44).int32(0).int64(0);
                end64.int64(places.size()).int64(places.size()).int64(size).int64(start);
                end64.int32(0x07064b50).int32(0).int64(end).int32(1);
                out.writeBytes(end64.bytes());
            }
            byte[] text = comment.getBytes(StandardCharsets.UTF_8);
            var last = new LittleEndian().int32(0x06054b50).int32(0);
            last.int16(places.size()).int16(places.size());
            last.int32(large ? -1 : size).int32(large ? -1 : (int) start);
            out.writeBytes(last.int16(text.length).raw(text).bytes());
            return out.toByteArray();
        }

        private static byte[] local(String name) {
            byte[] text = name.getBytes(StandardCharsets.UTF_8);
            var header = new LittleEndian().int32(0x04034b50).raw(new byte[22]);
            return header.int16(text.length).int16(0).raw(text).bytes();
        }

        private byte[] central(String name, Place place) {
            byte[] text = name.getBytes(StandardCharsets.UTF_8);
            int size = large ? -1 : (int) place.bytes;
            var header = new LittleEndian()
                    .int32(0x02014b50)
                    .raw(new byte[16])
                    .int32(size)
                    .int32(size);
            header.int16(text.length).int16(large ? 28 : 0).raw(new byte[10]);
            header.int32(large ? -1 : (int) place.offset).raw(text);
            if (large) {
                header.int16(1).int16(24).int64(place.bytes).int64(place.bytes).int64(place.offset);
            }
            return header.bytes();
        }
    }

    /** Numbers as these files have them. */
    static final class LittleEndian {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        LittleEndian int16(int value) {
            return number(value, 2);
        }

        LittleEndian int32(int value) {
            return number(value, 4);
        }

        LittleEndian int64(long value) {
            return number(value, 8);
        }

        LittleEndian raw(byte[] bytes) {
            out.writeBytes(bytes);
            return this;
        }

        byte[] bytes() {
            return out.toByteArray();
        }

        private LittleEndian number(long value, int width) {
            for (int i = 0; i < width; i++) {
                out.write((int) (value >>> (8 * i)));
            }
            return this;
        }
    }
}
