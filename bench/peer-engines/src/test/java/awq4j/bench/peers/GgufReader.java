package awq4j.bench.peers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads a small GGUF file back, by the format's description. */
final class GgufReader {
    final Map<String, Object> keys = new LinkedHashMap<>();
    final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    final long dataStart;
    private final ByteBuffer bytes;

    /** A tensor as the header has it; {@code offset} from the start of the data. */
    record TensorInfo(List<Long> dims, int type, long offset) {}

    GgufReader(Path file) throws IOException {
        bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        byte[] magic = new byte[4];
        bytes.get(magic);
        if (!new String(magic, StandardCharsets.US_ASCII).equals("GGUF") || bytes.getInt() != 3) {
            throw new IOException("no GGUF 3");
        }
        long tensorCount = bytes.getLong();
        long keyCount = bytes.getLong();
        for (long i = 0; i < keyCount; i++) {
            keys.put(string(), value(bytes.getInt()));
        }
        for (long i = 0; i < tensorCount; i++) {
            String name = string();
            List<Long> dims = new ArrayList<>();
            int count = bytes.getInt();
            for (int j = 0; j < count; j++) {
                dims.add(bytes.getLong());
            }
            tensors.put(name, new TensorInfo(dims, bytes.getInt(), bytes.getLong()));
        }
        dataStart = (bytes.position() + 31L) / 32 * 32;
    }

    ByteBuffer data(String tensor) {
        int at = Math.toIntExact(dataStart + tensors.get(tensor).offset());
        return bytes.slice(at, bytes.capacity() - at).order(ByteOrder.LITTLE_ENDIAN);
    }

    private String string() {
        byte[] text = new byte[Math.toIntExact(bytes.getLong())];
        bytes.get(text);
        return new String(text, StandardCharsets.UTF_8);
    }

    private Object value(int type) throws IOException {
        return switch (type) {
            case 4, 5 -> bytes.getInt();
            case 6 -> bytes.getFloat();
            case 7 -> bytes.get() != 0;
            case 8 -> string();
            case 9 -> array();
            default -> throw new IOException("type " + type);
        };
    }

    private List<Object> array() throws IOException {
        int type = bytes.getInt();
        long length = bytes.getLong();
        List<Object> values = new ArrayList<>();
        for (long i = 0; i < length; i++) {
            values.add(value(type));
        }
        return values;
    }
}
