/** The program: one class per command; {@code Main} holds wiring and exit codes only. */
@NullMarked
package awq4j.cli;

import org.jspecify.annotations.NullMarked;
