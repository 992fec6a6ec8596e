package awq4j.eval.study;

import awq4j.eval.Divergence;
import awq4j.eval.Estimate;
import awq4j.eval.Perplexity;
import awq4j.eval.Predictor;
import awq4j.eval.TransformerPredictor;
import awq4j.eval.Windows;
import awq4j.format.Checkpoint;
import awq4j.kernel.Backend;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.ParameterCount;
import awq4j.model.Parameters;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.quant.BlockCapture;
import awq4j.quant.BlockRunner;
import awq4j.quant.BlockWeights;
import awq4j.quant.QuantScheme;
import awq4j.quant.calibration.Calibration;
import awq4j.quant.checkpoint.MethodChoice;
import awq4j.tokenizer.Tokenizer;
import awq4j.weight.Weight;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the points of a study are measured with: one model at full precision, its calibration and a text, and variants of
 * it in memory. Serves one caller at a time.
 */
public final class Workbench {
    /** Mean divergence from the model at full precision, in nats a token. */
    public static final String KL = "kl";

    /** Of the text. */
    public static final String PERPLEXITY = "perplexity";

    /** By how many percent the perplexity is above that of the model at full precision; its error is of the difference. */
    public static final String RISE = "rise";

    /** Share of tokens for which the likeliest successor is that of the model at full precision. */
    public static final String AGREEMENT = "agreement";

    /** {@link Variant#sizeBytes}. */
    public static final String BYTES = "bytes";

    /** {@link Variant#coded}. */
    public static final String CODED = "coded";

    /** Share of the heap that logits of the original may fill; those that find no room are made again each time. */
    private static final double REMEMBERED = 0.2;

    /** The same of others, while a point is measured. */
    private static final double REMEMBERED_TOO = 0.05;

    private final Backend backend;
    private final Checkpoint checkpoint;
    private final ModelSpec model;
    private final Tokenizer tokenizer;
    private final StudySettings settings;
    private final StudyWatch watch;
    private final BlockRunner runner;
    private final Transformer plain;
    private final Predictor original;
    private final Windows text;
    private @Nullable CalibrationPass pass;

    /**
     * Sets up.
     *
     * @param checkpoint of a model that is not quantized; stays open as long as the bench is used
     * @throws IllegalArgumentException if the text has not one window, or a window is longer than the model's context
     */
    public Workbench(
            Backend backend, Checkpoint checkpoint, Tokenizer tokenizer, StudySettings settings, StudyWatch watch) {
        this.backend = backend;
        this.checkpoint = checkpoint;
        this.tokenizer = tokenizer;
        this.settings = settings;
        this.watch = watch;
        model = Families.spec(checkpoint);
        runner = new BlockRunner(backend, model);
        plain = Transformer.open(backend, model, checkpoint, Transformer.DEFAULT_CHUNK);
        original = remembering(predictor(plain), REMEMBERED);
        text = windows(settings.text());
    }

    /** The device. */
    public Backend backend() {
        return backend;
    }

    /** The model's declaration. */
    public ModelSpec model() {
        return model;
    }

    /** The model's files. */
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    /** The model's tokenizer. */
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** What the user chose. */
    public StudySettings settings() {
        return settings;
    }

    /** Who watches. */
    public StudyWatch watch() {
        return watch;
    }

    /** Runs blocks, for methods. */
    public BlockRunner runner() {
        return runner;
    }

    /** The model at full precision. */
    public Predictor original() {
        return original;
    }

    /** A predictor that is asked for the same text again soon. */
    static Predictor remembering(Predictor predictor) {
        return remembering(predictor, REMEMBERED_TOO);
    }

    private static Predictor remembering(Predictor predictor, double share) {
        return new RememberingPredictor(
                predictor, (long) (share * Runtime.getRuntime().maxMemory()));
    }

    /** The model at full precision with keys and values kept otherwise. */
    public Predictor original(KvPrecision kv) {
        return new TransformerPredictor(plain, kv);
    }

    /** The text that is measured on. */
    public Windows text() {
        return text;
    }

    /** Cuts another text in the same way. */
    public Windows windows(String read) {
        int size = settings.windowFor(original.contextLength());
        return Windows.of(tokenizer.encode(read), size).limit(settings.windows());
    }

    /** The pass over the calibration text of the settings, made when it is first asked for and kept. */
    public CalibrationPass calibration() {
        CalibrationPass known = pass;
        if (known == null) {
            known = calibration(settings.samples(), settings.length(model.contextLength()));
            pass = known;
        }
        return known;
    }

    /** A pass over another number of texts or tokens, which the bench does not keep. */
    public CalibrationPass calibration(int samples, int length) {
        return calibration(settings.calibration().cut(tokenizer, samples, length));
    }

