package awq4j.runtime;

import awq4j.tokenizer.TokenDecoder;
import java.util.List;
import java.util.function.Consumer;

/** The text of a reply while its tokens arrive: whole characters, up to the first stop string. */
public final class ReplyText {
    private final TokenDecoder decoder;
    private final StopStrings stops;
    private final Consumer<String> onText;
    private final StringBuilder text = new StringBuilder();

    /**
     * An empty text.
     *
     * @param onText receives the pieces as they become certain, none of them empty
     */
    public ReplyText(TokenDecoder decoder, List<String> stopStrings, Consumer<String> onText) {
        this.decoder = decoder;
        this.stops = new StopStrings(stopStrings);
        this.onText = onText;
    }

    /**
     * Takes the next token.
     *
     * @return whether the text goes on: no stop string came
     */
    public boolean next(int token) {
        emit(stops.next(decoder.next(token)));
        return !stops.found();
    }

    /**
     * Emits what was held back.
     *
     * @return the whole text
     */
    public String finish() {
        emit(stops.next(decoder.flush()));
        emit(stops.flush());
        return text.toString();
    }

    private void emit(String piece) {
        if (!piece.isEmpty()) {
            text.append(piece);
            onText.accept(piece);
        }
    }
}
