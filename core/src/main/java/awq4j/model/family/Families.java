package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.List;
import java.util.TreeSet;

/** The families that are known. */
public final class Families {
    private static final List<ModelFamily> ALL =
            List.of(new Llama(), new Mistral(), new Qwen2(), new Qwen3(), new Opt());

    private Families() {}

    /** All of them. */
    public static List<ModelFamily> all() {
        return ALL;
    }

    /**
     * The model a checkpoint holds.
     *
     * @throws UnsupportedModelException if no family answers for {@code architectures[0]}; the message names those that
     *     are known
     */
    public static ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        List<String> architectures = config.texts("architectures");
        if (architectures.isEmpty()) {
            throw new MalformedFileException(config.file(), -1, "has no \"architectures\", so its family is unknown");
        }
        String architecture = architectures.getFirst();
        return ALL.stream()
                .filter(family -> family.architectures().contains(architecture))
                .findFirst()
                .orElseThrow(() -> unknown(architecture))
                .spec(checkpoint);
    }

    private static UnsupportedModelException unknown(String architecture) {
        var known = new TreeSet<String>();
        ALL.forEach(family -> known.addAll(family.architectures()));
        return new UnsupportedModelException(
                "architecture " + architecture + " is not supported; supported: " + String.join(", ", known));
    }
}
