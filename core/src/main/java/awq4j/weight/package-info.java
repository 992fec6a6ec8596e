/**
 * The layouts a linear's weight can have in memory, and what each of them means: {@link awq4j.weight.WeightCodec}
 * decodes a row of any layout to floats, and is what every kernel is compared with.
 */
@NullMarked
package awq4j.weight;

import org.jspecify.annotations.NullMarked;
