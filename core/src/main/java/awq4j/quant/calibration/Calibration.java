package awq4j.quant.calibration;

import awq4j.quant.calibration.CalibrationTexts.Text;
import awq4j.tokenizer.Tokenizer;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.function.Function;

/**
 * The tokens that a model is quantized with, in sequences of equal length.
 *
 * @param sequences token ids, [sequences, length]; at least one sequence
 * @param provenance where they come from
 */
public record Calibration(int[][] sequences, Provenance provenance) {
    /** Texts that are used unless told otherwise, as AutoAWQ and llm-awq do. */
    public static final int DEFAULT_SAMPLES = 128;

    /** Tokens a sequence unless told otherwise. */
    public static final int DEFAULT_LENGTH = 512;

    /** How {@link #of} makes sequences, in words, for reports. */
    public static final String PROTOCOL = "texts shuffled by seed, stripped, encoded with the model's special tokens;"
            + " empty ones and documents longer than a sequence skipped, longer passages of plain text halved;"
            + " the first N texts concatenated and cut into sequences, the rest dropped";

    /** @throws IllegalArgumentException if there is no sequence, or they differ in length */
    public Calibration {
        if (sequences.length == 0 || sequences[0].length == 0) {
            throw new IllegalArgumentException("calibration needs at least one token");
        }
        for (int[] sequence : sequences) {
            if (sequence.length != sequences[0].length) {
                throw new IllegalArgumentException("calibration sequences must be of equal length, found "
                        + sequences[0].length + " and " + sequence.length + " tokens");
            }
        }
    }

    /**
     * How the sequences came to be; goes into the report.
     *
     * @param source file, folder, {@code builtin}, or {@code token ids}
     * @param sha256 of the source's bytes; of the ids, four bytes each, big-endian, where ids were given
     * @param protocol in words
     * @param texts how many the source has
     * @param samples how many were asked for
     * @param used how many were used
     * @param skipped documents looked at that were empty or longer than a sequence
     * @param tokens of the used texts
     * @param dropped tokens at the end that filled no sequence
     */
    public record Provenance(
            String source,
            String sha256,
            String protocol,
            int texts,
            int samples,
            int used,
            int skipped,
            int tokens,
            int dropped,
            int sequences,
            int length,
            long seed) {}

    /** Tokens of each sequence. */
    public int length() {
        return sequences[0].length;
    }

    /** All tokens of all sequences. */
    public int tokens() {
        return sequences.length * length();
    }

    /** Sequences that were tokenized elsewhere; not copied. */
    public static Calibration ofTokens(int[][] sequences) {
        int length = sequences.length == 0 ? 0 : sequences[0].length;
        int tokens = sequences.length * length;
        var digest = new Digest();
        for (int[] sequence : sequences) {
            ByteBuffer bytes = ByteBuffer.allocate(sequence.length * Integer.BYTES);
            bytes.asIntBuffer().put(sequence);
            digest.update(bytes.array());
        }
        return new Calibration(
                sequences,
                new Provenance(
                        "token ids",
                        digest.hex(),
                        "sequences as given",
                        sequences.length,
                        sequences.length,
                        sequences.length,
                        0,
                        tokens,
                        0,
                        sequences.length,
                        length,
                        0));
    }

    /**
     * Makes sequences of texts, by {@link #PROTOCOL}. It is llm-awq's and AutoAWQ's way but for their shuffling, which
     * belongs to one library: {@code samples} counts texts, so there are fewer sequences than that.
     *
     * @param samples most texts to use, at least 1
     * @param length tokens a sequence, and the most a text may have
     * @throws IllegalArgumentException if the texts do not fill one sequence; the message counts what was found
     */
    public static Calibration of(CalibrationTexts texts, Tokenizer tokenizer, int samples, int length, long seed) {
        return of(texts, tokenizer::encode, samples, length, seed);
    }

    static Calibration of(CalibrationTexts texts, Function<String, int[]> encode, int samples, int length, long seed) {
        if (samples < 1 || length < 1) {
            throw new IllegalArgumentException(
                    "calibration needs at least one text and one token, was asked for " + samples + " and " + length);
        }
        var encoded = new ArrayList<int[]>();
        int skipped = 0;
        Deque<Text> queue = new ArrayDeque<>(shuffled(texts.texts(), seed));
        while (encoded.size() < samples && !queue.isEmpty()) {
            Text next = queue.pop();
            String text = next.text().strip();
            int[] ids = text.isEmpty() ? new int[0] : encode.apply(text);
            if (ids.length > 0 && ids.length <= length) {
                encoded.add(ids);
                continue;
            }
            List<String> halves = next.passage() && ids.length > length ? Passages.halves(text) : List.of();
            if (halves.isEmpty()) {
                skipped++;
            } else {
                halves.reversed().forEach(half -> queue.push(new Text(half, true)));
            }
        }
        int tokens = encoded.stream().mapToInt(ids -> ids.length).sum();
        int count = tokens / length;
        if (count == 0) {
            throw new IllegalArgumentException(tooLittle(texts, samples, length, encoded.size(), skipped, tokens));
        }
        var provenance = new Provenance(
                texts.source(),
                texts.sha256(),
                PROTOCOL,
                texts.texts().size(),
                samples,
                encoded.size(),
                skipped,
                tokens,
                tokens - count * length,
                count,
                length,
                seed);
        return new Calibration(cut(encoded, count, length), provenance);
    }

    private static List<Text> shuffled(List<Text> texts, long seed) {
        var order = new ArrayList<>(texts);
        var random = new Random(seed); // its algorithm is specified: the same order on every Java
        for (int i = order.size() - 1; i > 0; i--) {
            Collections.swap(order, i, random.nextInt(i + 1));
        }
        return order;
    }

    private static int[][] cut(List<int[]> encoded, int count, int length) {
        int[] stream = encoded.stream().flatMapToInt(java.util.Arrays::stream).toArray();
        int[][] sequences = new int[count][];
        for (int i = 0; i < count; i++) {
            sequences[i] = java.util.Arrays.copyOfRange(stream, i * length, (i + 1) * length);
        }
        return sequences;
    }

    private static String tooLittle(
            CalibrationTexts texts, int samples, int length, int used, int skipped, int tokens) {
        return "calibration text " + texts.source() + " is too little: one sequence takes " + length
                + " tokens, found " + tokens + " in " + used + " of "
                + texts.texts().size() + " texts"
                + (skipped > 0 ? " (" + skipped + " empty or longer than a sequence)" : "")
                + (used >= samples ? "; allow more samples" : "; give more text")
                + (skipped > 0 ? " or another sequence length" : " or a shorter sequence length");
    }
}
