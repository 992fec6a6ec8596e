package awq4j.model;

/** A learned row of {@code name.weight} for each position, added to the embedding: row {@code position + offset}. */
public record LearnedPositions(String name, int offset) {}
