package awq4j.bench.peers;

/** One engine's measurement in one round. */
record Turn(EngineKind kind, int threads, int round, Measurement measured) {}
