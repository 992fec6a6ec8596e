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
import awq4j.quant.SparseGpt;
import awq4j.quant.Sparsity;
import awq4j.quant.Wanda;
import awq4j.quant.Widths;
import awq4j.quant.WithLowRank;
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
 * @param rank of the matrices that run beside quantized linears; 0 if none do
 * @param sparsity how many weights become zero; null if none do by intent
 * @param codes whether it gives codes; pruning alone leaves float16
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
        int rank,
        @Nullable Sparsity sparsity,
        boolean codes,
        Function<BlockRunner, QuantMethod> method) {
    /** How the name of the setting begins that is a matrix' own width, where matrices differ in it. */
    public static final String BITS_OF = "bits of ";

    /** The setting that tells how many weights became zero, where they were pruned. */
    public static final String SPARSITY = "sparsity";

    /** The setting that is the rank of the matrices beside quantized linears, where there are any. */
    public static final String RANK = "rank";

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
        this(name, calibrated, everyExpert, gram, false, settings, recipe, 0, null, true, method);
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
                "awq",
                true,
                settings.everyExpert(),
                counts,
                counts,
                words,
                null,
                0,
                null,
                true,
                runner -> new Awq(runner, settings));
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
                0,
                null,
                true,
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

    /**
     * Wanda: pruning alone, or before a method that makes codes of what is left.
     *
     * @param then null for float16 weights
     * @throws IllegalArgumentException if {@code then} carries out a recipe
     */
    public static MethodChoice wanda(Sparsity sparsity, @Nullable MethodChoice then) {
        return pruned(
                "wanda",
                sparsity,
                then,
                Map.of(),
                false,
                runner -> then == null
                        ? new Wanda(runner, sparsity)
                        : Wanda.before(then.method().apply(runner), runner, sparsity));
    }

    /**
     * SparseGPT: pruning alone or before another method, or together with rounding, which is GPTQ with zeros.
     *
     * @param then null for float16 weights, or for codes if the settings say so
     * @throws IllegalArgumentException if {@code then} carries out a recipe, or follows on rounding
     */
    public static MethodChoice sparseGpt(SparseGpt.Settings settings, @Nullable MethodChoice then) {
        var words = new TreeMap<String, String>();
        words.put("damping", Double.toString(settings.damping()));
        if (settings.expertTokens() != Awq.Settings.DEFAULT_EXPERT_TOKENS) {
            words.put("expert tokens", Integer.toString(settings.expertTokens()));
        }
        if (then != null && settings.quantized()) {
            throw new IllegalArgumentException("sparsegpt rounds what " + then.name() + " was to round");
        }
        MethodChoice choice = pruned(
                "sparsegpt",
                settings.sparsity(),
                then,
                words,
                true,
                runner -> then == null
                        ? new SparseGpt(runner, settings)
                        : SparseGpt.before(then.method().apply(runner), runner, settings));
        return settings.quantized() ? choice.withCodes("sparsegpt+gptq") : choice;
    }

    private MethodChoice withCodes(String otherName) {
        return new MethodChoice(
                otherName, calibrated, everyExpert, gram, counts, settings, recipe, rank, sparsity, true, method);
    }

    private static MethodChoice pruned(
            String name,
            Sparsity sparsity,
            @Nullable MethodChoice then,
            Map<String, String> own,
            boolean gram,
            Function<BlockRunner, QuantMethod> method) {
        if (then != null && then.recipe() != null) {
            throw new IllegalArgumentException("a recipe is of weights as they were: " + name + " goes without one");
        }
        var words = then == null ? new TreeMap<String, String>() : new TreeMap<>(then.settings());
        words.putAll(own);
        words.put(SPARSITY, sparsity.label());
        return new MethodChoice(
                then == null ? name : name + "+" + then.name(),
                true,
                then != null && then.everyExpert(),
                gram || (then != null && then.gram()),
                false,
                words,
                null,
                0,
                sparsity,
                then != null,
                method);
    }

    /**
     * A method, and matrices of low rank beside the linears that it quantizes.
     *
     * @throws IllegalArgumentException if the method carries out a recipe, which keeps no place for them
     */
    static MethodChoice lowRank(MethodChoice of, WithLowRank.Settings settings) {
        if (of.recipe() != null) {
            throw new IllegalArgumentException("low-rank matrices are found with the codes: they go without a recipe");
        }
        var words = new TreeMap<>(of.settings());
        words.put(RANK, Integer.toString(settings.rank()));
        words.put("rank weighting", settings.weighting().name().toLowerCase(Locale.ROOT));
        boolean weighted = settings.weighting() != WithLowRank.Weighting.NONE;
        return new MethodChoice(
                of.name() + "+rank" + settings.rank(),
                of.calibrated() || weighted,
                of.everyExpert(),
                of.gram() || weighted,
                of.counts() || !of.calibrated(),
                words,
                null,
                settings.rank(),
                of.sparsity(),
                of.codes(),
                runner -> new WithLowRank(of.method().apply(runner), runner, settings));
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
                runner -> new MixedBits(of.method().apply(runner), runner, widths));
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
