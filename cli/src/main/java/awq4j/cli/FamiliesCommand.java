package awq4j.cli;

import awq4j.model.ModelFamily;
import awq4j.model.family.Families;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code awq4j families}: which models can be run and quantized, as the tests prove it. */
@Command(
        name = "families",
        description = {
            "Show the families of models that run and can be quantized.",
            "A model is one of a family if config.json names one of its architectures."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  awq4j families", "  awq4j families --json families.json"})
final class FamiliesCommand implements Runnable {
    private static final int LABEL = 13;

    @Mixin
    private CommonOptions common = new CommonOptions();

    @Override
    public void run() {
        Screen screen = common.screen();
        lines(screen.outStyle()).forEach(screen::say);
        try {
            common.writeJson(Families.all().stream().map(FamiliesCommand::facts).toList());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Three lines a family: its architectures, models of it, and what can be done with them. */
    private static List<String> lines(Style style) {
        var lines = new ArrayList<String>();
        boolean own = false;
        for (ModelFamily family : Families.all()) {
            boolean marked = family.proof() == ModelFamily.Proof.DEFINITION;
            own |= marked;
            String title = family.title() + (marked ? " *" : "");
            lines.add(style.bold(title)
                    + " ".repeat(Math.max(1, LABEL - title.length()))
                    + String.join(", ", new TreeSet<>(family.architectures())));
            lines.add(" ".repeat(LABEL) + family.models());
            lines.add(style.dim(" ".repeat(LABEL) + uses(family)));
        }
        lines.add("");
        lines.add("Run, quantize: plain models. AWQ, GPTQ, GGUF: what these tools made is read.");
        lines.add("Compared with what transformers computes from the same weights: logits within");
        lines.add("1e-4, the same greedy text.");
        if (own) {
            lines.add("* Compared with a slow transcription of the family's definition instead.");
        }
        return lines;
    }

    private static String uses(ModelFamily family) {
        return family.uses().stream().map(ModelFamily.Use::label).collect(Collectors.joining(", "));
    }

    private static Map<String, Object> facts(ModelFamily family) {
        var facts = new LinkedHashMap<String, Object>();
        facts.put("family", family.title());
        facts.put("architectures", new TreeSet<>(family.architectures()));
        facts.put("models", family.models());
        facts.put("compared_with", comparedWith(family));
        facts.put("uses", family.uses().stream().map(ModelFamily.Use::label).toList());
        return facts;
    }

    private static String comparedWith(ModelFamily family) {
        return switch (family.proof()) {
            case TRANSFORMERS -> "transformers";
            case DEFINITION -> "definition";
        };
    }
}
