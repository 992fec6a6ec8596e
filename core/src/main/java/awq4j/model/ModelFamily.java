package awq4j.model;

import awq4j.format.Checkpoint;
import java.util.Set;

/** One family of architectures: turns a configuration into a {@link ModelSpec}. One small file each. */
public interface ModelFamily {
    /** Values of {@code architectures[0]} in config.json that this family answers for. */
    Set<String> architectures();

    /**
     * The model as data. Only the configuration and the tensor names are read.
     *
     * @throws awq4j.format.UnsupportedModelException if the configuration asks for something not implemented
     * @throws awq4j.format.MalformedFileException if a needed key is missing or of the wrong type
     */
    ModelSpec spec(Checkpoint checkpoint);
}
