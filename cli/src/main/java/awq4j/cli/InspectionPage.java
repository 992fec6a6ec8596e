package awq4j.cli;

import awq4j.format.Checkpoint.Quantization;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.ParameterCount;
import awq4j.model.RopeScaling;
import awq4j.quant.MemoryEstimate;
import awq4j.quant.calibration.Calibration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Collectors;

/** An {@link Inspection} for people, in 80 columns. */
final class InspectionPage {
    private static final int LABEL = 16;

    private final Inspection facts;
    private final Style style;
    private final List<String> lines = new ArrayList<>();

    private InspectionPage(Inspection facts, Style style) {
        this.facts = facts;
        this.style = style;
    }

    /** @param tensors whether every tensor gets a line */
    static List<String> lines(Inspection facts, boolean tensors, Style style) {
        var page = new InspectionPage(facts, style);
        page.title();
        facts.model().ifPresentOrElse(page::architecture, page::statedNumbers);
        page.weights();
        facts.model().ifPresent(page::memory);
        if (facts.config().isPresent()) {
            page.tokenizer();
        }
        page.warnings();
        if (tensors) {
            page.tensors();
        }
        return page.lines;
    }

    private void title() {
        lines.add(style.bold(clean(ModelFolder.name(facts.path()))));
        facts.architecture().ifPresent(name -> line("architecture", clean(name)));
        facts.obstacle().ifPresent(reason -> wrapped(style.red("cannot run") + " ".repeat(LABEL - 10), clean(reason)));
    }

    private void architecture(ModelSpec model) {
        BlockSpec block = model.blocks().getFirst();
        var shape = block.attention().shape();
        section();
        line(
                "family",
                model.family() + ", " + model.blocks().size() + (model.blocks().size() == 1 ? " layer" : " layers")
                        + " of width " + Figures.grouped(model.hidden()));
        line(
                "attention",
                shape.heads() + " heads of " + shape.headDim()
                        + (shape.kvHeads() == shape.heads() ? "" : " over " + shape.kvHeads() + " of keys and values")
                        + window(model));
        feedForward(model);
        line("context", Figures.grouped(model.contextLength()) + " tokens, " + positions(model));
        line(
                "vocabulary",
                Figures.grouped(model.vocabulary()) + " tokens, output projection "
                        + (model.tied() ? "tied to the embedding" : "of its own"));
        var count = ParameterCount.of(model);
        section();
        line(
                "parameters",
                Figures.count(count.total())
                        + (count.idle() == 0 ? "" : ", " + Figures.count(count.active()) + " of them for each token"));
        share("  embeddings", count.embeddings(), count.total());
        share("  attention", count.attention(), count.total());
        share("  feed-forward", count.mlp(), count.total());
        share("  norms", count.norms(), count.total());
        share("  head", count.head(), count.total());
    }

    private void feedForward(ModelSpec model) {
        var kinds = model.blocks().stream()
                .collect(Collectors.groupingBy(
                        block -> feedForward(block.mlp()), LinkedHashMap::new, Collectors.counting()));
        String label = "feed-forward";
        for (var kind : kinds.entrySet()) {
            wrapped(
                    pad(label),
                    kind.getKey() + (kinds.size() == 1 ? "" : ", in " + kind.getValue() + " of the layers"));
            label = "";
        }
    }

    private static String feedForward(Mlp mlp) {
        return switch (mlp) {
            case Mlp.Gated gated ->
                "width " + Figures.grouped(gated.up().rows()) + ", gated, " + name(gated.activation());
            case Mlp.Plain plain -> "width " + Figures.grouped(plain.input().rows()) + ", " + name(plain.activation());
            case Mlp.Experts mixture ->
                mixture.experts().size() + " experts of width " + Figures.grouped(mixture.width()) + ", "
                        + mixture.chosen() + " for each token"
                        + (mixture.shared() == null
                                ? ""
                                : ", one of "
                                        + Figures.grouped(
                                                mixture.shared().mlp().up().rows()) + " for all")
                        + ", gated, " + name(mixture.experts().getFirst().activation());
        };
    }

