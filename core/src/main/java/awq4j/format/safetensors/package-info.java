/** The safetensors container: mapped for reading, streamed for writing. */
package awq4j.format.safetensors;
