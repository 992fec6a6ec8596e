package awq4j.tokenizer.gguf;

import awq4j.tokenizer.json.JsonParts;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * How a text is cut into words before byte-level merges. GGUF files say it by a name ({@code tokenizer.ggml.pre}), often
 * that of the first model cut so; a {@code tokenizer.json} spells the steps out. The first name of each is the one that is
 * written.
 */
final class WordRules {
    /** Letters, digits, other signs, each with a space in front; English endings. */
    static final WordRules GPT2 = new WordRules(
            false,
            List.of(words()),
            "gpt-2",
            "phi-2",
            "jina-es",
            "jina-de",
            "gigachat",
            "roberta-bpe",
            "jais",
            "trillion");

    /** The same over composed characters, as GPT-NeoX, MPT and OLMo. */
    static final WordRules NEOX = new WordRules(true, List.of(words()), "mpt", "olmo");

    /** As GPT-2, each digit by itself. */
    static final WordRules DIGITS = new WordRules(
            false,
            List.of(digits(), words()),
            "starcoder",
            "refact",
            "command-r",
            "smollm",
            "codeshell",
            "exaone",
            "minerva-7b");

    /** As GPT-4 with up to three digits together, where a word of the vocabulary is one token without any merges. */
    static final WordRules LLAMA3 = new WordRules(
            false,
            List.of(split(Patterns.gpt4("{1,3}")), bytes()),
            "llama-bpe",
            "llama3",
            "llama-v3",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2");

    /** The same by merges alone. */
    static final WordRules GPT4 =
            new WordRules(false, List.of(split(Patterns.gpt4("{1,3}")), bytes()), "smaug-bpe", "dbrx");

    /** As GPT-4 with each digit by itself, over composed characters. */
    static final WordRules QWEN2 = new WordRules(
            true,
            List.of(split(Patterns.gpt4("")), bytes()),
            "qwen2",
            "deepseek-r1-qwen",
            "stablelm2",
            "megrez",
            "hunyuan");

    /** Words change with the case of their letters, each digit by itself: Mistral since Nemo. */
    static final WordRules TEKKEN = new WordRules(false, List.of(split(Patterns.cased("", "")), bytes()), "tekken");

    /** The same with English endings and up to three digits together: GPT-4o. */
    static final WordRules GPT4O = new WordRules(
            false,
            List.of(split(Patterns.cased("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "{1,3}")), bytes()),
            "gpt-4o",
            "llama4");

    /** Signs, words as GPT-2, digits in threes. */
    static final WordRules FALCON = new WordRules(
            false,
            List.of(
                    JsonParts.typed("Punctuation").put("behavior", "Contiguous"),
                    words(),
                    JsonParts.typed("Digits").put("individual_digits", false),
                    split("[0-9][0-9][0-9]")),
            "falcon");

    /** Anything between white space and the signs that end sentences. */
    static final WordRules BLOOM = new WordRules(
            false, List.of(split(" ?[^(\\s|[.,!?…。，、।۔،])]+"), bytes()), "bloom", "poro-chat", "gpt3-finnish");

    private static final List<WordRules> ALL =
            List.of(GPT2, NEOX, DIGITS, LLAMA3, GPT4, QWEN2, TEKKEN, GPT4O, FALCON, BLOOM);

    private final boolean composed;
    private final List<ObjectNode> steps;
    private final List<String> names;

    private WordRules(boolean composed, List<ObjectNode> steps, String... names) {
        this.composed = composed;
        this.steps = steps;
        this.names = List.of(names);
    }

    /** In a class of their own, which is there before the rules are. */
    private static final class Patterns {
        private static final String UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
        private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";

        private Patterns() {}

        /** @param digits how many digits are together */
        static String gpt4(String digits) {
            return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" + digits
                    + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
        }

        /** @param endings that belong to the word before them */
        static String cased(String endings, String digits) {
            return "[^\\r\\n\\p{L}\\p{N}]?" + UPPER + "*" + LOWER + "+" + endings + "|[^\\r\\n\\p{L}\\p{N}]?" + UPPER
                    + "+"
                    + LOWER + "*" + endings + "|\\p{N}" + digits
                    + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
        }
    }

    /** The one of a name, empty if the name is not known. */
    static Optional<WordRules> named(String name) {
        return ALL.stream().filter(rules -> rules.names.contains(name)).findFirst();
    }

    /** All names, for messages. */
    static String known() {
        return ALL.stream().flatMap(rules -> rules.names.stream()).sorted().collect(Collectors.joining(", "));
    }

    /**
     * The one of a tokenizer's steps, empty if none cuts so. A prefix space is not looked at.
     *
     * @param preTokenizer of a {@code tokenizer.json}
     * @param composed whether characters are composed first
     * @param whole whether a word of the vocabulary is taken without merges
     */
    static Optional<WordRules> of(JsonNode preTokenizer, boolean composed, boolean whole) {
        List<String> key = key(steps(preTokenizer).toList());
        List<WordRules> same =
                ALL.stream().filter(rules -> key(rules.steps).equals(key)).toList();
        return same.stream()
                .filter(rules -> rules.composed == composed && rules.takesWholeWords() == whole)
                .findFirst()
                .or(() -> same.stream().findFirst());
    }

    private static Stream<JsonNode> steps(JsonNode preTokenizer) {
        return preTokenizer.path("type").asString("").equals("Sequence")
                ? preTokenizer.path("pretokenizers").valueStream()
                : Stream.of(preTokenizer);
    }

    private static List<String> key(List<? extends JsonNode> steps) {
        return steps.stream().map(WordRules::key).toList();
    }

    /** What matters of a step. */
    private static String key(JsonNode step) {
        String type = step.path("type").asString("");
        return switch (type) {
            case "ByteLevel" -> step.path("use_regex").asBoolean(true) ? "words" : "bytes";
            case "Digits" -> "digits " + step.path("individual_digits").asBoolean(false);
            case "Punctuation" -> "punctuation " + step.path("behavior").asString("Isolated");
            case "Split" ->
                "split " + step.path("pattern") + step.path("behavior").asString("")
                        + step.path("invert").asBoolean(false);
            default -> type;
        };
    }

    /** The name that is written. */
    String label() {
        return names.getFirst();
    }

    /** Whether characters are composed (NFC) first. */
    boolean composed() {
        return composed;
    }

    /** Whether a word that is in the vocabulary is one token, whatever merges would make of it. */
    boolean takesWholeWords() {
        return this == LLAMA3 || this == TEKKEN;
    }

    /** Whether a text gets the token that begins one, where a file says nothing. */
    boolean begins() {
        return this == LLAMA3 || this == TEKKEN;
    }

    /** The step of a {@code tokenizer.json}. */
    ObjectNode preTokenizer(boolean prefixSpace) {
        if (steps.size() == 1) {
            return steps.getFirst().deepCopy().put("add_prefix_space", prefixSpace);
        }
        ObjectNode sequence = JsonParts.typed("Sequence");
        ArrayNode list = sequence.putArray("pretokenizers");
        for (ObjectNode step : steps) {
            ObjectNode copy = step.deepCopy();
            if (copy.has("add_prefix_space")) {
                copy.put("add_prefix_space", prefixSpace);
            }
            list.add(copy);
        }
        return sequence;
    }

    private static ObjectNode words() {
        return byteLevel(true);
    }

    private static ObjectNode bytes() {
        return byteLevel(false);
    }

    private static ObjectNode byteLevel(boolean words) {
        return JsonParts.typed("ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", words);
    }

    private static ObjectNode digits() {
        return JsonParts.typed("Digits").put("individual_digits", true);
    }

    private static ObjectNode split(String pattern) {
        ObjectNode split = JsonParts.typed("Split").put("behavior", "Isolated").put("invert", false);
        split.putObject("pattern").put("Regex", pattern);
        return split;
    }
}