    /** What config.json states about a model that is not understood. */
    private void statedNumbers() {
        section();
        facts.config().ifPresent(config -> {
            for (String key : InspectionJson.STATED) {
                if (config.json().path(key).isValueNode() && config.has(key)) {
                    line(
                            "config.json",
                            key + " " + clean(config.json().path(key).asString()));
                }
            }
        });
        line("parameters", Figures.count(facts.parameters()) + ", by the tensors");
    }

    private void weights() {
        section();
        var files = facts.stored().files();
        String names = files.size() == 1 ? clean(files.keySet().iterator().next()) : files.size() + " files";
        line(
                "weights",
                names + ", " + Figures.bytes(facts.stored().fileBytes()) + " on disk, "
                        + Figures.grouped(facts.stored().tensors().size()) + " tensors");
        facts.stored()
                .types()
                .forEach((type, share) -> line(
                        "",
                        String.format(
                                Locale.ROOT,
                                "%-5s %6s tensors %12s",
                                clean(type),
                                Figures.grouped(share.tensors()),
                                Figures.bytes(share.bytes()))));
        facts.statedType().ifPresent(type -> line("stated type", clean(type)));
        facts.quantization().ifPresentOrElse(this::quantization, () -> line("quantization", "none"));
    }

    private void quantization(Quantization stated) {
        line(
                "quantization",
                stated.method() + ", " + stated.bits() + " bits, "
                        + (stated.groupSize() == -1 ? "one group a row" : "groups of " + stated.groupSize()) + ", "
                        + (stated.symmetric() ? "symmetric" : "with zeros") + ", packed as " + stated.version());
        facts.linears().ifPresent(linears -> {
            line(
                    "  packed",
                    linears.packed() + " of " + linears.total() + " linears; output projection "
                            + (linears.headPacked() ? "packed" : "plain"));
            if (linears.corrected() > 0) {
                line(
                        "  low rank",
                        "beside " + linears.corrected() + " linears, up to rank " + linears.rank() + ": "
                                + Figures.bytes(linears.correctionBytes()));
            }
            linears.plain()
                    .forEach((reason, names) -> wrapped(
                            pad("  plain"),
                            names.size() + ", " + reason + ": "
                                    + names.stream()
                                            .limit(3)
                                            .map(InspectionPage::clean)
                                            .collect(Collectors.joining(", "))
                                    + (names.size() > 3 ? ", ..." : "")));
        });
    }

    private void memory(ModelSpec model) {
        section();
        long weights = InspectionJson.weightMemory(facts, model);
        long thousand = InspectionJson.kvBytes(model, 1024, KvPrecision.F16);
        long whole = InspectionJson.kvBytes(model, model.contextLength(), KvPrecision.F16);
        line(
                "to run",
                Figures.bytes(weights) + " of weights, " + Figures.bytes(thousand)
                        + " for each 1,024 tokens of context");
        line("", Figures.bytes(weights + whole) + " with the whole context");
        if (facts.quantization().isEmpty()) {
            var estimate = MemoryEstimate.of(model, InspectionJson.CALIBRATION_TOKENS);
            line(
                    "to quantize",
                    "about " + Figures.bytes(estimate.total()) + ": " + Figures.bytes(estimate.block())
                            + " for the largest block,");
            line(
                    "",
                    Figures.bytes(estimate.activations()) + " for " + Calibration.DEFAULT_SAMPLES + " x "
                            + Calibration.DEFAULT_LENGTH + " calibration tokens");
        }
    }

