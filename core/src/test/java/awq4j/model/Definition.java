package awq4j.model;

import java.nio.file.Path;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A small model and its definition, written out once more in double precision from what is publicly known of it.
 *
 * @param config keys beside the common ones, as JSON
 * @param logits of all tokens
 */
public record Definition(
        String name, String architecture, String config, SlowModel model, Function<int[], double[][]> logits) {
    /** Tokens of all of them. */
    public static final int VOCABULARY = 48;

    /** Families, and forms of families, of which no results of transformers are at hand. */
    public static Stream<Definition> all() {
        return Stream.of(LlamaDefinitions.all(), ExpertDefinitions.all(), WideDefinitions.all())
                .flatMap(definitions -> definitions);
    }

    /** Writes the model's folder. */
    public Path write(Path folder) {
        model.write(
                folder, "{\"architectures\":[\"" + architecture + "\"],\"vocab_size\":" + VOCABULARY + config + "}");
        return folder;
    }

    @Override
    public String toString() {
        return name;
    }
}
