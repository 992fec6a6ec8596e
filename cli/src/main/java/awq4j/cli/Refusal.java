package awq4j.cli;

/** A command cannot do what it was asked, and knows why: its message is shown to the user as it is. */
final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message one sentence: what was found, and what to do */
    Refusal(String message) {
        super(message);
    }
}
