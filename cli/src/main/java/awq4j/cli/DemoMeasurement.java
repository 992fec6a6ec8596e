package awq4j.cli;

import awq4j.demo.DemoModel;
import awq4j.eval.DecodeSpeed;
import awq4j.eval.Divergence;
import awq4j.eval.Estimate;
import awq4j.eval.MeasuredModel;
import awq4j.eval.Predictor;
import awq4j.eval.Windows;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The demo's models side by side.
 *
 * @param rows the original first
 * @param tokens that perplexity and divergence were measured on
 * @param window tokens read at a time
 * @param backend what computed
 */
record DemoMeasurement(List<DemoRow> rows, long tokens, int window, String backend) {
    /**
     * Measures.
     *
     * @param folder of each model
     * @param quantizeSeconds of each model, NaN for the original
     */
    static DemoMeasurement of(
            DemoSteps steps,
            CpuOptions cpu,
            Demo.Budget budget,
            Function<DemoVariant, Path> folder,
            Function<DemoVariant, Double> quantizeSeconds)
            throws IOException {
        var models = new ArrayList<MeasuredModel>();
        try (Backend backend = CpuBackend.open(cpu)) {
            for (DemoVariant variant : DemoVariant.ALL) {
                models.add(MeasuredModel.open(folder.apply(variant), backend));
            }
            MeasuredModel original = models.getFirst();
            int[] tokens = original.tokens(DemoModel.heldOut());
            Windows windows =
                    Windows.of(tokens, original.predictor().contextLength()).limit(budget.windows());
            List<Divergence.Result> results = compare(steps, models, windows);
            double[] speeds = speeds(steps, models, Arrays.copyOf(tokens, budget.decodeTokens()), budget.decodeRuns());
            var rows = new ArrayList<DemoRow>();
            for (int i = 0; i < models.size(); i++) {
                DemoVariant variant = DemoVariant.ALL.get(i);
                Divergence.Result result = results.get(Math.max(0, i - 1));
                rows.add(new DemoRow(
                        variant,
                        weightBytes(folder.apply(variant)),
                        (i == 0 ? result.a() : result.b()).perplexity(),
                        i == 0 ? new Estimate(0, 0) : result.divergence(),
                        speeds[i],
                        quantizeSeconds.apply(variant)));
            }
            return new DemoMeasurement(rows, windows.predictions(), windows.size(), backend.name());
        } finally {
            models.forEach(MeasuredModel::close);
        }
    }

    private static List<Divergence.Result> compare(DemoSteps steps, List<MeasuredModel> models, Windows windows) {
        List<Predictor> predictors =
                models.stream().map(MeasuredModel::predictor).toList();
        String what = "all measured on " + Figures.grouped(windows.predictions()) + " tokens of held-out text";
        return steps.run(
                "measuring",
                what,
                windows.predictions(),
                gauge -> Divergence.measure(
                        predictors.getFirst(),
                        predictors.subList(1, predictors.size()),
                        windows,
                        (done, all, soFar) -> gauge.at(done, "")));
    }

    private static double[] speeds(DemoSteps steps, List<MeasuredModel> models, int[] tokens, int runs) {
        double[] speeds = new double[models.size()];
        String what = "speed taken, each the median of " + runs + " runs of " + tokens.length + " tokens";
        return steps.run("speed", what, 100L * models.size(), gauge -> {
            for (int i = 0; i < speeds.length; i++) {
                int before = 100 * i;
                speeds[i] = DecodeSpeed.median(
                        models.get(i).transformer(),
                        tokens,
                        runs,
                        (done, all, soFar) -> gauge.at(before + 100 * done / all, ""));
            }
            return speeds;
        });
    }

    private static long weightBytes(Path model) throws IOException {
        try (Stream<Path> files = Files.list(model)) {
            long bytes = 0;
            for (Path file :
                    files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
                bytes += Files.size(file);
            }
            return bytes;
        }
    }
}
