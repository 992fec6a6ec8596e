/** A file beside a model's weights that holds them in the order that kernels read. */
package awq4j.format.packed;
