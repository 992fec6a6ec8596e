/** What tests of every module share: reference data, tiny models, samples, contracts. Travels as core's test-jar. */
@NullMarked
package awq4j.testing;

import org.jspecify.annotations.NullMarked;
