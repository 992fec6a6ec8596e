package awq4j.cli;

import awq4j.Conversation;
import awq4j.LanguageModel;
import awq4j.runtime.Sampling;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code awq4j chat}: a conversation in the terminal, or of the lines that are piped in. */
@Command(
        name = "chat",
        description = "Talk to a model. Type /help for what can be done; Ctrl-C stops an answer, Ctrl-D leaves.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  awq4j chat DIR",
            "  awq4j chat DIR --system \"Answer briefly.\" --temperature 0.7 --seed 1",
            "  awq4j chat DIR < questions.txt"
        })
final class ChatCommand implements Callable<Integer> {
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

    @Option(names = "--system", paramLabel = "TEXT", description = "Instructions that stand before the conversation.")
    private @Nullable String system;

    @Override
    public Integer call() throws IOException {
        sampling.check();
        engine.check();
        adapting.check();
        Path folder = ModelFolder.of(model);
        Screen screen = common.screen();
        try (var opened = engine.open(folder, adapting, screen)) {
            Conversation conversation = opened.newConversation();
            if (system != null) {
                conversation.system(system);
            }
            Sampling chosen = sampling.over(opened.recommendedSampling(), opened.hasChatTemplate());
            String name = ModelFolder.name(folder);
            var transcript = new Transcript(name);
            try (ChatInput input = input(screen)) {
                greet(screen, name, opened);
                new ChatLoop(screen, input, conversation, chosen, transcript).run();
            }
            if (common.wantsJson()) {
                common.writeJson(transcript.json(conversation.messages()));
            }
        }
        return 0;
    }

    private ChatInput input(Screen screen) throws IOException {
        if (!screen.outTerminal() || !Screen.keyboard()) {
            return new PipedInput(screen.in(), common.interruption());
        }
        Path history = ChatHistory.file(System.getenv(), Path.of(System.getProperty("user.home", ".")));
        return new KeyboardInput(KeyboardInput.systemTerminal(), history, ChatLoop.COMMANDS, screen.outStyle());
    }

    private static void greet(Screen screen, String name, LanguageModel model) {
        Style style = screen.errStyle();
        if (screen.outTerminal()) {
            screen.remark(style.dim(name + ": " + model.spec().family() + ", " + Figures.bytes(model.sizeBytes())
                    + " of weights, " + model.device() + ", context "
                    + ReplyFigures.tokens(model.contextLength()) + ". /help says more."));
        }
        if (!model.hasChatTemplate()) {
            screen.remark(
                    style.dim("This model has no chat template: it does not answer, it continues what you write."));
        }
    }
}
