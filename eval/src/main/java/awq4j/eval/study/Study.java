package awq4j.eval.study;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A series of measurements and how to look at it, as data: adding one is a file, see docs/adding-a-study.md.
 *
 * @param name on the command line, for example {@code calibration-size}
 * @param title of the page
 * @param question one sentence: what it finds out
 * @param words what numbers and labels are called for people, by the key that rows have; those that many studies share
 *     need not be repeated
 * @param points what is measured, in order; may depend on the model
 * @param views how the rows are shown, in order
 */
public record Study(
        String name,
        String title,
        String question,
        Map<String, String> words,
        Function<Workbench, List<Point>> points,
        List<View> views) {
    private static final Map<String, String> COMMON = common();

    /** Copies map and list; the words get those that are common to studies. */
    public Study {
        var all = new LinkedHashMap<>(COMMON);
        all.putAll(words);
        words = java.util.Collections.unmodifiableMap(all);
        views = List.copyOf(views);
    }

    private static Map<String, String> common() {
        var words = new LinkedHashMap<String, String>();
        words.put(Workbench.KL, "KL to FP16, nats a token");
        words.put(Workbench.PERPLEXITY, "perplexity");
        words.put(Workbench.RISE, "perplexity above FP16, %");
        words.put(Workbench.AGREEMENT, "same likeliest token, share");
        words.put(Workbench.BYTES, "bytes of weights");
        words.put(Workbench.CODED, "share of the blocks in codes");
        words.put(Row.METHOD, "method");
        words.put(Row.BITS, "bits");
        words.put(Row.GROUP, "group");
        return words;
    }
}
