package awq4j.cli;

import awq4j.format.Checkpoint;
import awq4j.quant.checkpoint.Conversion;
import awq4j.quant.checkpoint.ConversionPlan;
import awq4j.quant.checkpoint.ConversionPlan.PlannedMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** {@code awq4j convert --to FORM}: the weights in a form that other programs read. */
final class FormConversion {
    private static final int ROUNDS = 10;

    private final Checkpoint checkpoint;
    private final Path model;
    private final CommonOptions common;

    /** @param model as the user named it */
    FormConversion(Checkpoint checkpoint, Path model, CommonOptions common) {
        this.checkpoint = checkpoint;
        this.model = model;
        this.common = common;
    }

    /**
     * Converts.
     *
     * @param lossy whether something may be lost
     */
    void run(String form, Path output, boolean lossy, boolean force) throws IOException {
        long start = System.nanoTime();
        var conversion = Conversion.of(checkpoint, form, output, force);
        ConversionPlan plan;
        long bytes;
        try (var _ = common.interruption().onInterrupt(() -> removeUnfinished(conversion));
                var steps = new Steps()) {
            plan = conversion.plan(steps);
            steps.end();
            if (!plan.exact() && !lossy) {
                throw new Refusal(form + " cannot hold all of " + model + " as it is: " + losses(plan)
                        + "; --lossy accepts that");
            }
            if (!plan.exact()) {
                common.screen().remark("lost on the way: " + losses(plan));
            }
            bytes = conversion.write(plan, steps);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        common.screen()
                .say("wrote " + output + ": " + summary(plan) + ", " + Figures.bytes(bytes) + ", in "
                        + Figures.fixed(seconds, 1) + " s");
        conversion.target().remarks(plan).forEach(common.screen()::remark);
        common.writeJson(json(form, output, plan, bytes, seconds));
    }

    private static String summary(ConversionPlan plan) {
        int coded = plan.coded().size();
        if (coded == 0) {
            return plan.matrices().size() + " matrices";
        }
        long same = plan.coded().stream()
                .filter(planned -> planned.loss().isEmpty())
                .count();
        return coded + " matrices of codes, "
                + (same == coded ? "all as they were" : same == 0 ? "none as they were" : same + " as they were");
    }

    /** What is lost, of how many, and how much. */
    private static String losses(ConversionPlan plan) {
        String reasons = plan.reasons().entrySet().stream()
                .map(reason -> matrices(reason.getValue()) + ": " + reason.getKey())
                .collect(Collectors.joining("; "));
        int others = plan.lossyTensors().size();
        String tensors = others == 0
                ? ""
                : (reasons.isEmpty() ? "" : "; ") + others + (others == 1 ? " other tensor" : " other tensors")
                        + ": values finer than float16, rounded";
        String worst = plan.lossy().size() < 2
                ? ""
                : ", " + percent(plan.worst().relativeError()) + " in "
                        + plan.worst().matrix().name();
        return reasons + tensors + " (weights change by " + percent(plan.relativeError()) + worst + ")";
    }

    private static String matrices(int count) {
        return count + (count == 1 ? " matrix" : " matrices");
    }

    private static String percent(double part) {
        return Figures.significant(100 * part) + " %";
    }

    private static Map<String, Object> json(String form, Path output, ConversionPlan plan, long bytes, double seconds) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("output", output.toString());
        json.put("form", form);
        json.put("matrices", plan.matrices().size());
        json.put("matrices_of_codes", plan.coded().size());
        json.put("bytes", bytes);
        json.put("seconds", seconds);
        json.put("exact", plan.exact());
        json.put("relative_error", plan.relativeError());
        json.put("losses", plan.reasons());
        json.put(
                "changed",
                plan.lossy().stream()
                        .collect(Collectors.toMap(
                                planned -> planned.matrix().name(),
                                PlannedMatrix::relativeError,
                                (a, b) -> a,
                                LinkedHashMap::new)));
        json.put("other_tensors_changed", plan.lossyTensors().size());
        return json;
    }

    /** The writer may still be at work: what appears meanwhile is deleted in the next round. */
    private static void removeUnfinished(Conversion conversion) {
        for (int round = 0; round < ROUNDS; round++) {
            try {
                conversion.removeUnfinished();
                return;
            } catch (UncheckedIOException e) {
                System.getLogger(FormConversion.class.getName())
                        .log(System.Logger.Level.DEBUG, "cannot remove what is unfinished yet: " + e);
            }
        }
    }

    /** A gauge for each step. */
    private final class Steps implements Conversion.Watch, AutoCloseable {
        private String step = "";
        private @Nullable Gauge gauge;

        @Override
        public void at(String now, int done, int all) {
            common.interruption().check();
            if (gauge == null || !now.equals(step)) {
                end();
                step = now;
                gauge = Gauge.start(common.screen(), now, Math.max(1, all));
            }
            gauge.at(done, "");
        }

        void end() {
            if (gauge != null) {
                gauge.close();
                gauge = null;
            }
        }

        @Override
        public void close() {
            end();
        }
    }
}
