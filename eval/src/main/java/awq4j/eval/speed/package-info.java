/** Measures how fast models run, and how near that is to what the machine can do. */
@NullMarked
package awq4j.eval.speed;

import org.jspecify.annotations.NullMarked;
