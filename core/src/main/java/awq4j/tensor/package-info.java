/**
 * Element types, shapes, and tensors over mapped memory: what every checkpoint format has in common.
 */
@NullMarked
package awq4j.tensor;

import org.jspecify.annotations.NullMarked;
