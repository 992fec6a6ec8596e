/**
 * Devices and the operations they offer. {@link awq4j.kernel.Backend} is the upper seam, one device;
 * {@link awq4j.kernel.RowKernels} the lower one, the CPU's leaf arithmetic.
 */
@NullMarked
package awq4j.kernel;

import org.jspecify.annotations.NullMarked;
