/** Quality measurements: perplexity, divergence between models, reports. */
@NullMarked
package awq4j.eval;

import org.jspecify.annotations.NullMarked;
