package awq4j.cli;

import awq4j.chat.ChatTemplates;
import awq4j.format.Checkpoints;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.kernel.BackendException;
import awq4j.model.ModelSpec;
import awq4j.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A model's tokenizer and chat templates.
 *
 * @param file the file that holds the tokenizer, null without one
 * @param size tokens it knows, 0 without one or if it cannot be read
 * @param templates names of the chat templates
 * @param obstacles why one or the other cannot be used
 */
record TokenizerFacts(@Nullable String file, int size, List<String> templates, List<String> obstacles) {
    /** None at all. */
    static final TokenizerFacts NONE = new TokenizerFacts(null, 0, List.of(), List.of());

    private static final List<String> FILES = List.of("tokenizer.json", "tokenizer.model", "vocab.json");

    /** Opens the tokenizer and the chat templates of a folder or a GGUF file, if it has them. */
    static TokenizerFacts of(Path folder) {
        var obstacles = new ArrayList<String>();
        List<String> templates = List.of();
        try {
            templates = ChatTemplates.read(folder)
                    .map(all -> List.copyOf(all.byName().keySet()))
                    .orElse(List.of());
        } catch (MalformedFileException e) {
            obstacles.add(e.getMessage());
        }
        String file = Checkpoints.isGguf(folder)
                ? String.valueOf(folder.getFileName())
                : FILES.stream()
                        .filter(name -> Files.isRegularFile(folder.resolve(name)))
                        .findFirst()
                        .orElse(null);
        int size = 0;
        if (file != null) {
            try {
                size = Tokenizer.open(folder).vocabularySize();
            } catch (MalformedFileException | UnsupportedModelException | BackendException e) {
                obstacles.add(e.getMessage());
            }
        }
        return new TokenizerFacts(file, size, templates, obstacles);
    }

    /** What is odd about it beside this model. */
    List<String> oddities(ModelSpec model) {
        return size <= model.vocabulary()
                ? List.of()
                : List.of("the tokenizer knows " + Figures.grouped(size) + " tokens, the model only "
                        + Figures.grouped(model.vocabulary()));
    }
}
