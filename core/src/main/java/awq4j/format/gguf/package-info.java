/** The GGUF container of llama.cpp: metadata, tensors, and a model's files seen as a checkpoint. */
package awq4j.format.gguf;
