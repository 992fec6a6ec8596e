package awq4j.model.family;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.kernel.AttentionShape;

/**
 * Heads of attention.
 *
 * @param keyValue heads of keys and values, divides {@code query}
 * @param size values a head
 */
record Heads(int query, int keyValue, int size) {
    /** {@code num_attention_heads}, {@code num_key_value_heads} and {@code head_dim}, as most files name them. */
    static Heads read(Config config, int hidden) {
        int query = config.positive("num_attention_heads", Bounds.HEADS);
        int keyValue = config.integer("num_key_value_heads", query);
        if (config.has("head_dim")) {
            return grouped(
                    config,
                    "num_attention_heads",
                    query,
                    "num_key_value_heads",
                    keyValue,
                    config.positive("head_dim", Bounds.HEAD_DIM));
        }
        return grouped(
                config,
                "num_attention_heads",
                query,
                "num_key_value_heads",
                keyValue,
                size(config, hidden, "num_attention_heads", query));
    }

    /** As many heads of keys and values as of queries, which divide the width. */
    static Heads even(Config config, int hidden, String key) {
        int query = config.positive(key, Bounds.HEADS);
        return new Heads(query, query, size(config, hidden, key, query));
    }

    private static Heads grouped(
            Config config, String queryKey, int query, String keyValueKey, int keyValue, int size) {
        if (keyValue < 1 || query % keyValue != 0) {
            throw new MalformedFileException(
                    config.file(),
                    -1,
                    "\"" + keyValueKey + "\" should divide " + queryKey + " " + query + ", is " + keyValue);
        }
        return new Heads(query, keyValue, size);
    }

    private static int size(Config config, int hidden, String key, int heads) {
        if (hidden % heads != 0) {
            throw new MalformedFileException(
                    config.file(), -1, "hidden_size " + hidden + " does not divide by " + key + " " + heads);
        }
        return hidden / heads;
    }

    /** The same queries over so many heads of keys and values. */
    Heads over(Config config, String key, int keyValue) {
        return grouped(config, "the number of heads", query, key, keyValue, size);
    }

    /** Values of all queries of a token. */
    int queryWidth() {
        return query * size;
    }

    /** Values of all keys of a token. */
    int keyWidth() {
        return keyValue * size;
    }

    /** The usual factor on scores. */
    float scale() {
        return (float) (1 / Math.sqrt(size));
    }

    /** Attention to all positions, scores scaled as usual. */
    AttentionShape shape() {
        return new AttentionShape(query, keyValue, size, scale(), 0, null);
    }
}
