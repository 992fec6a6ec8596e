package awq4j.model;

import awq4j.format.Checkpoint;
import awq4j.format.gguf.Architecture;
import java.util.EnumSet;
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

    /** What can be done with the models of a family. Each is proven for each family, with a small model of it. */
    enum Use {
        /** Its plain models run. */
        RUN("run"),
        /** Its models are quantized. */
        QUANTIZE("quantize"),
        /** What AWQ tools made of them is read. */
        AWQ("AWQ"),
        /** What GPTQ tools made of them is read. */
        GPTQ("GPTQ"),
        /** What llama.cpp's tools made of them is read, and written. */
        GGUF("GGUF");

        private final String label;

        Use(String label) {
            this.label = label;
        }

        /** For people. */
        public String label() {
            return label;
        }
    }

    /** All uses but those that its formats have no place for. */
    default Set<Use> uses() {
        boolean gguf = architectures().stream()
                .anyMatch(name -> Architecture.ofTransformers(name).isPresent());
        return gguf ? EnumSet.allOf(Use.class) : EnumSet.complementOf(EnumSet.of(Use.GGUF));
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
