package awq4j.quant.checkpoint;

import awq4j.format.gguf.GgmlType;
import awq4j.format.gguf.PlainBlocks;
import awq4j.tensor.FloatFormats;
import awq4j.weight.GgufEncoder;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Brings matrices to blocks of 32 columns with one float16 scale: Q4_0, Q4_1 or Q8_0. Codes of larger groups keep their
 * values where the blocks can say them; what has no place is rounded as llama.cpp rounds floats.
 */
record GgufRounding(GgmlType type) {
    private Grouped layout() {
        return PlainBlocks.layout(type).orElseThrow();
    }

    /** Whether rows are whole blocks. */
    static boolean fits(Weight weight) {
        return weight.columns() % PlainBlocks.COLUMNS == 0;
    }

    /** The matrix in blocks; its rows are whole blocks. */
    Held hold(Weight weight) {
        String obstacle = switch (weight.layout()) {
            case Dense dense -> "plain " + dense.dtype();
            case GgufBlock block -> "blocks of " + block.type();
            case Grouped grouped -> {
                if (weight.inputOrder() != null) {
                    yield "columns in an order of their own (act-order)";
                }
                boolean whole =
                        grouped.groupSize() % PlainBlocks.COLUMNS == 0 || grouped.groupSize() >= weight.columns();
                yield whole ? "" : "groups of " + grouped.groupSize();
            }
        };
        if (!obstacle.isEmpty()) {
            return new Held(rounded(weight), obstacle + ", rounded to " + type);
        }
        Held codes = codes(weight, (Grouped) weight.layout());
        return codes == null
                ? new Held(rounded(weight), "zeros or codes that " + type + " has no place for, rounded anew")
                : codes;
    }

    /** The same codes, or codes moved to the zero that the type has; null if they do not fit. */
    private @Nullable Held codes(Weight weight, Grouped from) {
        Grouped to = layout();
        boolean biased = to.zeroPoint() == ZeroPoint.FLOAT;
        if (from.bits() > to.bits() || (from.zeroPoint() == ZeroPoint.FLOAT && !biased)) {
            return null;
        }
        int groups = weight.columns() / PlainBlocks.COLUMNS;
        byte[] codes = new byte[Math.multiplyExact(weight.rows(), to.rowBytes(weight.columns()))];
        float[] scales = new float[Math.multiplyExact(weight.rows(), groups)];
        float[] biases = new float[biased ? scales.length : 0];
        var into = new Blocks(weight, from, to, codes, scales, biases);
        boolean fits = IntStream.range(0, weight.rows()).parallel().allMatch(into::row);
        if (!fits) {
            return null;
        }
        var held = new Weight(
                weight.name(),
                weight.rows(),
                weight.columns(),
                to,
                MemorySegment.ofArray(codes),
                MemorySegment.ofArray(scales),
                biased ? MemorySegment.ofArray(biases) : null);
        return new Held(
                held,
                into.exact()
                        ? ""
                        : "scales or " + (biased ? "least values" : "zeros") + " finer than float16, rounded");
    }

    /** Where rows of codes go. */
    private record Blocks(Weight weight, Grouped from, Grouped to, byte[] codes, float[] scales, float[] biases) {
        /** Moves a row; false if a code has no place. */
        boolean row(int row) {
            int groups = weight.columns() / PlainBlocks.COLUMNS;
            byte[] stored = WeightCodec.rowCodes(weight, from, row);
            for (int g = 0; g < groups; g++) {
                int source = (int) ((long) g * PlainBlocks.COLUMNS / from.groupSize());
                int place = row * groups + g;
                float scale = WeightCodec.scale(weight, from, row, source);
                scales[place] = FloatFormats.roundToF16(scale);
                int moved = 0;
                if (to.zeroPoint() == ZeroPoint.FLOAT) {
                    biases[place] = FloatFormats.roundToF16(bias(row, source));
                } else {
                    moved = (1 << (to.bits() - 1)) - WeightCodec.zero(weight, from, row, source);
                }
                if (Float.isInfinite(scales[place])
                        || (biases.length > 0 && Float.isInfinite(biases[place]))
                        || !codes(stored, row, g, moved)) {
                    return false;
                }
            }
            return true;
        }

        private float bias(int row, int group) {
            return from.zeroPoint() == ZeroPoint.FLOAT
                    ? WeightCodec.bias(weight, from, row, group)
                    : -WeightCodec.zero(weight, from, row, group) * WeightCodec.scale(weight, from, row, group);
        }

        private boolean codes(byte[] stored, int row, int group, int moved) {
            int most = (1 << to.bits()) - 1;
            boolean nibbles = from.storageBits() == 4;
            int at = row * to.rowBytes(weight.columns());
            for (int k = 0; k < PlainBlocks.COLUMNS; k++) {
                int column = group * PlainBlocks.COLUMNS + k;
                int code = WeightCodec.code(stored, nibbles, column) + moved;
                if (code < 0 || code > most) {
                    return false;
                }
                if (to.storageBits() == 8) {
                    codes[at + column] = (byte) code;
                } else {
                    codes[at + column / 2] |= (byte) (code << (4 * (column & 1)));
                }
            }
            return true;
        }

        /** Whether no scale and no bias was rounded. */
        boolean exact() {
            int groups = weight.columns() / PlainBlocks.COLUMNS;
            return IntStream.range(0, scales.length).parallel().allMatch(place -> {
                int row = place / groups;
                int source = (int) ((long) (place % groups) * PlainBlocks.COLUMNS / from.groupSize());
                return scales[place] == WeightCodec.scale(weight, from, row, source)
                        && (biases.length == 0 || biases[place] == bias(row, source));
            });
        }
    }

    private Weight rounded(Weight weight) {
        GgufEncoder encoder = GgufEncoder.valueOf(type.name());
        int rowBytes = Math.toIntExact(encoder.sizeBytes(weight.columns()));
        byte[] blocks = new byte[Math.multiplyExact(weight.rows(), rowBytes)];
        IntStream.range(0, weight.rows()).parallel().forEach(row -> {
            float[] values = new float[weight.columns()];
            WeightCodec.decodeRow(weight, row, values);
            encoder.encode(values, 0, values.length, blocks, row * rowBytes);
        });
        return PlainBlocks.unpack(
                weight.name(),
                type,
                layout(),
                weight.rows(),
                weight.columns(),
                MemorySegment.ofArray(blocks),
                row -> row);
    }
}
