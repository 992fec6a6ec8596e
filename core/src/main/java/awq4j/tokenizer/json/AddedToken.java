package awq4j.tokenizer.json;

import tools.jackson.databind.node.ObjectNode;

/**
 * A token that is looked for in the text before anything else happens to it.
 *
 * @param content its text
 * @param special whether it is a marker, not part of the text
 * @param lstrip whether white space before it is taken along
 * @param rstrip whether white space behind it is taken along
 * @param singleWord whether it counts only between other characters than letters
 * @param normalized whether it is looked for in the normalized text
 */
public record AddedToken(
        String content, boolean special, boolean lstrip, boolean rstrip, boolean singleWord, boolean normalized) {
    /** A marker that is looked for in the text as it is. */
    public static AddedToken marker(String content) {
        return new AddedToken(content, true, false, false, false, false);
    }

    /** The entry of {@code added_tokens}. */
    public ObjectNode json(int id) {
        return JsonParts.object()
                .put("id", id)
                .put("content", content)
                .put("single_word", singleWord)
                .put("lstrip", lstrip)
                .put("rstrip", rstrip)
                .put("normalized", normalized)
                .put("special", special);
    }
}
