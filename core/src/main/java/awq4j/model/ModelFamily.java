package awq4j.model;

import awq4j.format.Checkpoint;
import java.util.Set;

/** One family of architectures: turns a configuration into a {@link ModelSpec}. One small file each. */
public interface ModelFamily {
    /** For people, for example {@code Gemma 2}. */
    String title();

    /** Some models of the family, for people. */
    String models();

    /** What its results were compared with. */
    default Proof proof() {
        return Proof.TRANSFORMERS;
    }

    /** What the results of a family were compared with, on small models of random weights. */
    enum Proof {
        /** What transformers computed with the same weights. */
        TRANSFORMERS,
        /** A slow transcription of the family's definition of our own, since nothing of transformers was at hand. */
        DEFINITION
    }

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
