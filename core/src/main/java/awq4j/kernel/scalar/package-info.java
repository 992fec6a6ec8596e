/** Every row kernel as plain loops: the definition that the others are compared with. */
@NullMarked
package awq4j.kernel.scalar;

import org.jspecify.annotations.NullMarked;