    /** A pass over other text, which the bench does not keep. */
    public CalibrationPass calibration(Calibration calibration) {
        return new CalibrationPass(backend, model, checkpoint, runner, calibration);
    }

    /** The model quantized, with the calibration of the settings. */
    public Variant quantized(MethodChoice method, QuantScheme scheme) {
        return quantized(method, scheme, method.calibrated() ? calibration() : null);
    }

    /**
     * The model quantized.
     *
     * @param with null if the method is not calibrated
     */
    public Variant quantized(MethodChoice method, QuantScheme scheme, @Nullable CalibrationPass with) {
        return changed(BlockChange.of(method.method().apply(runner), scheme), with);
    }

    /**
     * The model with every block changed.
     *
     * @param with null if the change looks at no data
     */
    public Variant changed(BlockChange change, @Nullable CalibrationPass with) {
        var variant = new Variant.Builder(model, Parameters.of(checkpoint));
        int count = model.blocks().size();
        float @Nullable [] hidden = null;
        for (BlockSpec spec : model.blocks()) {
            watch.step("blocks", spec.index(), count);
            BlockWeights weights = BlockWeights.load(spec, Parameters.of(checkpoint));
            BlockCapture capture = BlockCapture.NONE;
            if (with != null && change.seesChanged()) {
                hidden = hidden == null ? with.hidden(0) : hidden;
                capture = spec.index() == 0
                        ? with.capture(0)
                        : with.captured(spec, weights, hidden).capture();
            } else if (with != null) {
                capture = change.counts() ? with.counted(spec.index()) : with.capture(spec.index());
            }
            Map<String, Weight> coded = change.apply(spec, weights, capture);
            variant.add(spec, weights, coded);
            if (hidden != null && with != null && spec.index() + 1 < count) {
                hidden = with.outputs(spec, weights, hidden);
            }
        }
        watch.step("blocks", count, count);
        return variant.build();
    }

    /** A variant, to be run. */
    public Transformer transformer(Variant variant) {
        return Transformer.open(backend, model, checkpoint, variant.parameters(), Transformer.DEFAULT_CHUNK);
    }

    /** A transformer as the measures see it: keys and values in float32, so that nothing but the weights is measured. */
    public static Predictor predictor(Transformer transformer) {
        return new TransformerPredictor(transformer, KvPrecision.F32);
    }

    /** How a variant does on the text of the settings: {@link #KL}, {@link #PERPLEXITY}, {@link #RISE}, {@link #AGREEMENT}, {@link #BYTES}, {@link #CODED}. */
    public Map<String, Estimate> quality(Variant variant) {
        return quality(variant, text);
    }

    /** The same on another text. */
    public Map<String, Estimate> quality(Variant variant, Windows on) {
        Map<String, Estimate> numbers = quality(predictor(transformer(variant)), on);
        numbers.put(BYTES, Estimate.exact((double) variant.sizeBytes()));
        numbers.put(CODED, Estimate.exact(variant.coded()));
        return numbers;
    }

    /** How anything that predicts does: {@link #KL}, {@link #PERPLEXITY}, {@link #RISE}, {@link #AGREEMENT}. */
    public Map<String, Estimate> quality(Predictor predictor, Windows on) {
        Divergence.Result result =
                Divergence.measure(original, predictor, on, (done, all, soFar) -> watch.step("measuring", done, all));
        var numbers = new LinkedHashMap<String, Estimate>();
        numbers.put(KL, result.divergence());
        numbers.put(PERPLEXITY, result.b().perplexity());
        numbers.put(RISE, result.rise());
        numbers.put(AGREEMENT, result.agreement());
        return numbers;
    }

    /** How the model at full precision does. */
    public Map<String, Estimate> qualityOfOriginal() {
        return qualityOfOriginal(text);
    }

    /** The same on another text. */
    public Map<String, Estimate> qualityOfOriginal(Windows on) {
        Perplexity.Result result =
                Perplexity.measure(original, on, (done, all, soFar) -> watch.step("measuring", done, all));
        var numbers = new LinkedHashMap<String, Estimate>();
        numbers.put(KL, Estimate.exact(0));
        numbers.put(PERPLEXITY, result.perplexity());
        numbers.put(RISE, Estimate.exact(0));
        numbers.put(AGREEMENT, Estimate.exact(1));
        numbers.put(BYTES, Estimate.exact(2.0 * ParameterCount.of(model).total()));
        numbers.put(CODED, Estimate.exact(0));
        return numbers;
    }

    /** Group sizes to study: those of the settings, or 128, or 32 and 64 where rows are shorter than that. */
    public List<Integer> groupSizes() {
        if (!settings.groupSizes().isEmpty()) {
            return settings.groupSizes();
        }
        return new ArrayList<>(model.hidden() >= 128 ? List.of(128) : List.of(32, 64));
    }
}
