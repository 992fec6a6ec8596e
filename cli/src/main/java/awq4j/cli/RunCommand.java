package awq4j.cli;

import awq4j.LanguageModel;
import awq4j.Reply;
import awq4j.chat.Message;
import awq4j.runtime.Beams;
import awq4j.runtime.FinishReason;
import awq4j.runtime.Sampling;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code awq4j run}: one prompt, one reply. */
@Command(
        name = "run",
        description = "Answer one prompt: the reply goes to standard output as it is made, figures about it to standard"
                + " error.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  awq4j run DIR --prompt \"Once upon a time\" --max-tokens 200",
            "  awq4j run DIR --prompt - < question.txt > answer.txt",
            "  awq4j run DIR --prompt \"The capital of France is\" --beams 4 --max-tokens 20"
        })
final class RunCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Mixin
    private EngineOptions engine = new EngineOptions();

    @Mixin
    private AdaptingOptions adapting = new AdaptingOptions();

    @Mixin
    private SamplingOptions sampling = new SamplingOptions();

    @Parameters(
            paramLabel = "MODEL",
            description = "Folder or .gguf file of a model, plain or quantized, or ORG/MODEL.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before call()
    private Path model;

    @Option(
            names = {"-p", "--prompt"},
            paramLabel = "TEXT",
            description = "The prompt; - reads standard input, which is also the default when something is piped in.")
    private @Nullable String prompt;

    @ArgGroup(exclusive = true)
    private Form form = new Form();

    @Option(
            names = "--system",
            paramLabel = "TEXT",
            description = "Instructions that stand before the prompt; wants a chat template.")
    private @Nullable String system;

    @Option(
            names = "--beams",
            paramLabel = "N",
            description =
                    "Look for the likeliest reply along N at once, as transformers does; it comes when it is whole.")
    private @Nullable Integer beams;

    @Option(
            names = "--length-penalty",
            paramLabel = "X",
            description = "With --beams: a reply's log probability is divided by its length to this power; 1, the"
                    + " default, is the average, less prefers shorter replies.")
    private @Nullable Double lengthPenalty;

    @Option(
            names = "--logprobs",
            paramLabel = "N",
            description = "With --json: log probabilities of each token and of" + " the N likeliest in its place.")
    private @Nullable Integer logprobs;

    @Option(
            names = {"-q", "--quiet"},
            description = "No figures on standard error.")
    private boolean quiet;

    /** Whether the prompt is what a user says, or a text to go on with. */
    private static final class Form {
        @Option(
                names = "--chat",
                description =
                        "The prompt is a message: write it as the chat template wants. The default for models with"
                                + " a template.")
        private boolean chat;

        @Option(
                names = "--raw",
                description = "The prompt is a text to continue. The default for models without a template.")
        private boolean raw;
    }

    @Override
    public Integer call() throws IOException {
        sampling.check();
        engine.check();
        adapting.check();
        if (logprobs != null && (logprobs < 0 || !common.wantsJson())) {
            throw common.wrongUsage(
                    logprobs < 0
                            ? "--logprobs must not be negative, was " + logprobs
                            : "--logprobs goes with --json FILE");
        }
        Beams search = search();
        if (search != null && adapting.adaptive()) {
            throw common.wrongUsage("--adaptive adapts between a prompt and its reply, and --beams has no such place");
        }
        String text = prompt();
        try (var opened = engine.open(ModelFolder.of(model), adapting, common.screen())) {
            boolean chat = form.chat || (opened.hasChatTemplate() && !form.raw);
            if (chat && !opened.hasChatTemplate()) {
                throw new Refusal(model + " has no chat template, so there is no --chat; --raw continues the prompt");
            }
            if (system != null && !chat) {
                throw new Refusal("--system goes with a chat template; "
                        + (form.raw ? "--raw applies none" : model + " has none"));
            }
            Sampling chosen = sampling.over(opened.recommendedSampling(), chat);
            if (logprobs != null) {
                chosen = chosen.withLogprobs(logprobs);
            }
            Screen screen = common.screen();
            BooleanSupplier stop = common.interruption()::requested;
            Reply reply = search != null
                    ? found(opened, text, chat, search.withMaxTokens(chosen.maxTokens()), stop)
                    : chat
                            ? opened.chat(messages(text), chosen, this::print, stop)
                            : opened.generate(text, chosen, this::print, stop);
            screen.say("");
            if (!quiet) {
                screen.remark(screen.errStyle().dim(ReplyFigures.of(reply)));
            }
            if (reply.finish() == FinishReason.CANCELLED) {
                common.interruption().check();
            }
            var json = new LinkedHashMap<String, Object>();
            json.put("model", model.toString());
            json.put("prompt", text);
            json.putAll(ReplyJson.of(reply, opened.tokenizer()));
            common.writeJson(json);
            return 0;
        }
    }

    /** How to search for a reply; null if its tokens are drawn one by one. */
    private @Nullable Beams search() {
        if (beams == null) {
            if (lengthPenalty != null) {
                throw common.wrongUsage("--length-penalty goes with --beams N");
            }
            return null;
        }
        sampling.refuseDrawing("--beams");
        if (logprobs != null && logprobs > 0) {
            throw common.wrongUsage("--beams reports no tokens beside the chosen ones: take --logprobs 0");
        }
        try {
            Beams search = Beams.of(beams);
            return lengthPenalty == null ? search : search.withLengthPenalty(lengthPenalty);
        } catch (IllegalArgumentException e) {
            throw common.wrongUsage(String.valueOf(e.getMessage()));
        }
    }

    private Reply found(LanguageModel opened, String text, boolean chat, Beams search, BooleanSupplier stop) {
        Reply reply = chat ? opened.search(messages(text), search, stop) : opened.search(text, search, stop);
        print(reply.text());
        return reply;
    }

    private List<Message> messages(String text) {
        Message asked = Message.user(text);
        return system == null ? List.of(asked) : List.of(Message.system(system), asked);
    }

    private void print(String piece) {
        Screen screen = common.screen();
        screen.out().print(screen.outTerminal() ? TerminalText.safe(piece) : piece);
        screen.out().flush();
    }

    private String prompt() throws IOException {
        if (prompt != null && !prompt.equals("-")) {
            return nonempty(prompt, "--prompt is empty");
        }
        if (prompt == null && Screen.keyboard()) {
            throw common.wrongUsage("there is no prompt: give --prompt TEXT, or --prompt - to type one");
        }
        String piped = new String(common.screen().in().readAllBytes(), StandardCharsets.UTF_8);
        return nonempty(piped.replaceFirst("\\R\\z", ""), "standard input has no prompt");
    }

    private String nonempty(String text, String complaint) {
        if (text.isBlank()) {
            throw common.wrongUsage(complaint);
        }
        return text;
    }
}
