package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import awq4j.weight.Weight;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What the errors of columns that are done ask of columns that are still to come, as products of large matrices: the
 * columns are halved, the left half is done, its errors E reach the right half as {@code E U} at once, then the right
 * half is done, and so on within the halves, down to single batches (GPTQ's lazy updates, Frantar et al., 2022, section
 * 3.3, at more than one level).
 *
 * <p>A column has been corrected for all columns before its batch when its batch begins. Halves meet where a group begins,
 * if one does, so that this is true of all columns of a group when its first one is reached. For one caller at a time.
 */
final class LaterColumns {
    private final Backend backend;
    private final int columns;
    private final Node root;

    /** Some batches: one, or two parts and what the left asks of the right. */
    private sealed interface Node {
        record Batch(int from, int to) implements Node {}

        /** @param upper U's part, transposed: [end - middle, middle - from] */
        record Halves(Node left, Node right, int from, int middle, int end, PlacedWeight upper) implements Node {}
    }

    /** Does the columns of a batch, for all rows. */
    @FunctionalInterface
    interface Batches {
        void run(int from, int to);
    }

    /**
     * Prepares for a factor.
     *
     * @param upper U, [columns, columns]
     * @param starts where batches begin, ascending, the first at 0
     * @param groupSize columns of a group, of which all are to be corrected when its first one is reached; 1 if there is
     *     no such thing
     */
    LaterColumns(Backend backend, float[] upper, int columns, List<Integer> starts, int groupSize) {
        this.backend = backend;
        this.columns = columns;
        var ends = new ArrayList<>(starts.subList(1, starts.size()));
        ends.add(columns);
        this.root = new Builder(upper, starts, ends, groupSize).node(0, starts.size());
    }

    /** Builds the tree from its leaves. */
    private final class Builder {
        private final float[] upper;
        private final List<Integer> starts;
        private final List<Integer> ends;
        private final int groupSize;

        Builder(float[] upper, List<Integer> starts, List<Integer> ends, int groupSize) {
            this.upper = upper;
            this.starts = starts;
            this.ends = ends;
            this.groupSize = groupSize;
        }

        Node node(int first, int last) {
            int from = starts.get(first);
            int end = ends.get(last - 1);
            if (last - first == 1) {
                return new Node.Batch(from, end);
            }
            int cut = cut(first, last);
            int middle = starts.get(cut);
            return new Node.Halves(node(first, cut), node(cut, last), from, middle, end, transposed(from, middle, end));
        }

        /** The batch nearest to the middle with which a group begins; any, if none begins with one. */
        private int cut(int first, int last) {
            double middle = (starts.get(first) + ends.get(last - 1)) / 2.0;
            int best = first + 1;
            for (int i = first + 2; i < last; i++) {
                int gain = Boolean.compare(begins(i), begins(best));
                if (gain > 0 || (gain == 0 && Math.abs(starts.get(i) - middle) < Math.abs(starts.get(best) - middle))) {
                    best = i;
                }
            }
            return best;
        }

        private boolean begins(int batch) {
            return starts.get(batch) % groupSize == 0;
        }

        private PlacedWeight transposed(int from, int middle, int end) {
            int depth = middle - from;
            float[] part = new float[(end - middle) * depth];
            IntStream.range(middle, end).parallel().forEach(column -> {
                for (int p = 0; p < depth; p++) {
                    part[(column - middle) * depth + p] = upper[(from + p) * columns + column];
                }
            });
            return backend.place(Weight.ofFloats("later columns", end - middle, depth, part));
        }
    }

    /**
     * Goes through all batches in order.
     *
     * @param rows of {@code values}
     * @param values [rows, columns]; a batch that is done leaves its errors in its columns
     * @param batches does a batch
     */
    void run(int rows, float[] values, Batches batches) {
        run(root, rows, values, batches);
    }

    private void run(Node node, int rows, float[] values, Batches batches) {
        switch (node) {
            case Node.Batch batch -> batches.run(batch.from, batch.to);
            case Node.Halves halves -> {
                run(halves.left, rows, values, batches);
                correct(halves, rows, values);
                run(halves.right, rows, values, batches);
            }
        }
    }

    private void correct(Node.Halves halves, int rows, float[] values) {
        int depth = halves.middle - halves.from;
        int width = halves.end - halves.middle;
        float[] left = new float[rows * depth];
        IntStream.range(0, rows)
                .parallel()
                .forEach(row -> System.arraycopy(values, row * columns + halves.from, left, row * depth, depth));
        Buffer in = backend.allocate(rows, depth);
        Buffer out = backend.allocate(rows, width);
        backend.write(left, in);
        backend.kernels().linear(halves.upper, null, in, out);
        float[] right = new float[rows * width];
        backend.read(out, right);
        IntStream.range(0, rows).parallel().forEach(row -> {
            int at = row * columns + halves.middle;
            for (int c = 0; c < width; c++) {
                values[at + c] -= right[row * width + c];
            }
        });
    }
}
