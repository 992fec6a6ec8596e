/** Parts of a {@code tokenizer.json}: what the folder's other files add to one, and what conversions share. */
package awq4j.tokenizer.json;
