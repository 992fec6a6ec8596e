package awq4j.model;

/**
 * A linear layer.
 *
 * @param name tensor prefix, for example {@code model.layers.3.mlp.up_proj}; of a part of a stored matrix that matrix's,
 *     with a word behind it
 * @param rows output features
 * @param columns input features
 * @param bias whether one is added: {@code stored.name.bias}
 * @param stored where it lies
 */
public record Linear(String name, int rows, int columns, boolean bias, Stored stored) {
    /** @throws IllegalArgumentException if {@code stored} has not so many rows */
    public Linear {
        if (rows < 1 || stored.row(rows - 1) >= stored.rows()) {
            throw new IllegalArgumentException(
                    name + ": " + rows + " rows do not lie in " + stored + " of " + stored.rows() + " rows");
        }
    }

    /** A linear with a matrix of its own. */
    public Linear(String name, int rows, int columns, boolean bias) {
        this(name, rows, columns, bias, Stored.whole(name, rows));
    }

    /** Whether other linears lie in the same stored matrix. */
    public boolean isPart() {
        return rows != stored.rows();
    }
}
