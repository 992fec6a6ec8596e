/**
 * Downloads models from a Hugging Face compatible hub, into the cache that Python's libraries use as well.
 *
 * <p>Part of the program and not of the library: who embeds {@code core} gets code that opens folders and never opens a
 * connection.
 */
package awq4j.cli.hub;
