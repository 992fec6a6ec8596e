package awq4j.quant.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class BlockLoopTest {
    /** A dense block, then two mixtures of experts with ten times the arithmetic each. */
    @Test
    void blocksThatAreUnlikeTakeTimeByTheirArithmetic() {
        double[] expected = {2, 20, 20};
        assertThat(BlockLoop.left(3, expected, 1)).isCloseTo(60, within(1e-9));
        assertThat(BlockLoop.left(40, expected, 2)).isCloseTo(40 * 20 / 22.0, within(1e-9));
        assertThat(BlockLoop.left(70, expected, 3)).isZero();
    }
}
