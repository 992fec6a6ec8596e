package awq4j.model;

/**
 * A linear layer of a block.
 *
 * @param name tensor prefix, for example {@code model.layers.3.mlp.up_proj}
 * @param rows output features
 * @param columns input features
 * @param bias whether {@code name.bias} is added
 */
public record Linear(String name, int rows, int columns, boolean bias) {}
