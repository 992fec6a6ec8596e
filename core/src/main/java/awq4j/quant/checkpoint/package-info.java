/** Quantizing whole checkpoints: block by block, resumable, from one model folder into another. */
package awq4j.quant.checkpoint;
