package awq4j.model;

import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * A matrix as a checkpoint stores it, with the linears that lie in it: the way back from what is computed with to what is
 * written.
 *
 * @param name tensor prefix
 * @param transposed whether a plain one is stored as [columns, rows]
 * @param parts their rows are together all rows
 */
public record StoredMatrix(String name, int rows, int columns, boolean bias, boolean transposed, List<Linear> parts) {
    /** Copies the list. */
    public StoredMatrix {
        parts = List.copyOf(parts);
        boolean[] covered = new boolean[rows];
        int sum = 0;
        for (Linear part : parts) {
            for (int row = 0; row < part.rows(); row++) {
                covered[part.stored().row(row)] = true;
            }
            sum += part.rows();
        }
        for (boolean row : covered) {
            if (!row || sum != rows) {
                throw new IllegalArgumentException("the parts of " + name + " are not its rows: " + parts);
            }
        }
    }

    /** The matrices that some linears lie in, in their order. */
    public static List<StoredMatrix> of(List<Linear> linears) {
        var parts = new LinkedHashMap<String, List<Linear>>();
        for (Linear linear : linears) {
            parts.computeIfAbsent(linear.stored().name(), name -> new ArrayList<>())
                    .add(linear);
        }
        return parts.values().stream().map(StoredMatrix::whole).toList();
    }

    private static StoredMatrix whole(List<Linear> parts) {
        Linear first = parts.getFirst();
        Stored stored = first.stored();
        return new StoredMatrix(
                stored.name(), stored.rows(), first.columns(), first.bias(), stored.transposed(), parts);
    }

    /** A vector of one value a row, put together from those of the parts. */
    public float[] vector(Function<Linear, float[]> of) {
        float[] whole = new float[rows];
        for (Linear part : parts) {
            float[] values = of.apply(part);
            for (int row = 0; row < part.rows(); row++) {
                whole[part.stored().row(row)] = values[row];
            }
        }
        return whole;
    }

    /** The plain matrix as it is stored, [rows, columns] or transposed, put together from those of the parts. */
    public float[] values(Function<Linear, float[]> of) {
        float[] whole = new float[Math.multiplyExact(rows, columns)];
        for (Linear part : parts) {
            float[] values = of.apply(part);
            for (int row = 0; row < part.rows(); row++) {
                int to = part.stored().row(row);
                if (transposed) {
                    for (int c = 0; c < columns; c++) {
                        whole[c * rows + to] = values[row * columns + c];
                    }
                } else {
                    System.arraycopy(values, row * columns, whole, to * columns, columns);
                }
            }
        }
        return whole;
    }

    /** The codes of all rows, put together from those of the parts, which have the same layout. */
    public Weight codes(Function<Linear, Weight> of) {
        if (parts.size() == 1) {
            return of.apply(parts.getFirst());
        }
        Grouped layout = (Grouped) of.apply(parts.getFirst()).layout();
        long groups = layout.groups(columns);
        var values = new Rows(layout.rowBytes(columns));
        var scales = new Rows(groups * Float.BYTES);
        long zeroBytes = groups * layout.zeroPoint().bytes();
        var zeros = zeroBytes == 0 ? null : new Rows(zeroBytes);
        for (Linear part : parts) {
            Weight weight = of.apply(part);
            if (!weight.layout().equals(layout) || weight.inputOrder() != null) {
                throw new IllegalArgumentException(
                        "the parts of " + name + " are coded in different ways: " + layout + ", " + weight.layout());
            }
            values.put(part, weight.values());
            scales.put(part, Objects.requireNonNull(weight.scales()));
            if (zeros != null) {
                zeros.put(part, Objects.requireNonNull(weight.zeros()));
            }
        }
        return new Weight(
                name, rows, columns, layout, values.memory, scales.memory, zeros == null ? null : zeros.memory);
    }

    /** Rows of so many bytes each. */
    private final class Rows {
        private final long width;
        private final MemorySegment memory;

        Rows(long width) {
            this.width = width;
            this.memory = MemorySegment.ofArray(new byte[Math.toIntExact(rows * width)]);
        }

        void put(Linear part, MemorySegment from) {
            for (int row = 0; row < part.rows(); row++) {
                MemorySegment.copy(from, row * width, memory, part.stored().row(row) * width, width);
            }
        }
    }
}
