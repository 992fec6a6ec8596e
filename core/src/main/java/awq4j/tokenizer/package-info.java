/**
 * Text to tokens and back, with the tokenizer that a model folder brings.
 *
 * <p>One engine does the work, Hugging Face's own; what is not a {@code tokenizer.json} is converted to one in memory.
 */
package awq4j.tokenizer;
