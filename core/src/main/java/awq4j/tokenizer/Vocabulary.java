package awq4j.tokenizer;

import awq4j.format.MalformedFileException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.json.JsonMapper;

/** The tokens of a tokenizer.json and their ids. Streams over the file: merges, the bulk of it, are not kept. */
final class Vocabulary {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    /** More than any vocabulary has; an id beyond it is a damaged file, not a reason to allocate. */
    private static final int MOST_IDS = 1 << 24;

    private final Path file;
    private final Map<String, Integer> ids = new HashMap<>();
    private final Map<Integer, String> tokens = new HashMap<>();
    private final Set<String> added = new HashSet<>();
    private final BitSet special = new BitSet();
    private int size;

    private Vocabulary(Path file) {
        this.file = file;
    }

    /**
     * @param file where the text comes from, for messages
     * @throws MalformedFileException if it is not JSON or names no vocabulary
     */
    static Vocabulary read(Path file, String json) {
        var vocabulary = new Vocabulary(file);
        try (JsonParser parser = MAPPER.createParser(json)) {
            vocabulary.readRoot(parser);
        } catch (JacksonException e) {
            long offset = e.getLocation() == null ? -1 : e.getLocation().getCharOffset();
            throw new MalformedFileException(file, offset, "not a tokenizer in JSON: " + e.getOriginalMessage());
        }
        if (vocabulary.ids.isEmpty()) {
            throw new MalformedFileException(file, -1, "has no \"model.vocab\" and no \"added_tokens\"");
        }
        return vocabulary;
    }

    OptionalInt id(String token) {
        Integer id = ids.get(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    Optional<String> token(int id) {
        return Optional.ofNullable(tokens.get(id));
    }

    boolean isSpecial(int id) {
        return id >= 0 && special.get(id);
    }

    /** Whether a token is looked for in the text before anything else happens to it. */
    boolean isAdded(String token) {
        return added.contains(token);
    }

    /** The highest id plus one. */
    int size() {
        return size;
    }

    private void readRoot(JsonParser parser) {
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw new MalformedFileException(file, 0, "expected a JSON object, found " + parser.currentToken());
        }
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String name = parser.currentName();
            JsonToken value = parser.nextToken();
            if (name.equals("model") && value == JsonToken.START_OBJECT) {
                readModel(parser);
            } else if (name.equals("added_tokens") && value == JsonToken.START_ARRAY) {
                readAdded(parser);
            } else {
                parser.skipChildren();
            }
        }
    }

    private void readModel(JsonParser parser) {
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String name = parser.currentName();
            JsonToken value = parser.nextToken();
            if (name.equals("vocab") && value == JsonToken.START_OBJECT) {
                while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                    String token = parser.currentName();
                    parser.nextToken();
                    add(token, parser.getIntValue());
                }
            } else if (name.equals("vocab") && value == JsonToken.START_ARRAY) {
                readScored(parser);
            } else {
                parser.skipChildren();
            }
        }
    }

    /** Unigram's form: a list of [token, score], the position is the id. */
    private void readScored(JsonParser parser) {
        for (int id = 0; parser.nextToken() == JsonToken.START_ARRAY; id++) {
            parser.nextToken();
            add(parser.getString(), id);
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                parser.skipChildren();
            }
        }
    }

    private void readAdded(JsonParser parser) {
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            @Nullable String content = null;
            int id = -1;
            boolean isSpecial = false;
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case "id" -> id = parser.getIntValue();
                    case "content" -> content = parser.getString();
                    case "special" -> isSpecial = parser.getBooleanValue();
                    default -> parser.skipChildren();
                }
            }
            if (content == null) {
                throw new MalformedFileException(file, -1, "an added token with id " + id + " has no \"content\"");
            }
            add(content, id);
            added.add(content);
            special.set(id, isSpecial);
        }
    }

    private void add(String token, int id) {
        if (id < 0 || id >= MOST_IDS) {
            throw new MalformedFileException(
                    file, -1, "token \"" + token + "\" has id " + id + ", expected 0 to " + (MOST_IDS - 1));
        }
        ids.put(token, id);
        tokens.put(id, token);
        size = Math.max(size, id + 1);
    }
}