    private void tokenizer() {
        var tokenizer = facts.tokenizer();
        section();
        line(
                "tokenizer",
                tokenizer.file() == null
                        ? "none"
                        : tokenizer.file()
                                + (tokenizer.size() > 0
                                        ? ", " + Figures.grouped(tokenizer.size()) + " tokens"
                                        : ", cannot be read"));
        var templates = tokenizer.templates();
        wrapped(pad("chat template"), templates.isEmpty() ? "none" : clean(String.join(", ", templates)));
    }

    private void warnings() {
        if (!facts.warnings().isEmpty()) {
            section();
        }
        for (String warning : facts.warnings()) {
            wrapped(style.yellow("note") + " ".repeat(LABEL - 4), clean(warning));
        }
    }

    private void tensors() {
        section();
        var table = new Table("tensor", "type", ">shape", ">size");
        for (var row : facts.stored().tensors()) {
            table.row(clean(row.name()), clean(row.dtype()), row.shape().toString(), Figures.bytes(row.bytes()));
        }
        lines.addAll(table.lines(style));
    }

    private void share(String label, long part, long total) {
        if (part > 0) {
            line(label, String.format(Locale.ROOT, "%8s %5.1f %%", Figures.count(part), 100.0 * part / total));
        }
    }

    private void line(String label, String text) {
        lines.add((style.dim(label) + " ".repeat(LABEL - label.length()) + text).stripTrailing());
    }

    private void section() {
        lines.add("");
    }

    private static String pad(String label) {
        return label + " ".repeat(LABEL - label.length());
    }

    /** Text that may not fit on its line goes on below itself. */
    private void wrapped(String label, String text) {
        String start = label;
        var line = new StringBuilder();
        for (String word : text.split(" ", -1)) {
            if (!line.isEmpty() && LABEL + line.length() + 1 + word.length() > Screen.WIDTH) {
                lines.add(start + line);
                start = " ".repeat(LABEL);
                line.setLength(0);
            }
            line.append(line.isEmpty() ? "" : " ").append(word);
        }
        lines.add(start + line);
    }

    private static String window(ModelSpec model) {
        var windows = model.blocks().stream()
                .map(block -> block.attention().shape().window())
                .filter(window -> window > 0)
                .distinct()
                .toList();
        return windows.isEmpty() ? "" : ", window of " + Figures.grouped(windows.getFirst());
    }

    private static String positions(ModelSpec model) {
        if (model.embedding().positions() != null) {
            return "learned positions";
        }
        var rotaries = model.blocks().stream()
                .map(block -> block.attention().rotary())
                .filter(Objects::nonNull)
                .distinct()
                .toList();
        if (rotaries.isEmpty()) {
            boolean alibi = model.blocks().getFirst().attention().shape().alibiSlopes() != null;
            return alibi ? "ALiBi positions" : "no positions";
        }
        return "rotary positions"
                + rotaries.stream()
                        .map(rotary -> scaling(rotary.scaling()))
                        .filter(text -> !text.isEmpty())
                        .findFirst()
                        .orElse("");
    }

    private static String scaling(RopeScaling scaling) {
        return switch (scaling) {
            case RopeScaling.Default plain -> "";
            case RopeScaling.LinearInterpolation linear -> ", linear scaling by " + number(linear.factor());
            case RopeScaling.DynamicNtk dynamic -> ", dynamic scaling by " + number(dynamic.factor());
            case RopeScaling.Llama3 llama -> ", llama3 scaling by " + number(llama.factor());
            case RopeScaling.LongRope stretched ->
                ", longrope beyond " + Figures.grouped(stretched.originalPositions()) + " tokens";
            case RopeScaling.Yarn yarn -> ", yarn scaling by " + number(yarn.factor());
        };
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Figures.grouped((long) value) : Figures.fixed(value, 2);
    }

    private static String name(awq4j.kernel.Activation activation) {
        return activation.name().toLowerCase(Locale.ROOT);
    }

    /** Names in files are untrusted: none may move the cursor. */
    private static String clean(String text) {
        return text.replaceAll("\\p{Cntrl}", "?");
    }
}
