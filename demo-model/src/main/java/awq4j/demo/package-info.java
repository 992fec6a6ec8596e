/** The model that ships with the project. */
@NullMarked
package awq4j.demo;

import org.jspecify.annotations.NullMarked;
