package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.stream.IntStream;

/** The families that are known. */
public final class Families {
    private static final List<ModelFamily> ALL = List.of(
            new Llama(),
            new Mistral(),
            new Mixtral(),
            new Qwen2(),
            new Qwen2Moe(),
            new Qwen3(),
            new Qwen3Moe(),
            new Olmoe(),
            new Gemma(),
            new Gemma2(),
            new Gemma3(),
            new Phi3(),
            new Opt(),
            new Mpt(),
            new Gpt2(),
            new GptBigCode(),
            new GptNeoX(),
            new Bloom(),
            new Falcon(),
            new StarCoder2(),
            new Granite(),
            new GraniteMoe(),
            new SmolLm3(),
            new Olmo2(),
            new Cohere(),
            new InternLm2());

    /** Architectures that a message about an unknown one names. */
    private static final int NEAREST = 3;

    /** Letters of a name that another one may begin with. */
    private static final int TELLING = 4;

    private Families() {}

    /** All of them. */
    public static List<ModelFamily> all() {
        return ALL;
    }

    /**
     * The model a checkpoint holds.
     *
     * @throws UnsupportedModelException if no family answers for {@code architectures[0]}; the message names the nearest of
     *     those that are known
     */
    public static ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        List<String> architectures = config.texts("architectures");
        if (architectures.isEmpty()) {
            throw new MalformedFileException(config.file(), -1, "has no \"architectures\", so its family is unknown");
        }
        String architecture = architectures.getFirst();
        return ALL.stream()
                .filter(family -> family.architectures().contains(architecture))
                .findFirst()
                .orElseThrow(() -> unknown(architecture))
                .spec(checkpoint);
    }

    private static UnsupportedModelException unknown(String stated) {
        String architecture = stated.length() > 60 ? stated.substring(0, 60) + "..." : stated;
        String stem = stem(architecture).toLowerCase(Locale.ROOT);
        List<String> known =
                ALL.stream().flatMap(family -> family.architectures().stream()).toList();
        List<String> near = known.stream()
                .filter(name -> isNear(stem(name).toLowerCase(Locale.ROOT), stem))
                .sorted(Comparator.comparingInt(
                                (String name) -> distance(stem(name).toLowerCase(Locale.ROOT), stem))
                        .thenComparingInt(name -> distance(name, architecture))
                        .thenComparing(Comparator.naturalOrder()))
                .limit(NEAREST)
                .toList();
        return new UnsupportedModelException("architecture " + architecture + " is not supported; "
                + (near.isEmpty()
                        ? "supported: " + String.join(", ", new TreeSet<>(names(known)))
                        : "the nearest of the " + known.size() + " that are: " + String.join(", ", near)));
    }

    /** A slip of a few letters, or a name that goes on where one of ours ends, as those of later kinds do. */
    private static boolean isNear(String known, String stem) {
        return distance(known, stem) <= Math.max(1, (known.length() + 1) / 3)
                || (known.length() >= TELLING && stem.startsWith(known));
    }

    private static List<String> names(List<String> architectures) {
        return architectures.stream().map(Families::stem).toList();
    }

    /** What tells architectures apart: their names without the endings that all of them have. */
    private static String stem(String architecture) {
        return architecture.replaceFirst("(?i)(For\\w*|LMHeadModel)$", "");
    }

    /** Levenshtein distance. */
    private static int distance(String a, String b) {
        int[] previous = IntStream.rangeClosed(0, b.length()).toArray();
        for (int i = 1; i <= a.length(); i++) {
            int[] row = new int[b.length() + 1];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int change = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(change, Math.min(previous[j], row[j - 1]) + 1);
            }
            previous = row;
        }
        return previous[b.length()];
    }
}
