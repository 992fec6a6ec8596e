package awq4j.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class TensorTest {
    @Test
    void everyTypeBecomesFloat() {
        assertThat(read(DType.F64, 3, b -> b.putDouble(1.5).putDouble(-1e300).putDouble(Double.NaN)))
                .containsExactly(1.5f, Float.NEGATIVE_INFINITY, Float.NaN);
        assertThat(read(DType.F32, 2, b -> b.putFloat(-0f).putFloat(3.25f))).containsExactly(-0f, 3.25f);
        assertThat(read(DType.F16, 3, b -> halves(b, 0x3c00, 0x8001, 0x7c00)))
                .containsExactly(1f, -0x1p-24f, Float.POSITIVE_INFINITY);
        assertThat(read(DType.BF16, 2, b -> halves(b, 0x3f80, 0xc049))).containsExactly(1f, -3.140625f);
        assertThat(read(DType.I64, 2, b -> b.putLong(-7).putLong(1L << 40))).containsExactly(-7f, 0x1p40f);
        assertThat(read(DType.I32, 2, b -> b.putInt(-7).putInt((1 << 24) + 1))).containsExactly(-7f, 0x1p24f);
        assertThat(read(DType.I16, 2, b -> halves(b, 0xffff, 300))).containsExactly(-1f, 300f);
        assertThat(read(DType.I8, 2, b -> b.put((byte) -128).put((byte) 127))).containsExactly(-128f, 127f);
        assertThat(read(DType.U8, 2, b -> b.put((byte) 200).put((byte) 0))).containsExactly(200f, 0f);
        assertThat(read(DType.BOOL, 2, b -> b.put((byte) 1).put((byte) 0))).containsExactly(1f, 0f);
    }

    @Test
    void dataMayStandAtAnyByte() {
        for (DType dtype : DType.values()) {
            byte[] bytes = new byte[1 + 3 * dtype.bytes()];
            var tensor =
                    new Tensor(dtype, Shape.of(3), MemorySegment.ofArray(bytes).asSlice(1));
            assertThat(tensor.toFloats()).as(dtype.name()).containsExactly(0, 0, 0);
        }
    }

    @Test
    void aPartIsCopiedToItsPlace() {
        var tensor = Tensor.ofInts(new int[] {1, 2, 3, 4}, 2, 2);
        float[] to = {9, 9, 9, 9};
        tensor.copyTo(1, to, 2, 2);
        assertThat(to).containsExactly(9, 9, 2, 3);
        assertThatThrownBy(() -> tensor.copyTo(3, to, 0, 2)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.copyTo(0, to, 3, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void conversionRoundsToNearestEven() {
        var tensor = Tensor.ofFloats(new float[] {1 + 0x1p-11f, 1 + 3 * 0x1p-11f, 1 + 0x1p-8f, Float.NaN}, 4);
        assertThat(tensor.as(DType.F16).toFloats()).containsExactly(1, 1 + 0x1p-9f, 1 + 0x1p-8f, Float.NaN);
        assertThat(tensor.as(DType.BF16).toFloats()).containsExactly(1, 1, 1, Float.NaN);
        assertThat(tensor.as(DType.F32).toFloats()).containsExactly(tensor.toFloats());
        assertThatThrownBy(() -> tensor.as(DType.U8))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("cannot convert to U8: F32, F16 or BF16 expected");
    }

    @Test
    void memoryOfAnotherSizeIsRefused() {
        assertThatThrownBy(() -> new Tensor(DType.F16, Shape.of(2, 3), MemorySegment.ofArray(new byte[11])))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("F16 tensor [2, 3] takes 12 bytes, memory has 11");
    }

    @Test
    void integersAreOnlyReadFromIntegers() {
        assertThat(Tensor.ofInts(new int[] {-1, 5}, 2).toInts()).containsExactly(-1, 5);
        assertThatThrownBy(() -> Tensor.ofFloats(new float[1], 1).toInts())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("expected an I32 tensor, found F32 [1]");
    }

    @Test
    void shapesCountBeyondInt() {
        assertThat(Shape.of(1 << 20, 1 << 20).elements()).isEqualTo(1L << 40);
        assertThat(Shape.of().elements()).isEqualTo(1);
        assertThat(Shape.of(4, 0).elements()).isZero();
        assertThatThrownBy(() -> Shape.of(1L << 40, 1L << 40).elements()).isInstanceOf(ArithmeticException.class);
        assertThatThrownBy(() -> Shape.of(2, -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("shape has a negative extent: [2, -1]");
    }

    private static float[] read(DType dtype, int count, Consumer<ByteBuffer> fill) {
        var buffer = ByteBuffer.allocate(count * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        fill.accept(buffer);
        assertThat(buffer.hasRemaining()).isFalse();
        return new Tensor(dtype, Shape.of(count), MemorySegment.ofArray(buffer.array())).toFloats();
    }

    private static void halves(ByteBuffer buffer, int... values) {
        for (int value : values) {
            buffer.putShort((short) value);
        }
    }
}
