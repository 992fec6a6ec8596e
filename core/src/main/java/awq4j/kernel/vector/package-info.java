/**
 * The row kernels on the Vector API. The only package that may use {@code jdk.incubator.vector}; it is not loaded where
 * that module is absent.
 *
 * <p>The compiler keeps a loop in registers only if the whole loop is one method: so the innermost methods here are
 * flat and long, with constants in static finals, no lambdas, no masks.
 */
@NullMarked
package awq4j.kernel.vector;

import org.jspecify.annotations.NullMarked;
