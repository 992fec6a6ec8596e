/** The packed linears of compressed-tensors checkpoints, which llm-compressor writes. */
package awq4j.format.compressed;
