/** Generating text: the running sequence, how the next token is chosen, and when the reply ends. */
@NullMarked
package awq4j.runtime;

import org.jspecify.annotations.NullMarked;
