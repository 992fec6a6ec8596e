/** The front door of the library. */
@NullMarked
package awq4j;

import org.jspecify.annotations.NullMarked;
