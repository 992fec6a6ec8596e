package awq4j.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Elements of one type in row-major order, little-endian, in memory that is often a mapped file.
 *
 * <p>A tensor is a view: it stays valid as long as whoever made it keeps the memory open.
 *
 * @param data exactly {@code shape.elements() * dtype.bytes()} bytes, at any alignment
 */
public record Tensor(DType dtype, Shape shape, MemorySegment data) {
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Halves that are copied to an array first: a loop over an array becomes one of vectors. */
    private static final int PIECE = 2048;

    /** @throws IllegalArgumentException if the memory is not as large as type and shape say */
    public Tensor {
        long expected = Math.multiplyExact(shape.elements(), (long) dtype.bytes());
        if (data.byteSize() != expected) {
            throw new IllegalArgumentException(
                    dtype + " tensor " + shape + " takes " + expected + " bytes, memory has " + data.byteSize());
        }
    }

    /** A float32 tensor over {@code values}, which it does not copy. */
    public static Tensor ofFloats(float[] values, long... dims) {
        return new Tensor(DType.F32, Shape.of(dims), MemorySegment.ofArray(values));
    }

    /** An int32 tensor over {@code values}, which it does not copy. */
    public static Tensor ofInts(int[] values, long... dims) {
        return new Tensor(DType.I32, Shape.of(dims), MemorySegment.ofArray(values));
    }

    /** All elements as float32, row-major; wider types are rounded to nearest. */
    public float[] toFloats() {
        float[] out = new float[Math.toIntExact(shape.elements())];
        copyTo(0, out, 0, out.length);
        return out;
    }

    /**
     * Converts {@code count} elements, starting at element {@code from}, to float32.
     *
     * @throws IndexOutOfBoundsException if either range does not fit
     */
    public void copyTo(long from, float[] to, int offset, int count) {
        java.util.Objects.checkFromIndexSize(from, count, shape.elements());
        java.util.Objects.checkFromIndexSize(offset, count, to.length);
        switch (dtype) {
            case F64 -> {
                for (int i = 0; i < count; i++) {
                    to[offset + i] = (float) data.get(DOUBLE, (from + i) * 8);
                }
            }
            case F32 -> MemorySegment.copy(data, FLOAT, from * 4, to, offset, count);
            case F16 -> {
                short[] piece = new short[Math.min(count, PIECE)];
                for (int done = 0; done < count; done += PIECE) {
                    int n = Math.min(PIECE, count - done);
                    MemorySegment.copy(data, SHORT, (from + done) * 2, piece, 0, n);
                    widen(piece, n, to, offset + done);
                }
            }
            case BF16 -> {
                for (int i = 0; i < count; i++) {
                    to[offset + i] = FloatFormats.bf16ToFloat(data.get(SHORT, (from + i) * 2));
                }
            }
            case I64 -> {
                for (int i = 0; i < count; i++) {
                    to[offset + i] = data.get(LONG, (from + i) * 8);
                }
            }
            case I32 -> {
                for (int i = 0; i < count; i++) {
                    to[offset + i] = data.get(INT, (from + i) * 4);
                }
            }
            case I16 -> {
                for (int i = 0; i < count; i++) {
                    to[offset + i] = data.get(SHORT, (from + i) * 2);
                }
            }
            case I8 -> {
                for (int i = 0; i < count; i++) {
                    to[offset + i] = data.get(ValueLayout.JAVA_BYTE, from + i);
                }
            }
            case U8, BOOL -> {
                for (int i = 0; i < count; i++) {
                    to[offset + i] = data.get(ValueLayout.JAVA_BYTE, from + i) & 0xff;
                }
            }
        }
    }

    /** Of its own: a small method is compiled sooner than a loop in a large one, and models are full of float16. */
    private static void widen(short[] halves, int count, float[] to, int offset) {
        for (int i = 0; i < count; i++) {
            to[offset + i] = Float.float16ToFloat(halves[i]);
        }
    }

    /**
     * All elements of an I32 tensor.
     *
     * @throws IllegalArgumentException if the tensor holds another type
     */
    public int[] toInts() {
        if (dtype != DType.I32) {
            throw new IllegalArgumentException("expected an I32 tensor, found " + dtype + " " + shape);
        }
        int[] out = new int[Math.toIntExact(shape.elements())];
        MemorySegment.copy(data, INT, 0, out, 0, out.length);
        return out;
    }

    /**
     * Lets the system take back the memory that holds pages of a mapped file, after a copy was made: read again, they come
     * from the file again. Without effect on other memory.
     */
    public void unload() {
        unload(data);
    }

    /** The same for a part of memory, mapped or not. */
    public static void unload(MemorySegment memory) {
        if (memory.isMapped() && memory.byteSize() > 0) {
            memory.unload();
        }
    }

    /** A copy in {@code target}, a floating-point type; values round to nearest even. The memory is on the heap. */
    public Tensor as(DType target) {
        float[] values = toFloats();
        return switch (target) {
            case F32 -> new Tensor(target, shape, MemorySegment.ofArray(values));
            case F16 -> {
                short[] bits = new short[values.length];
                for (int i = 0; i < bits.length; i++) {
                    bits[i] = Float.floatToFloat16(values[i]);
                }
                yield new Tensor(target, shape, MemorySegment.ofArray(bits));
            }
            case BF16 -> {
                short[] bits = new short[values.length];
                for (int i = 0; i < bits.length; i++) {
                    bits[i] = FloatFormats.floatToBf16(values[i]);
                }
                yield new Tensor(target, shape, MemorySegment.ofArray(bits));
            }
            case F64, I64, I32, I16, I8, U8, BOOL ->
                throw new IllegalArgumentException("cannot convert to " + target + ": F32, F16 or BF16 expected");
        };
    }
}
