package awq4j.format;

import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.InputOrder;
import org.jspecify.annotations.Nullable;

/**
 * The tensor that says to which group each column belongs: {@code g_idx} of GPTQ, {@code weight_g_idx} of
 * compressed-tensors, int32 [columns].
 */
public final class GroupIndex {
    private GroupIndex() {}

    /**
     * In which order columns make groups of neighbours: sorted by group, columns of a group as they are.
     *
     * @param index null if there is none
     * @return null if the columns are in that order already; all groups 0 and all groups -1 mean that, too, since writers
     *     that do not reorder columns leave such tensors
     * @throws UnsupportedModelException if a group is not one of the linear's, or has another number of columns than its
     *     place asks for
     */
    public static @Nullable InputOrder order(String name, @Nullable Tensor index, int columns, int groupSize) {
        if (index == null) {
            return null;
        }
        PackedTensors.expect(name, index, DType.I32, Shape.of(columns));
        int[] groupOf = index.toInts();
        int groups = Math.ceilDiv(columns, groupSize);
        if (idle(groupOf)) {
            return null;
        }
        var next = new int[groups];
        for (int g = 0; g < groups; g++) {
            next[g] = g * groupSize;
        }
        var inputs = new int[columns];
        boolean sorted = true;
        for (int column = 0; column < columns; column++) {
            int group = groupOf[column];
            if (group < 0 || group >= groups) {
                throw new UnsupportedModelException(name + ": expected groups from 0 to " + (groups - 1) + ", found "
                        + group + " at column " + column);
            }
            int end = (int) Math.min(columns, (group + 1L) * groupSize);
            if (next[group] == end) {
                throw new UnsupportedModelException(name + ": expected " + (end - group * groupSize)
                        + " columns in group " + group + ", found more");
            }
            sorted &= next[group] == column;
            inputs[next[group]++] = column;
        }
        return sorted ? null : InputOrder.of(inputs); // as many places as columns: none is left empty
    }

    private static boolean idle(int[] groupOf) {
        int first = groupOf[0];
        if (first != 0 && first != -1) {
            return false;
        }
        for (int group : groupOf) {
            if (group != first) {
                return false;
            }
        }
        return true;
    }

    /** The tensor of a weight's columns, in the order of its inputs. */
    public static Tensor of(int columns, int groupSize, @Nullable InputOrder order) {
        int[] groupOf = new int[columns];
        for (int column = 0; column < columns; column++) {
            groupOf[order == null ? column : order.input(column)] = column / groupSize;
        }
        return Tensor.ofInts(groupOf, columns);
    }
}
