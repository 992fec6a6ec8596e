package awq4j.cli;

import awq4j.chat.Message;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Saves conversations: as Markdown if the file's name ends in {@code .md}, else as JSON. */
final class Transcript {
    private final String model;
    private final Set<Path> own = new HashSet<>();

    /** @param model its name, for the heading */
    Transcript(String model) {
        this.model = model;
    }

    /**
     * Writes the conversation, whole or not at all. A file that this has written before is replaced, another is not.
     *
     * @throws Refusal if there is another file of that name
     * @throws IOException if the folder cannot be written to
     */
    void save(List<Message> messages, Path file) throws IOException {
        Path target = file.toAbsolutePath().normalize();
        if (Files.exists(target) && !own.contains(target)) {
            throw new Refusal(file + " exists already; choose another name");
        }
        if (String.valueOf(target.getFileName()).toLowerCase(Locale.ROOT).endsWith(".md")) {
            JsonFile.writeText(file, markdown(messages));
        } else {
            JsonFile.write(file, json(messages));
        }
        own.add(target);
    }

    /** The conversation for machines. */
    Map<String, Object> json(List<Message> messages) {
        var json = new LinkedHashMap<String, Object>();
        json.put("model", model);
        json.put(
                "messages",
                messages.stream()
                        .map(message -> {
                            var turn = new LinkedHashMap<String, Object>();
                            turn.put("role", message.role());
                            turn.put("content", String.valueOf(message.content()));
                            return turn;
                        })
                        .toList());
        return json;
    }

    private String markdown(List<Message> messages) {
        var text = new StringBuilder("# Conversation with ").append(model).append('\n');
        for (Message message : messages) {
            text.append("\n**")
                    .append(message.role())
                    .append("**\n\n")
                    .append(String.valueOf(message.content()).strip())
                    .append('\n');
        }
        return text.toString();
    }
}
