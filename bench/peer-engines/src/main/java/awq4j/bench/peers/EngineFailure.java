package awq4j.bench.peers;

/** An engine's process gave no measurement. */
final class EngineFailure extends RuntimeException {
    private static final long serialVersionUID = 1;

    EngineFailure(String message) {
        super(message);
    }
}
