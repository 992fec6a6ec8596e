package awq4j.cli;

import awq4j.runtime.Penalties;
import awq4j.runtime.Sampling;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How tokens are chosen and when a reply ends; what is not given is as the model recommends. */
final class SamplingOptions {
    /** Tokens of a reply of a model that was not taught to end one. */
    static final int PLAIN_REPLY = 128;

    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Option(
            names = "--temperature",
            paramLabel = "X",
            description = "Below 1 safer, above 1 wilder; 0 always takes the likeliest token.")
    private @Nullable Double temperature;

    @Option(names = "--top-k", paramLabel = "N", description = "Choose among the N likeliest tokens; 0 for all.")
    private @Nullable Integer topK;

    @Option(
            names = "--top-p",
            paramLabel = "X",
            description = "Choose among the likeliest tokens that have probability X together; 1 for all.")
    private @Nullable Double topP;

    @Option(
            names = "--min-p",
            paramLabel = "X",
            description = "Leave out tokens that are less likely than X times the likeliest; 0 for none.")
    private @Nullable Double minP;

    @Option(
            names = "--repetition-penalty",
            paramLabel = "X",
            description = "Above 1: tokens of prompt and reply become less likely; 1 for none.")
    private @Nullable Double repetitionPenalty;

    @Option(
            names = "--presence-penalty",
            paramLabel = "X",
            description = "Taken once from the logits of tokens that the reply has; 0 for none.")
    private @Nullable Double presencePenalty;

    @Option(
            names = "--frequency-penalty",
            paramLabel = "X",
            description = "Taken from the logits of tokens for each time the reply has them; 0 for none.")
    private @Nullable Double frequencyPenalty;

    @Option(names = "--seed", paramLabel = "N", description = "The same seed gives the same reply again.")
    private @Nullable Long seed;

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            description = "Most tokens of a reply. Default: none with a chat template, where the model ends by itself; "
                    + PLAIN_REPLY + " without.")
    private @Nullable Integer maxTokens;

    @Option(
            names = "--stop",
            paramLabel = "TEXT",
            description = "End the reply before this text; \\n is a new line, \\t a tab. May be given more than once.")
    private List<String> stop = new ArrayList<>();

    /**
     * The model's recommendation with what was given in its place.
     *
     * @param ends whether the model ends its replies by itself
     * @throws ParameterException if a number is outside its range
     */
    Sampling over(Sampling recommended, boolean ends) {
        try {
            Penalties penalties = recommended.penalties();
            Sampling sampling = recommended
                    .withTemperature(or(temperature, recommended.temperature()))
                    .withTopK(or(topK, recommended.topK()))
                    .withTopP(or(topP, recommended.topP()))
                    .withMinP(or(minP, recommended.minP()))
                    .withPenalties(new Penalties(
                            or(repetitionPenalty, penalties.repetition()),
                            or(presencePenalty, penalties.presence()),
                            or(frequencyPenalty, penalties.frequency())))
                    .withMaxTokens(or(maxTokens, ends ? Sampling.UNLIMITED : PLAIN_REPLY))
                    .withStopStrings(
                            stop.stream().map(SamplingOptions::unescaped).toList());
            return seed == null ? sampling : sampling.withSeed(seed);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), String.valueOf(e.getMessage()));
        }
    }

    /** Complains about numbers before a model is opened, which may take a while. */
    void check() {
        over(Sampling.greedy(), false);
    }

    /**
     * Complains about options that say how tokens are drawn, beside one that draws none.
     *
     * @param option for example {@code --beams}
     */
    void refuseDrawing(String option) {
        var given = new LinkedHashMap<String, @Nullable Object>();
        given.put("--temperature", temperature);
        given.put("--top-k", topK);
        given.put("--top-p", topP);
        given.put("--min-p", minP);
        given.put("--repetition-penalty", repetitionPenalty);
        given.put("--presence-penalty", presencePenalty);
        given.put("--frequency-penalty", frequencyPenalty);
        given.put("--seed", seed);
        given.put("--stop", stop.isEmpty() ? null : stop);
        given.forEach((name, value) -> {
            if (value != null) {
                throw new ParameterException(
                        command.commandLine(), name + " does not go with " + option + ", which draws no tokens");
            }
        });
    }

    private static <T> T or(@Nullable T given, T otherwise) {
        return given == null ? otherwise : given;
    }

    private static String unescaped(String text) {
        var out = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '\\' || i + 1 == text.length()) {
                out.append(c);
                continue;
            }
            char next = text.charAt(++i);
            switch (next) {
                case 'n' -> out.append('\n');
                case 't' -> out.append('\t');
                case '\\' -> out.append('\\');
                default -> out.append('\\').append(next);
            }
        }
        return out.toString();
    }
}
