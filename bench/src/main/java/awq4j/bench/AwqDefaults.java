package awq4j.bench;

import awq4j.eval.Divergence;
import awq4j.eval.Predictor;
import awq4j.eval.Progress;
import awq4j.eval.TransformerPredictor;
import awq4j.eval.Windows;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.quant.Awq;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Scaling;
import awq4j.quant.calibration.Calibration;
import awq4j.quant.calibration.CalibrationTexts;
import awq4j.quant.checkpoint.CheckpointQuantizer;
import awq4j.quant.checkpoint.MethodChoice;
import awq4j.quant.checkpoint.QuantizeSettings;
import awq4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Which settings of AWQ are best: quantizes a model with each and prints perplexity and divergence from the original, a
 * row of a Markdown table each.
 *
 * <p>Arguments: the model's folder, a folder for the results that does not exist yet, and either a calibration text and a
 * held-out text, or one JSON file of token ids ({@code calib_ids}, {@code eval_ids}), rows of equal length.
 */
public final class AwqDefaults {
    private static final int WINDOW = 512;
    private static final int MOST_WINDOWS = 24;
    private static final int SAMPLES = 32;
    private static final int SEARCH_TOKENS = 1024;

    private final Path model;
    private final Path results;
    private final Calibration calibration;
    private final Windows heldOut;

    private AwqDefaults(Path model, Path results, Calibration calibration, Windows heldOut) {
        this.model = model;
        this.results = results;
        this.calibration = calibration;
        this.heldOut = heldOut;
    }

    /** Runs it. */
    public static void main(String[] args) throws IOException {
        if (args.length != 3 && args.length != 4) {
            throw new IllegalArgumentException(
                    "expected MODEL RESULTS TOKENS.json, or MODEL RESULTS CALIBRATION HELDOUT");
        }
        Path model = Path.of(args[0]);
        Path results = Files.createDirectory(Path.of(args[1]));
        AwqDefaults run;
        if (args.length == 3) {
            JsonNode tokens = new JsonMapper().readTree(Path.of(args[2]));
            int[][] rows = rows(tokens.get("eval_ids"));
            int[] all = java.util.Arrays.stream(rows)
                    .flatMapToInt(java.util.Arrays::stream)
                    .toArray();
            run = new AwqDefaults(
                    model,
                    results,
                    Calibration.ofTokens(rows(tokens.get("calib_ids"))),
                    Windows.of(all, rows[0].length));
        } else {
            Tokenizer tokenizer = Tokenizer.open(model);
            var texts = CalibrationTexts.read(Path.of(args[2]), CalibrationTexts.DEFAULT_FIELD);
            int[] tokens = tokenizer.encode(Files.readString(Path.of(args[3])));
            run = new AwqDefaults(
                    model,
                    results,
                    Calibration.of(texts, tokenizer, SAMPLES, Calibration.DEFAULT_LENGTH, 42),
                    Windows.of(tokens, WINDOW).limit(MOST_WINDOWS));
        }
        run.run();
    }

    private static int[][] rows(JsonNode node) {
        var rows = new ArrayList<int[]>();
        for (JsonNode row : node) {
            int[] ids = new int[row.size()];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = row.get(i).intValue();
            }
            rows.add(ids);
        }
        return rows.toArray(int[][]::new);
    }

    private static Map<String, MethodChoice> methods() {
        var methods = new LinkedHashMap<String, MethodChoice>();
        methods.put("RTN", MethodChoice.rtn());
        for (boolean clip : new boolean[] {true, false}) {
            for (Scaling scaling : Scaling.values()) {
                put(methods, new Awq.Settings(scaling, clip, SEARCH_TOKENS));
            }
        }
        put(methods, new Awq.Settings(Scaling.PLAIN, true, 4 * SEARCH_TOKENS));
        return methods;
    }

    private static void put(Map<String, MethodChoice> methods, Awq.Settings settings) {
        String name = String.join(
                " ",
                settings.scaling().name().toLowerCase(Locale.ROOT),
                settings.clip() ? "clip" : "no clip",
                String.valueOf(settings.searchTokens()),
                "tokens");
        methods.put(name, MethodChoice.of("awq", true, Map.of("settings", name), runner -> new Awq(runner, settings)));
    }

    private void run() throws IOException {
        System.out.println("calibration: " + calibration.sequences().length + " x " + calibration.length()
                + " tokens; held out: " + heldOut.count() + " windows of " + heldOut.size());
        System.out.println("| bits | method | perplexity | KL to the original, nats | same top token | seconds |");
        System.out.println("|---|---|---|---|---|---|");
        for (int bits : new int[] {4, 3}) {
            var names = new ArrayList<String>();
            var seconds = new ArrayList<Double>();
            for (var method : methods().entrySet()) {
                Path out = results.resolve("w" + bits + "-" + method.getKey().replace(' ', '-'));
                var scheme = new QuantScheme(bits, 128, false, Range.REFERENCE);
                long start = System.nanoTime();
                CheckpointQuantizer.run(QuantizeSettings.of(model, out, scheme, method.getValue(), calibration));
                seconds.add((System.nanoTime() - start) / 1e9);
                names.add(method.getKey());
            }
            List<Divergence.Result> measured = measure(bits, names);
            for (int i = 0; i < names.size(); i++) {
                Divergence.Result result = measured.get(i);
                if (i == 0) {
                    System.out.printf(
                            Locale.ROOT,
                            "| 32 | original | %.3f | | | |%n",
                            result.a().perplexity().value());
                }
                System.out.printf(
                        Locale.ROOT,
                        "| %d | %s | %.3f | %.5f ± %.5f | %.2f %% | %.1f |%n",
                        bits,
                        names.get(i),
                        result.b().perplexity().value(),
                        result.divergence().value(),
                        result.divergence().standardError(),
                        100 * result.agreement().value(),
                        seconds.get(i));
            }
        }
    }

    private List<Divergence.Result> measure(int bits, List<String> names) {
        var open = new ArrayList<Checkpoint>();
        try (Backend backend = CpuBackend.open(CpuOptions.DEFAULT)) {
            Predictor original = predictor(backend, model, open);
            var others = new ArrayList<Predictor>();
            for (String name : names) {
                others.add(predictor(backend, results.resolve("w" + bits + "-" + name.replace(' ', '-')), open));
            }
            return Divergence.measure(original, others, heldOut, Progress.NONE);
        } finally {
            open.forEach(Checkpoint::close);
        }
    }

    private static Predictor predictor(Backend backend, Path folder, List<Checkpoint> open) {
        Checkpoint checkpoint = Checkpoints.open(folder);
        open.add(checkpoint);
        var transformer = Transformer.open(backend, Families.spec(checkpoint), checkpoint, Transformer.DEFAULT_CHUNK);
        return new TransformerPredictor(transformer, KvPrecision.F32);
    }
}
