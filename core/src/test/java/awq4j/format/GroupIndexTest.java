package awq4j.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.tensor.Tensor;
import awq4j.weight.InputOrder;
import org.junit.jupiter.api.Test;

class GroupIndexTest {
    @Test
    void columnsAreSortedByGroupAndStayInOrderWithinOne() {
        InputOrder order = GroupIndex.order("g", ints(1, 0, 1, 2, 0, 2), 6, 2);
        assertThat(order).isEqualTo(InputOrder.of(1, 4, 0, 2, 3, 5));
        assertThat(GroupIndex.of(6, 2, order).toInts()).containsExactly(1, 0, 1, 2, 0, 2);
    }

    @Test
    void sortedAndIdleIndexesHaveNoOrder() {
        assertThat(GroupIndex.order("g", null, 5, 2)).isNull();
        assertThat(GroupIndex.order("g", ints(0, 0, 1, 1, 2), 5, 2)).isNull();
        assertThat(GroupIndex.order("g", ints(0, 0, 0, 0), 4, 2))
                .as("a writer's placeholder")
                .isNull();
        assertThat(GroupIndex.order("g", ints(-1, -1, -1, -1), 4, 2))
                .as("another writer's")
                .isNull();
        assertThat(GroupIndex.of(5, 2, null).toInts()).containsExactly(0, 0, 1, 1, 2);
    }

    @Test
    void theLastGroupMayBeShorter() {
        assertThat(GroupIndex.order("g", ints(1, 0, 0), 3, 2)).isEqualTo(InputOrder.of(1, 2, 0));
    }

    @Test
    void groupsThatAreNoneAreRefused() {
        refused(ints(0, 0, 2, 1), "g: expected groups from 0 to 1, found 2 at column 2");
        refused(ints(0, -1, 1, 1), "g: expected groups from 0 to 1, found -1 at column 1");
        refused(ints(0, 1, 1, 1), "g: expected 2 columns in group 1, found more");
        refused(ints(0, 1, 1), "g: expected [4], found [3]");
        refused(Tensor.ofFloats(new float[4], 4), "g: expected I32, found F32");
    }

    private static void refused(Tensor index, String message) {
        assertThatThrownBy(() -> GroupIndex.order("g", index, 4, 2))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(message);
    }

    private static Tensor ints(int... values) {
        return Tensor.ofInts(values, values.length);
    }
}
