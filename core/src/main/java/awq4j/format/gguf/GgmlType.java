package awq4j.format.gguf;

import java.util.Optional;

/**
 * How a tensor of a GGUF file is encoded: so many elements of a row are a block of so many bytes. All that the format
 * lists; few of them are read.
 */
public enum GgmlType {
    /** IEEE 754 single precision. */
    F32(0, 1, 4),
    /** IEEE 754 half precision. */
    F16(1, 1, 2),
    /** 32 codes of 4 bits and a float16 scale; the zero is 8. */
    Q4_0(2, 32, 18),
    /** 32 codes of 4 bits, a float16 scale and a float16 that is added. */
    Q4_1(3, 32, 20),
    /** 32 codes of 5 bits and a float16 scale; the zero is 16. */
    Q5_0(6, 32, 22),
    /** 32 codes of 5 bits, a float16 scale and a float16 that is added. */
    Q5_1(7, 32, 24),
    /** 32 signed codes of 8 bits and a float16 scale. */
    Q8_0(8, 32, 34),
    /** As Q8_0 with the codes' sum: for activations, not for files. */
    Q8_1(9, 32, 36),
    /** 256 codes of 2 bits, scales and minima of 4 bits. */
    Q2_K(10, 256, 84),
    /** 256 codes of 3 bits, scales of 6 bits. */
    Q3_K(11, 256, 110),
    /** 256 codes of 4 bits, scales and minima of 6 bits. */
    Q4_K(12, 256, 144),
    /** 256 codes of 5 bits, scales and minima of 6 bits. */
    Q5_K(13, 256, 176),
    /** 256 codes of 6 bits, scales of 8 bits. */
    Q6_K(14, 256, 210),
    /** 256 codes of 8 bits: for activations, not for files. */
    Q8_K(15, 256, 292),
    /** Codes of a table, about 2.06 bits an element. */
    IQ2_XXS(16, 256, 66),
    /** Codes of a table, about 2.31 bits an element. */
    IQ2_XS(17, 256, 74),
    /** Codes of a table, about 3.06 bits an element. */
    IQ3_XXS(18, 256, 98),
    /** Codes of a table, about 1.56 bits an element. */
    IQ1_S(19, 256, 50),
    /** 32 codes of 4 bits into an uneven table. */
    IQ4_NL(20, 32, 18),
    /** Codes of a table, about 3.44 bits an element. */
    IQ3_S(21, 256, 110),
    /** Codes of a table, about 2.56 bits an element. */
    IQ2_S(22, 256, 82),
    /** 256 codes of 4 bits into an uneven table. */
    IQ4_XS(23, 256, 136),
    /** Signed bytes. */
    I8(24, 1, 1),
    /** Signed 16-bit integers. */
    I16(25, 1, 2),
    /** Signed 32-bit integers. */
    I32(26, 1, 4),
    /** Signed 64-bit integers. */
    I64(27, 1, 8),
    /** IEEE 754 double precision. */
    F64(28, 1, 8),
    /** Codes of a table, about 1.75 bits an element. */
    IQ1_M(29, 256, 56),
    /** The upper half of a single-precision float. */
    BF16(30, 1, 2),
    /** Ternary codes, about 1.69 bits an element. */
    TQ1_0(34, 256, 54),
    /** Ternary codes, about 2.06 bits an element. */
    TQ2_0(35, 256, 66),
    /** 32 floats of 4 bits and an exponent they share. */
    MXFP4(39, 32, 17);

    private final int id;
    private final int blockElements;
    private final int blockBytes;

    GgmlType(int id, int blockElements, int blockBytes) {
        this.id = id;
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
    }

    /** The number by which files name it. */
    public int id() {
        return id;
    }

    /** Elements of a row that are one block. */
    public int blockElements() {
        return blockElements;
    }

    /** Bytes of a block. */
    public int blockBytes() {
        return blockBytes;
    }

    /** Whether elements stand for themselves, one by one. */
    public boolean isPlain() {
        return blockElements == 1;
    }

    /** The type of a number, empty if it is none of these. */
    public static Optional<GgmlType> of(int id) {
        for (GgmlType type : values()) {
            if (type.id == id) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }
}
