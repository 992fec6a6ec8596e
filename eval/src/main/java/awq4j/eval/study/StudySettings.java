package awq4j.eval.study;

import awq4j.quant.Awq;
import awq4j.quant.calibration.Calibration;
import awq4j.quant.calibration.CalibrationTexts;
import awq4j.tokenizer.Tokenizer;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * On what a study is made.
 *
 * @param calibration texts, and how they are put in order
 * @param samples most texts to use
 * @param length tokens of a calibration sequence, 0 for the usual
 * @param searchTokens of the calibration that AWQ measures losses on
 * @param text that is measured on
 * @param textName of the text, for people
 * @param window tokens read at a time, 0 for the usual
 * @param windows most windows to measure on
 * @param groupSizes to study; empty for what suits the model
 * @param domains two kinds of text, for studies of what happens when calibration and use differ
 */
public record StudySettings(
        Texts calibration,
        int samples,
        int length,
        int searchTokens,
        String text,
        String textName,
        int window,
        int windows,
        List<Integer> groupSizes,
        List<Domain> domains) {
    /** The window of published perplexities. */
    private static final int USUAL_WINDOW = 2048;

    /** Copies the lists. */
    public StudySettings {
        groupSizes = List.copyOf(groupSizes);
        domains = List.copyOf(domains);
    }

    /**
     * A kind of text.
     *
     * @param name for people
     * @param text that is measured on; none of it is in the calibration
     */
    public record Domain(String name, Texts calibration, String text) {
        private String words() {
            return name + ", " + calibration.texts().sha256() + ", " + StudyFile.sha256(text);
        }
    }

    /** Texts in an order. */
    public record Texts(CalibrationTexts texts, long seed) {
        /** Sequences of them. */
        public Calibration cut(Tokenizer tokenizer, int samples, int length) {
            return Calibration.of(texts, tokenizer, samples, length, seed);
        }
    }

    /** Tokens of a calibration sequence. */
    public int length(int context) {
        return length == 0 ? Math.min(Calibration.DEFAULT_LENGTH, context) : length;
    }

    /**
     * Tokens read at a time.
     *
     * @throws IllegalArgumentException if more were asked for than the model's context
     */
    public int windowFor(int context) {
        if (window > context) {
            throw new IllegalArgumentException(
                    "a window of " + window + " tokens is longer than the model's context of " + context);
        }
        return window == 0 ? Math.min(USUAL_WINDOW, context) : window;
    }

    /** AWQ as quantize does it unless told otherwise. */
    public Awq.Settings awq() {
        return new Awq.Settings(Awq.Settings.DEFAULT.scaling(), Awq.Settings.DEFAULT.clip(), searchTokens);
    }

    /** All that results depend on, in words: an interrupted study is continued only with the same. */
    public SortedMap<String, String> words() {
        var words = new TreeMap<String, String>();
        words.put("calibration", calibration.texts().source());
        words.put("calibration sha256", calibration.texts().sha256());
        words.put("seed", Long.toString(calibration.seed()));
        words.put("samples", Integer.toString(samples));
        words.put("sequence length", length == 0 ? "usual" : Integer.toString(length));
        words.put("search tokens", Integer.toString(searchTokens));
        words.put("text", textName);
        words.put("text sha256", StudyFile.sha256(text));
        words.put("window", window == 0 ? "usual" : Integer.toString(window));
        words.put("windows", Integer.toString(windows));
        words.put("group sizes", groupSizes.isEmpty() ? "usual" : groupSizes.toString());
        for (int i = 0; i < domains.size(); i++) {
            words.put("domain " + (i + 1), domains.get(i).words());
        }
        return words;
    }
}
