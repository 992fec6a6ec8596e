package awq4j.cli;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.gguf.GgufFiles;
import awq4j.format.gguf.TokenKeys;
import awq4j.model.family.Families;
import awq4j.quant.Awq;
import awq4j.quant.Gptq;
import awq4j.quant.QuantScheme;
import awq4j.quant.SparseGpt;
import awq4j.quant.Sparsity;
import awq4j.quant.Widths;
import awq4j.quant.WithLowRank;
import awq4j.quant.calibration.Calibration;
import awq4j.quant.checkpoint.BitSearch;
import awq4j.quant.checkpoint.CheckpointQuantizer;
import awq4j.quant.checkpoint.MethodChoice;
import awq4j.quant.checkpoint.QuantizationReport;
import awq4j.quant.checkpoint.QuantizeSettings;
import awq4j.quant.checkpoint.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code awq4j quantize}: a checkpoint of few bits from a plain one. */
@Command(
        name = "quantize",
        description = {
            "Quantize a model: a Hugging Face folder or a GGUF file of floats goes in, an AWQ checkpoint comes out that vLLM and transformers read"
                    + " as well (4 bits; other widths are for awq4j only).",
            "The model is worked on block by block. An interrupted run is continued by the same command."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  awq4j quantize my-model --out my-model-awq",
            "  awq4j quantize my-model --out my-model-mixed --bits auto --budget 3.5",
            "  awq4j quantize my-model --out my-model-int3 --bits 3 --low-rank 16",
            "  awq4j quantize my-model --out my-model-sparse --sparsity 2:4",
            "  awq4j quantize my-model --out my-model-awq --calibration notes.jsonl",
            "  awq4j quantize my-model --out my-model-awq --report picture.html",
            "  awq4j quantize my-model --out my-model-gptq --method awq+gptq --no-clip",
            "  awq4j quantize my-model --out my-model-int3 --bits 3 --recipe-out int3.recipe",
            "  awq4j quantize my-model --out again --recipe int3.recipe"
        })
