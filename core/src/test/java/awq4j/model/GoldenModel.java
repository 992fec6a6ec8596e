package awq4j.model;

import awq4j.cache.SequenceCache;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.StepBatch.Logits;
import awq4j.model.family.Families;
import awq4j.testing.Repository;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** A model of the golden fixtures, opened, and what a reference implementation computed with it. */
public final class GoldenModel implements AutoCloseable {
    private static final Path FOLDER = Repository.root().resolve("core/src/test/resources/golden");

    private final Checkpoint checkpoint;
    private final Backend backend;
    private final Transformer model;

    private GoldenModel(Checkpoint checkpoint, Backend backend, int chunk) {
        this.checkpoint = checkpoint;
        this.backend = backend;
        this.model = Transformer.open(backend, Families.spec(checkpoint), checkpoint, chunk);
    }

    /** What one run over all tokens gave. */
    public record Run(float[] logits, Map<String, float[]> taps) {}

    /** A folder below the golden fixtures. */
    public static Path folder(String relative) {
        return FOLDER.resolve(relative);
    }

    /** Opens a model; the caller keeps the backend. */
    public static GoldenModel open(Path folder, Backend backend) {
        return open(folder, backend, 128);
    }

    /** The same with another limit on the tokens of a batch. */
    public static GoldenModel open(Path folder, Backend backend, int chunk) {
        return new GoldenModel(Checkpoints.open(folder), backend, chunk);
    }

    /** A copy of a model folder whose configuration is another of its files, for example {@code config.v5.json}. */
    public static Path withConfig(Path folder, String config, Path into) throws java.io.IOException {
        Files.copy(folder.resolve("model.safetensors"), into.resolve("model.safetensors"));
        Files.copy(folder.resolve(config), into.resolve(Checkpoints.CONFIG));
        return into;
    }

    /** The integers of a list in a JSON file. */
    public static int[] integers(Path file, String key) {
        return Config.read(file)
                .json()
                .get(key)
                .valueStream()
                .mapToInt(it -> it.asInt())
                .toArray();
    }

    /** A tensor of a safetensors file as floats. */
    public static float[] floats(Path file, String tensor) {
        try (var opened = SafetensorsFile.open(file)) {
            return opened.tensor(tensor).toFloats();
        }
    }

    /** The model. */
    public Transformer transformer() {
        return model;
    }

    /** Logits of all tokens, given in chunks of {@code chunk}, and the taps of the last chunk. */
    public Run run(int[] tokens, int chunk, KvPrecision precision) {
        var taps = new LinkedHashMap<String, float[]>();
        var caches = List.of(model.newSequence(precision, tokens.length));
        caches.getFirst().expect(tokens.length);
        float[] logits = new float[tokens.length * model.spec().vocabulary()];
        for (int from = 0; from < tokens.length; from += chunk) {
            int[] part = Arrays.copyOfRange(tokens, from, Math.min(tokens.length, from + chunk));
            Buffer out = forward(StepBatch.of(part, from, Logits.ALL), caches, (point, value) -> {
                float[] copy = new float[value.rows() * value.columns()];
                backend.read(value, copy);
                taps.put(point, copy);
            });
            float[] some = new float[out.rows() * out.columns()];
            backend.read(out, some);
            System.arraycopy(some, 0, logits, from * model.spec().vocabulary(), some.length);
        }
        return new Run(logits, taps);
    }

    /** The likeliest continuation, token by token, with keys and values kept. */
    public int[] greedy(int[] prompt, int count) {
        int limit = prompt.length + count;
        var caches = List.of(model.newSequence(KvPrecision.F32, limit));
        var reply = new ArrayList<Integer>();
        int[] next = prompt;
        for (int at = 0; reply.size() < count; ) {
            Buffer out = forward(StepBatch.of(next, at, Logits.LAST), caches, Taps.NONE);
            at += next.length;
            int token = best(out);
            reply.add(token);
            next = new int[] {token};
        }
        return reply.stream().mapToInt(Integer::intValue).toArray();
    }

    /** The likeliest continuation, every token from an empty cache. */
    public int[] greedyRecomputed(int[] prompt, int count) {
        int[] all = prompt;
        for (int i = 0; i < count; i++) {
            var caches = List.of(model.newSequence(KvPrecision.F32, all.length));
            int token = best(forward(StepBatch.of(all, 0, Logits.LAST), caches, Taps.NONE));
            all = Arrays.copyOf(all, all.length + 1);
            all[all.length - 1] = token;
        }
        return Arrays.copyOfRange(all, prompt.length, all.length);
    }

    private Buffer forward(StepBatch batch, List<SequenceCache> caches, Taps taps) {
        return Objects.requireNonNull(model.forward(batch, caches, taps));
    }

    private int best(Buffer logits) {
        float[] values = new float[logits.rows() * logits.columns()];
        backend.read(logits, values);
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            if (values[i] > values[best]) {
                best = i;
            }
        }
        return best;
    }

    @Override
    public void close() {
        checkpoint.close();
    }
}
