package awq4j.kernel;

import awq4j.weight.WeightLayout;

/** A weight a backend has taken in: mapped, repacked or uploaded, as it likes. */
public interface PlacedWeight {
    /** As in {@code Weight}, for messages. */
    String name();

    /** Output features. */
    int rows();

    /** Input features. */
    int columns();

    /** The layout it had before it was placed. */
    WeightLayout layout();

    /** Bytes a pass over the whole weight reads. */
    long sizeBytes();
}
