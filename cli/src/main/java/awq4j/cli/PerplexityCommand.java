package awq4j.cli;

import awq4j.eval.Estimate;
import awq4j.eval.MeasuredModel;
import awq4j.eval.Perplexity;
import awq4j.eval.Windows;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code awq4j eval perplexity}: how well a model predicts a text. */
@Command(
        name = "perplexity",
        description = {
            "Measure how well a model predicts a text; lower is better.",
            "The protocol is that of the published WikiText-2 numbers: the text is tokenized once and cut into windows,"
                    + " each read by itself; the result is e to the mean of the windows' mean losses."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  awq4j eval perplexity my-model --text wiki.test.raw",
            "  awq4j eval perplexity my-model --text book.txt --window 512 --limit-windows 8"
        })
final class PerplexityCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Parameters(paramLabel = "MODEL", description = "Folder or .gguf file of the model, or ORG/MODEL.")
    @SuppressWarnings("NullAway.Init") // required
    private Path model;

    @Mixin
    private TextOptions text = new TextOptions();

    @Mixin
    private EvaluationOptions evaluation = new EvaluationOptions();

    @Override
    public Integer call() throws IOException {
        text.check();
        common.checkJson();
        Screen screen = common.screen();
        String read = text.read();
        try (Backend backend = CpuBackend.open(evaluation.cpu());
                MeasuredModel opened = MeasuredModel.open(ModelFolder.of(model), backend, evaluation.kv())) {
            Windows windows =
                    text.windows(opened.tokens(read), opened.predictor().contextLength(), screen);
            long start = System.nanoTime();
            Perplexity.Result result;
            try (Gauge gauge = Gauge.start(screen, "perplexity", windows.predictions())) {
                result = Perplexity.measure(opened.predictor(), windows, (done, all, soFar) -> {
                    common.interruption().check();
                    gauge.at(done, Double.isNaN(soFar) ? "" : Figures.fixed(soFar, 2));
                });
            }
            report(screen, backend, windows, result, (System.nanoTime() - start) / 1e9);
        }
        return 0;
    }

    private void report(Screen screen, Backend backend, Windows windows, Perplexity.Result result, double seconds)
            throws IOException {
        Estimate perplexity = result.perplexity();
        screen.say("perplexity   "
                + screen.outStyle().bold(Estimates.text(perplexity, Estimates.places(perplexity, 2)))
                + (result.windows() > 1 ? "   (standard error over windows)" : ""));
        text.description(windows).forEach(screen::say);
        screen.say("speed        " + Figures.fixed(result.tokens() / seconds, 1) + " tokens/s, " + backend.name());
        var json = new LinkedHashMap<String, Object>();
        json.put("model", model.toString());
        text.describe(windows, json);
        Estimates.put(json, "perplexity", perplexity);
        Estimates.put(json, "loss", result.loss());
        json.put("seconds", seconds);
        json.put("tokens_per_second", result.tokens() / seconds);
        json.put("backend", backend.name());
        common.writeJson(json);
    }
}
