/** Text that a model is quantized with: where it comes from, and how it becomes sequences of tokens. */
package awq4j.quant.calibration;
