/** Benchmarks of kernels and of whole models. */
@NullMarked
package awq4j.bench;

import org.jspecify.annotations.NullMarked;
