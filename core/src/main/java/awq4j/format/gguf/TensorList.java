package awq4j.format.gguf;

import static awq4j.format.gguf.ByteCursor.shown;

import awq4j.format.MalformedFileException;
import awq4j.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads the list of tensors behind the metadata, and checks it against the size of the file. */
final class TensorList {
    /** An empty name, one extent, type and offset. */
    static final int LEAST_BYTES = 8 + 4 + 8 + 4 + 8;

    /** More tensors than any file has: each takes memory. */
    private static final int MOST_TENSORS = 1 << 20;

    private static final int LONGEST_NAME = 1 << 10;
    private static final int MOST_EXTENTS = 4;
    private static final String ALIGNMENT = "general.alignment";
    private static final int USUAL_ALIGNMENT = 32;

    private final Path path;
    private final ByteCursor cursor;
    private final int alignment;

    private TensorList(Path path, ByteCursor cursor, int alignment) {
        this.path = path;
        this.cursor = cursor;
        this.alignment = alignment;
    }

    /** What the header says of a tensor, before it is known where the data begins. */
    private record Row(long start, String name, int typeId, Shape shape, long relative) {}

    static Map<String, GgufTensor> read(
            Path path, MemorySegment memory, ByteCursor cursor, GgufMetadata metadata, long count) {
        if (count > MOST_TENSORS) {
            throw new MalformedFileException(
                    path, cursor.position(), count + " tensors are promised; at most " + MOST_TENSORS + " are read");
        }
        int alignment = metadata.integer(ALIGNMENT, USUAL_ALIGNMENT);
        if (Integer.bitCount(alignment) != 1 || alignment < 1) {
            throw metadata.wrong(ALIGNMENT, "a power of two");
        }
        var list = new TensorList(path, cursor, alignment);
        var rows = new ArrayList<Row>();
        for (long i = 0; i < count; i++) {
            rows.add(list.row());
        }
        long start = Math.ceilDiv(cursor.position(), (long) alignment) * alignment;
        var tensors = new LinkedHashMap<String, GgufTensor>();
        for (Row row : rows) {
            GgufTensor tensor = list.tensor(row, start, memory.byteSize());
            if (tensors.put(tensor.name(), tensor) != null) {
                throw new MalformedFileException(
                        path, row.start(), "tensor " + shown(tensor.name()) + " is listed twice");
            }
        }
        rejectOverlaps(path, tensors);
        return Collections.unmodifiableMap(tensors);
    }

    private Row row() {
        long start = cursor.position();
        String name = cursor.text("a tensor's name", LONGEST_NAME);
        if (name.isEmpty()) {
            throw new MalformedFileException(path, start, "a tensor's name is empty");
        }
        String what = "tensor " + shown(name);
        int rank = cursor.int32("the number of extents of " + what);
        if (rank < 1 || rank > MOST_EXTENTS) {
            throw new MalformedFileException(
                    path,
                    cursor.position() - 4,
                    what + " has " + Integer.toUnsignedString(rank) + " extents, expected 1 to " + MOST_EXTENTS);
        }
        long[] extents = new long[rank];
        for (int i = 0; i < rank; i++) {
            long extent = cursor.int64("an extent of " + what);
            if (extent < 1) {
                throw new MalformedFileException(
                        path,
                        cursor.position() - 8,
                        what + " has an extent of " + Long.toUnsignedString(extent) + ", expected 1 to 2^63 - 1");
            }
            extents[rank - 1 - i] = extent;
        }
        int typeId = cursor.int32("the type of " + what);
        return new Row(start, name, typeId, Shape.of(extents), cursor.int64("the offset of " + what));
    }

    private GgufTensor tensor(Row row, long dataStart, long fileBytes) {
        String what = "tensor " + shown(row.name());
        GgmlType type = GgmlType.of(row.typeId()).orElse(null);
        if (row.relative() < 0 || row.relative() % alignment != 0) {
            throw new MalformedFileException(
                    path,
                    row.start(),
                    what + " begins at byte " + Long.toUnsignedString(row.relative())
                            + " of the data, expected a multiple of " + alignment);
        }
        long size = sizeBytes(row, type, what);
        long room = fileBytes - dataStart;
        if (size > room || row.relative() > room - size) {
            throw new MalformedFileException(
                    path,
                    row.start(),
                    what + " takes " + size + " bytes from byte " + row.relative() + " of the data on, file has "
                            + Math.max(0, room));
        }
        return new GgufTensor(row.name(), type, row.typeId(), row.shape(), dataStart + row.relative(), size);
    }

    private long sizeBytes(Row row, @Nullable GgmlType type, String what) {
        if (type == null) {
            return 0;
        }
        long columns = row.shape().dim(row.shape().rank() - 1);
        if (columns % type.blockElements() != 0) {
            throw new MalformedFileException(
                    path,
                    row.start(),
                    what + " has rows of " + columns + " elements, " + type + " needs a multiple of "
                            + type.blockElements());
        }
        try {
            return Math.multiplyExact(row.shape().elements() / type.blockElements(), (long) type.blockBytes());
        } catch (ArithmeticException e) {
            throw new MalformedFileException(
                    path, row.start(), what + ": " + type + " " + row.shape() + " exceeds 2^63 bytes");
        }
    }

    private static void rejectOverlaps(Path path, Map<String, GgufTensor> tensors) {
        var sorted = new ArrayList<>(tensors.values());
        sorted.removeIf(tensor -> tensor.sizeBytes() == 0);
        sorted.sort(Comparator.comparingLong(GgufTensor::offset));
        for (int i = 1; i < sorted.size(); i++) {
            GgufTensor before = sorted.get(i - 1);
            GgufTensor tensor = sorted.get(i);
            long end = before.offset() + before.sizeBytes();
            if (tensor.offset() < end) {
                throw new MalformedFileException(
                        path,
                        tensor.offset(),
                        "tensor " + shown(tensor.name()) + " overlaps tensor " + shown(before.name())
                                + ", which ends at byte " + end);
            }
        }
    }
}
