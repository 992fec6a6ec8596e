package awq4j.eval.speed;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelSpec;
import awq4j.model.family.Families;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/**
 * A checkpoint of which nothing is there but its configuration: enough for a family to say what the model looks like.
 * Families ask it whether some optional matrix is stored; it has an output matrix unless the configuration says that
 * the embedding is used.
 */
record ConfigOnly(Config config) implements Checkpoint {
    static ModelSpec spec(Config config) {
        return Families.spec(new ConfigOnly(config));
    }

    @Override
    public Path path() {
        return config.file();
    }

    @Override
    public Optional<Quantization> quantization() {
        return Optional.empty();
    }

    @Override
    public Set<String> names() {
        return Set.of();
    }

    @Override
    public Tensor tensor(String name) {
        throw new UnsupportedModelException("there are no weights beside " + config.file() + ", such as " + name);
    }

    @Override
    public boolean hasLinear(String prefix) {
        return prefix.equals("lm_head") && !config.flag("tie_word_embeddings", false);
    }

    @Override
    public Weight linear(String prefix) {
        throw new UnsupportedModelException("there are no weights beside " + config.file() + ", such as " + prefix);
    }

    @Override
    public void close() {}
}
