package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.model.Linear;

/** The linears of an attention, wherever their rows lie. */
record Projections(Linear query, Linear key, Linear value, Linear output) {
    /** Three matrices and a fourth. */
    static Projections apart(
            Checkpoint checkpoint,
            String prefix,
            String output,
            Heads heads,
            int hidden,
            boolean bias,
            boolean outputBias) {
        return new Projections(
                linear(checkpoint, prefix + "q_proj", heads.queryWidth(), hidden, bias),
                linear(checkpoint, prefix + "k_proj", heads.keyWidth(), hidden, bias),
                linear(checkpoint, prefix + "v_proj", heads.keyWidth(), hidden, bias),
                linear(checkpoint, prefix + output, hidden, heads.queryWidth(), outputBias));
    }

    /** A bias that the file stores is added even where the family has none: fine-tunes do add them. */
    static Linear linear(Checkpoint checkpoint, String name, int rows, int columns, boolean bias) {
        return new Linear(name, rows, columns, bias || checkpoint.has(name + ".bias"));
    }

    /** All queries' rows, then all keys', then all values'. */
    static Projections stacked(Fused matrix, Heads heads, Linear output) {
        int keys = heads.queryWidth();
        int values = keys + heads.keyWidth();
        return new Projections(
                matrix.part("query", 0, heads.queryWidth()),
                matrix.part("key", keys, heads.keyWidth()),
                matrix.part("value", values, heads.keyWidth()),
                output);
    }

    /** By head of keys and values: the rows of the queries that share it, of the key, of the value. */
    static Projections byHead(Fused matrix, Heads heads, Linear output) {
        int run = heads.query() / heads.keyValue() * heads.size();
        int stride = run + 2 * heads.size();
        return new Projections(
                matrix.part("query", heads.queryWidth(), 0, run, stride),
                matrix.part("key", heads.keyWidth(), run, heads.size(), stride),
                matrix.part("value", heads.keyWidth(), run + heads.size(), heads.size(), stride),
                output);
    }

    /** Rows of the fused matrix. */
    static int rows(Heads heads) {
        return heads.queryWidth() + 2 * heads.keyWidth();
    }
}
