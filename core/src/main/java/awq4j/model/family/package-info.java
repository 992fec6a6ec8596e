/** One file a family: from its configuration to a {@link awq4j.model.ModelSpec}. */
package awq4j.model.family;
