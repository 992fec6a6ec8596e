package awq4j.cli;

import awq4j.eval.Divergence;
import awq4j.eval.Estimate;
import awq4j.eval.MeasuredModel;
import awq4j.eval.Perplexity;
import awq4j.eval.Windows;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code awq4j eval compare}: how far one model is from another. */
@Command(
        name = "compare",
        description = {
            "Measure how far model B is from model A, normally its original, on a text.",
            "The Kullback-Leibler divergence sees every change of every prediction, so it tells models apart whose"
                    + " perplexities differ by less than their error. Both must have the same tokenizer."
        },
        footerHeading = "%nExample:%n",
        footer = {"  awq4j eval compare my-model my-model-awq --text wiki.raw --limit-windows 20"})
final class CompareCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Parameters(index = "0", paramLabel = "A", description = "Folder of the model that is the measure.")
    @SuppressWarnings("NullAway.Init") // required
    private Path first;

    @Parameters(index = "1", paramLabel = "B", description = "Folder of the model that is measured.")
    @SuppressWarnings("NullAway.Init") // required
    private Path second;

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
                MeasuredModel a = MeasuredModel.open(ModelFolder.of(first), backend);
                MeasuredModel b = MeasuredModel.open(ModelFolder.of(second), backend, evaluation.kv())) {
            int context = Math.min(a.predictor().contextLength(), b.predictor().contextLength());
            Windows windows = text.windows(MeasuredModel.tokens(read, a, b), context, screen);
            long start = System.nanoTime();
            Divergence.Result result;
            try (Gauge gauge = Gauge.start(screen, "comparing", windows.predictions())) {
                result = Divergence.measure(a.predictor(), b.predictor(), windows, (done, all, soFar) -> {
                    common.interruption().check();
                    gauge.at(done, Double.isNaN(soFar) ? "" : "KL " + Figures.significant(soFar));
                });
            }
            report(screen, backend, windows, result, (System.nanoTime() - start) / 1e9);
        }
        return 0;
    }

    private void report(Screen screen, Backend backend, Windows windows, Divergence.Result result, double seconds)
            throws IOException {
        Estimate divergence = result.divergence();
        Estimate agreement = result.agreement().times(100);
        screen.say("divergence   "
                + screen.outStyle().bold(Estimates.text(divergence, Estimates.places(divergence, 4)))
                + " nats a token, KL(A || B)");
        screen.say("agreement    " + Estimates.text(agreement, 2) + " % of tokens have the same likeliest successor");
        screen.say("perplexity   " + line(result.a()) + "   A, " + first);
        screen.say("             " + line(result.b()) + "   B, " + second);
        text.description(windows).forEach(screen::say);
        double speed = result.a().tokens() / seconds;
        screen.say("speed        " + Figures.fixed(speed, 1) + " tokens/s through both, " + backend.name());
        var json = new LinkedHashMap<String, Object>();
        json.put("a", model(first, result.a()));
        json.put("b", model(second, result.b()));
        text.describe(windows, json);
        Estimates.put(json, "kl", divergence);
        Estimates.put(json, "agreement", result.agreement());
        json.put("seconds", seconds);
        json.put("tokens_per_second", speed);
        json.put("backend", backend.name());
        common.writeJson(json);
    }

    private static String line(Perplexity.Result result) {
        return Estimates.text(result.perplexity(), Estimates.places(result.perplexity(), 2));
    }

    private static Map<String, Object> model(Path folder, Perplexity.Result result) {
        var json = new LinkedHashMap<String, Object>();
        json.put("model", folder.toString());
        Estimates.put(json, "perplexity", result.perplexity());
        Estimates.put(json, "loss", result.loss());
        return json;
    }
}