final class QuantizeCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Parameters(
            paramLabel = "MODEL",
            description = "Folder or .gguf file of a model in float16, bfloat16 or float32, or ORG/MODEL; only read.")
    @SuppressWarnings("NullAway.Init") // required
    private Path model;

    @Option(
            names = {"-o", "--out"},
            required = true,
            paramLabel = "DIR",
            description = "Folder to make; it appears when it is complete.")
    @SuppressWarnings("NullAway.Init") // required
    private Path out;

    @Mixin
    private SchemeOptions scheme = new SchemeOptions();

    @Option(
            names = "--low-rank",
            paramLabel = "R",
            description =
                    "Keep two thin matrices of rank R in float16 beside each quantized linear, which make up for most"
                            + " of what calibration text shows it to have lost. awq4j alone reads the folder.")
    private @Nullable Integer lowRank;

    @Mixin
    private SparsityOptions sparsity = new SparsityOptions();

    @Mixin
    private CalibrationOptions calibration = new CalibrationOptions();

    @Option(
            names = "--recipe-out",
            paramLabel = "FILE",
            description = "Also save what the search found: with it the model is packed again in seconds.")
    private @Nullable Path recipeOut;

    @Option(
            names = "--recipe",
            paramLabel = "FILE",
            description = "Use what an earlier search found for this model, or llm-awq's (.pt); no calibration.")
    private @Nullable Path recipe;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description =
                    "Also write a page that shows the quantization layer by layer: errors, salient channels before and"
                            + " after scaling, clips. Reads the calibration text once more.")
    private @Nullable Path page;

    @Mixin
    private KernelOptions kernels = new KernelOptions();

    @Option(names = "--force", description = "Replace a model that lies at DIR.")
    private boolean force;

    @Option(names = "--restart", description = "Begin anew instead of continuing an interrupted run.")
    private boolean restart;

    @Override
    public Integer call() throws IOException {
        check();
        if (page != null) {
            JsonFile.requireFolder(page);
        }
        Path source = ModelFolder.of(model);
        if (recipe != null) {
            try (Recipe opened = Recipe.open(recipe)) {
                run(source, scheme.over(opened.scheme()), MethodChoice.recipe(opened), null);
            }
        } else {
            Sparsity zeros = sparsity.sparsity();
            MethodChoice method = zeros == null ? method() : pruned(zeros);
            QuantScheme chosen = scheme.over(
                    zeros == null ? scheme.standard() : scheme.standard().withRange(QuantScheme.Range.INCLUDE_ZERO));
            run(source, chosen, method, looks() ? calibration(source) : null);
        }
        return 0;
    }

    /** What makes codes. */
    private MethodChoice method() {
        Awq.Settings awq = scheme.awq(Awq.Settings.DEFAULT);
        return switch (scheme.method()) {
            case SMOOTHQUANT -> scheme.smoothQuant();
            case RTN -> MethodChoice.rtn();
            case AWQ -> MethodChoice.awq(awq);
            case GPTQ -> MethodChoice.gptq(scheme.gptq(), null);
            case AWQ_GPTQ -> MethodChoice.gptq(scheme.gptq(), awq);
        };
    }

    private MethodChoice pruned(Sparsity zeros) {
        boolean together = !scheme.plain() && scheme.method() == SchemeOptions.Method.GPTQ;
        MethodChoice then = together || scheme.plain() ? null : method();
        return switch (sparsity.pruning(scheme)) {
            case WANDA -> MethodChoice.wanda(zeros, then);
            case SPARSEGPT -> {
                Gptq.Settings like = scheme.gptq();
                var settings = new SparseGpt.Settings(zeros, together, like.damping(), like.expertTokens());
                yield MethodChoice.sparseGpt(settings, then);
            }
        };
    }

    /** Whether something is done with the calibration text. */
    private boolean looks() {
        return recipe == null
                && (scheme.method() != SchemeOptions.Method.RTN
                        || scheme.automaticBits()
                        || lowRank != null
                        || sparsity.sparsity() != null);
    }

    private void checkLowRank(SchemeOptions.Method method) {
        if (lowRank == null) {
            return;
        }
        if (lowRank < 1) {
            throw common.wrongUsage("--low-rank should be 1 or more, was " + lowRank);
        }
        if (recipe != null || recipeOut != null) {
            throw common.wrongUsage(
                    "--low-rank goes without --recipe and --recipe-out: its matrices do not follow from a recipe");
        }
        if (sparsity.sparsity() != null) {
            throw common.wrongUsage("--low-rank and --sparsity: give one of them");
        }
        if (method == SchemeOptions.Method.SMOOTHQUANT) {
            throw common.wrongUsage("--low-rank goes with rtn, awq, gptq and awq+gptq, not with " + method);
        }
    }

    private void check() {
        SchemeOptions.Method method = scheme.method();
        boolean looks = looks();
        scheme.checkBudget(BitSearch.WIDTHS);
        if (scheme.automaticBits() && (recipe != null || recipeOut != null)) {
            throw common.wrongUsage("--bits auto goes without --recipe and --recipe-out: a recipe has one width");
        }
        if (sparsity.sparsity() != null && (recipe != null || recipeOut != null)) {
            throw common.wrongUsage(
                    "--sparsity goes without --recipe and --recipe-out: a recipe is of weights as they were");
        }
        sparsity.check(scheme);
        checkLowRank(method);
        if (recipe != null && recipeOut != null) {
            throw common.wrongUsage("--recipe uses a recipe, --recipe-out saves one: give one of them");
        }
        if (recipe != null && scheme.searchWasChosen()) {
            throw common.wrongUsage(
                    "--recipe has been found already: --method, and what goes with a method, go" + " without it");
        }
        if (!looks && page != null) {
            throw common.wrongUsage((recipe == null ? "--method rtn" : "--recipe")
                    + " measures nothing that --report could show; it goes with awq, gptq and awq+gptq");
        }
        if (!looks && calibration.given()) {
            throw common.wrongUsage((recipe == null ? "--method rtn" : "--recipe")
                    + " looks at no text: --calibration, --samples, --sequence-length and --seed go without it");
        }
        if (recipe == null && method.corrects() && recipeOut != null) {
            throw common.wrongUsage(
                    "--method " + method + ": its codes do not follow from a recipe; --recipe-out goes with awq");
        }
        if (recipe == null && !method.scales() && (recipeOut != null || scheme.searchSettingsGiven())) {
            throw common.wrongUsage(
                    "--method " + method + " searches nothing: --recipe-out, --scaling, --objective, --no-clip,"
                            + " --search-tokens and --route-all-experts go with awq");
        }
        if (recipe == null && method != SchemeOptions.Method.SMOOTHQUANT && scheme.alphaGiven()) {
            throw common.wrongUsage("--method " + method + " smooths nothing: --alpha goes with smoothquant");
        }
        if ((!looks || method == SchemeOptions.Method.SMOOTHQUANT) && scheme.expertTokensGiven()) {
            throw common.wrongUsage("--method " + method + " searches nothing: --expert-tokens goes with awq and gptq");
        }
        if (recipe == null && !method.corrects() && scheme.correctionSettingsGiven()) {
            throw common.wrongUsage("--method " + method
                    + " corrects nothing: --damping, --act-order, --static-groups and --true-sequential go with gptq"
                    + " and awq+gptq");
        }
        if (scheme.searchTokensMeanNothing()) {
            throw common.wrongUsage("--objective gram counts all tokens: --search-tokens goes with --objective module");
        }
        if (recipe == null && method == SchemeOptions.Method.AWQ && scheme.searchesRanges()) {
            throw common.wrongUsage(
                    "--range least-error searches every group's range, too slow for a search of scales: it"
                            + " goes with gptq, awq+gptq (for its last step) and rtn");
        }
        calibration.check();
        scheme.over(scheme.standard()); // numbers that make no sense are wrong usage, whatever the model is
        scheme.awq(Awq.Settings.DEFAULT);
        scheme.gptq();
        scheme.smoothQuant();
        kernels.cpu();
    }

    private Calibration calibration(Path source) {
        try (Checkpoint checkpoint = Checkpoints.open(source)) {
            if (checkpoint.quantization().isPresent()) {
                throw new Refusal(model
                        + " is quantized already; quantizing starts from a model in float16, bfloat16 or" + " float32");
            }
            return calibration.read(
                    Checkpoints.folder(source), Families.spec(checkpoint).contextLength());
        }
    }

    private void run(Path source, QuantScheme chosen, MethodChoice method, @Nullable Calibration text)
            throws IOException {
        long start = System.nanoTime();
        try (var working = page == null ? null : WorkingFolder.create(null, common.interruption())) {
            Path found = recipeOut != null
                            || working == null
                            || !scheme.method().scales()
                            || scheme.method().corrects()
                            || scheme.automaticBits()
                            || lowRank != null
                            || sparsity.sparsity() != null
                    ? recipeOut
                    : working.path().resolve("found.recipe");
            QuantizationReport report = quantize(source, chosen, method, text, found);
            double seconds = (System.nanoTime() - start) / 1e9;
            QuantizeSummary.lines(report, out, seconds, next(source)).forEach(common.screen()::say);
            var json = new LinkedHashMap<String, Object>();
            json.put("output", out.toString());
            json.put("seconds", seconds);
            json.put("report", report);
            common.writeJson(json);
            if (page != null && text != null) {
                new QuantizePage(common.screen(), common.interruption(), kernels.cpu(), common.commandLine())
                        .write(page, source, chosen, text, found, report);
            }
        }
    }

    private QuantizationReport quantize(
            Path source, QuantScheme chosen, MethodChoice method, @Nullable Calibration text, @Nullable Path found) {
        try (var watch = new QuantizeWatch(common.screen(), common.interruption(), out)) {
            var settings = QuantizeSettings.of(source, out, chosen, method, text)
                    .withRecipeOut(found)
                    .replacing(force, restart)
                    .withCpu(kernels.cpu())
                    .madeBy("awq4j " + Version.number() + " (commit " + Version.commit() + ")")
                    .watched(watch, common.interruption()::requested);
            if (scheme.automaticBits()) {
                settings = settings.withWidths(widths(source, chosen, Objects.requireNonNull(text), watch));
            }
            if (lowRank != null) {
                int least = scheme.awq(Awq.Settings.DEFAULT).expertTokens();
                settings = settings.withLowRank(new WithLowRank.Settings(lowRank, WithLowRank.Weighting.GRAM, least));
            }
            return CheckpointQuantizer.run(settings);
        }
    }

    private Widths widths(Path source, QuantScheme chosen, Calibration text, QuantizeWatch watch) {
        BitSearch.Found found = BitSearch.run(
                source,
                chosen,
                text,
                scheme.budget(),
                kernels.cpu(),
                watch::measured,
                common.interruption()::requested);
        var counts = new TreeMap<Integer, Integer>();
        found.widths().bits().values().forEach(bits -> counts.merge(bits, 1, Integer::sum));
        watch.remark(String.format(
                Locale.ROOT,
                "%.3f bits a weight: %s",
                found.bitsPerWeight(),
                counts.entrySet().stream()
                        .map(entry -> entry.getValue() + " matrices of " + entry.getKey() + " bits")
                        .collect(Collectors.joining(", "))));
        return found.widths();
    }

    private String next(Path source) throws IOException {
        return hasTemplate(Checkpoints.folder(source))
                ? "awq4j chat " + out
                : "awq4j run " + out + " --prompt \"Once upon a time\"";
    }

    private static boolean hasTemplate(Path source) throws IOException {
        if (Checkpoints.isGguf(source)) {
            try (GgufFiles files = GgufFiles.open(source)) {
                return files.metadata().has(TokenKeys.TEMPLATE);
            }
        }
        Path settings = source.resolve("tokenizer_config.json");
        return Files.exists(source.resolve("chat_template.jinja"))
                || (Files.isRegularFile(settings) && Files.readString(settings).contains("\"chat_template\""));
    }
}
