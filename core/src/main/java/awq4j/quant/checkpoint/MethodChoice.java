package awq4j.quant.checkpoint;

import awq4j.quant.Awq;
import awq4j.quant.BlockRunner;
import awq4j.quant.FromRecipe;
import awq4j.quant.Gptq;
import awq4j.quant.MixedBits;
import awq4j.quant.Objective;
import awq4j.quant.QuantMethod;
import awq4j.quant.Rtn;
import awq4j.quant.SmoothQuant;
import awq4j.quant.Widths;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Which method quantizes the blocks of a checkpoint.
 *
 * @param name for reports, for example {@code awq}
 * @param calibrated whether it looks at activations
 * @param everyExpert whether it wants experts to see all calibration tokens
 * @param gram whether it holds Gram matrices of the linears' inputs
 * @param counts whether it is content with sums of what linears see, see {@link QuantMethod#statisticsSuffice}
 * @param settings what distinguishes two runs of it, in words; goes into reports, and an interrupted run is continued
 *     only with the same
 * @param recipe what it carries out, good for one model and scheme; null if it is good for any
 * @param method makes it, once; it gets what runs blocks
 */
public record MethodChoice(
        String name,
        boolean calibrated,
        boolean everyExpert,
        boolean gram,
        boolean counts,
        SortedMap<String, String> settings,
        @Nullable Recipe recipe,
        Function<BlockRunner, QuantMethod> method) {
    /** How the name of the setting begins that is a matrix' own width, where matrices differ in it. */
    public static final String BITS_OF = "bits of ";

    /** Copies the map. */
    public MethodChoice {
        settings = java.util.Collections.unmodifiableSortedMap(new TreeMap<>(settings));
    }

    /** A method that looks at inputs themselves, if it looks at any. */
    public MethodChoice(
            String name,
            boolean calibrated,
            boolean everyExpert,
            boolean gram,
            SortedMap<String, String> settings,
            @Nullable Recipe recipe,
            Function<BlockRunner, QuantMethod> method) {
        this(name, calibrated, everyExpert, gram, false, settings, recipe, method);
    }

    /** A method and its settings. */
    public static MethodChoice of(
            String name, boolean calibrated, Map<String, String> settings, Function<BlockRunner, QuantMethod> method) {
        return new MethodChoice(name, calibrated, false, false, new TreeMap<>(settings), null, method);
    }

    /** Plain rounding to nearest. */
    public static MethodChoice rtn() {
        return of("rtn", false, Map.of(), runner -> new Rtn());
    }

    /** Activation-aware scales and clips. */
    public static MethodChoice awq(Awq.Settings settings) {
        var words = new TreeMap<String, String>();
        words.put("scaling", settings.scaling().name().toLowerCase(Locale.ROOT));
        words.put("clip", Boolean.toString(settings.clip()));
        words.put("search tokens", Integer.toString(settings.searchTokens()));
        // only where they differ: most models have no experts
        if (settings.everyExpert()) {
            words.put("every expert", "true");
        }
        if (settings.expertTokens() != Awq.Settings.DEFAULT_EXPERT_TOKENS) {
            words.put("expert tokens", Integer.toString(settings.expertTokens()));
        }
        boolean counts = settings.objective() == Objective.GRAM;
        if (counts) {
            words.put("objective", "gram");
            words.remove("search tokens"); // all count
        }
        return new MethodChoice(
                "awq", true, settings.everyExpert(), counts, counts, words, null, runner -> new Awq(runner, settings));
    }

    /**
     * GPTQ, perhaps on what AWQ scaled and clipped.
     *
     * @throws IllegalArgumentException if columns would have an order of their own, for which AWQ folders have no place
     */
    public static MethodChoice gptq(Gptq.Settings settings, Awq.@Nullable Settings before) {
        if (settings.actOrder() && !settings.staticGroups()) {
            throw new IllegalArgumentException(
                    "act-order without static groups makes groups of columns from all over the"
                            + " row; groups of an AWQ folder lie side by side: take static groups");
        }
        MethodChoice awq = before == null ? null : awq(before);
        var words = awq == null ? new TreeMap<String, String>() : new TreeMap<>(awq.settings());
        words.put("damping", Double.toString(settings.damping()));
        words.put("act-order", Boolean.toString(settings.actOrder()));
        words.put("static groups", Boolean.toString(settings.staticGroups()));
        if (settings.trueSequential()) {
            words.put("true-sequential", "true");
        }
        if (settings.expertTokens() != Awq.Settings.DEFAULT_EXPERT_TOKENS) {
            words.put("expert tokens", Integer.toString(settings.expertTokens()));
        }
        return new MethodChoice(
                awq == null ? "gptq" : "awq+gptq",
                true,
                awq != null && awq.everyExpert(),
                true,
                awq == null || awq.counts(),
                words,
                null,
                runner -> awq == null
                        ? new Gptq(runner, settings)
                        : Gptq.after(awq.method().apply(runner), runner, settings));
    }

    /**
     * SmoothQuant, for weights that meet rounded activations.
     *
     * @param alpha migration strength, 0 to 1
     * @throws IllegalArgumentException if it is not
     */
    public static MethodChoice smoothQuant(double alpha) {
        var method = new SmoothQuant(alpha);
        return of(method.name(), true, Map.of("alpha", Double.toString(alpha)), runner -> method);
    }

    /** A method at several widths, which its settings list. */
    static MethodChoice mixed(MethodChoice of, Widths widths) {
        var words = new TreeMap<>(of.settings());
        widths.bits().forEach((matrix, bits) -> words.put(BITS_OF + matrix, Integer.toString(bits)));
        return new MethodChoice(
                of.name(),
                of.calibrated(),
                of.everyExpert(),
                of.gram(),
                words,
                of.recipe(),
                runner -> new MixedBits(of.method().apply(runner), widths));
    }

    /** Carries out a recipe; needs no calibration. The recipe must stay open. */
    public static MethodChoice recipe(Recipe recipe) {
        var settings = new TreeMap<>(recipe.settings());
        settings.put("recipe", recipe.sha256());
        return new MethodChoice(
                recipe.method(),
                false,
                false,
                false,
                settings,
                recipe,
                runner -> new FromRecipe(recipe.method(), recipe::block));
    }
}
