/** The packed linears of AWQ checkpoints. */
package awq4j.format.awq;
