/** Quantizing a block: schemes, methods, and what calibration saw. Running a quantized model needs none of it. */
package awq4j.quant;
