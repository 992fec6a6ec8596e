package awq4j;

import awq4j.chat.Message;
import java.util.List;

/** A conversation as a model without chat template sees it: a text that it goes on with. */
final class PlainConversation {
    private PlainConversation() {}

    /**
     * The contents one after the other. What the model said follows directly on what it continued; anything else begins
     * a new line.
     *
     * @throws IllegalArgumentException if a content is not text
     */
    static String text(List<Message> messages) {
        var text = new StringBuilder();
        for (Message message : messages) {
            if (!(message.content() instanceof String content)) {
                throw new IllegalArgumentException(
                        "the model has no chat template, so a message should be text, is " + message.content());
            }
            boolean lineOfItsOwn = !message.role().equals("assistant")
                    && !text.isEmpty()
                    && !Character.isWhitespace(text.charAt(text.length() - 1));
            text.append(lineOfItsOwn ? "\n" : "").append(content);
        }
        return text.toString();
    }
}
