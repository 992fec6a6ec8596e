/** The packed linears of GPTQ checkpoints. */
package awq4j.format.gptq;
