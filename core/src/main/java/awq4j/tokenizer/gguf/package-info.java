/** Tokenizers of GGUF files: from their metadata to the engine's form, and back. */
package awq4j.tokenizer.gguf;
