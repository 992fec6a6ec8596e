package awq4j.eval.study;

import awq4j.eval.Divergence;
import awq4j.eval.Estimate;
import awq4j.eval.Predictor;
import awq4j.eval.Windows;
import awq4j.kernel.AttentionShape;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Keys and values in fewer bits, in contexts of several lengths. */
final class KvStudy {
    private static final String KV = "kv";
    private static final String CONTEXT = "context";
    private static final String READ = "kv_bytes";
    private static final String POSITION = "kv_bytes_position";

    private static final List<KvPrecision> ROUNDED = List.of(KvPrecision.F16, KvPrecision.I8, KvPrecision.I4);

    static final Study STUDY = new Study(
            "kv",
            "Keys and values in fewer bits",
            "What the model loses when keys and values are kept in FP16, 8 and 4 bits, and what a token then reads.",
            Map.of(
                    KV,
                    "keys and values",
                    CONTEXT,
                    "tokens of a window",
                    Workbench.KL,
                    "KL to FP32, nats a token",
                    Workbench.RISE,
                    "perplexity above FP32, %",
                    READ,
                    "bytes read by the last token",
                    POSITION,
                    "bytes of an old position"),
            KvStudy::points,
            List.of(
                    View.line("Divergence and context", CONTEXT, Workbench.KL)
                            .by(KV)
                            .logY()
                            .note("In windows that are no longer than " + KvPrecision.RECENT
                                    + " tokens INT4 reads nothing but float16."),
                    View.scatter("Memory and divergence", READ, Workbench.KL)
                            .by(KV)
                            .panels(CONTEXT)
                            .logY()
                            .note(
                                    "Down and to the left is better: fewer bytes for the last token of a window, less lost."),
                    View.bar("Memory", CONTEXT, READ)
                            .by(KV)
                            .note("What attention reads for the last token of a window, in all blocks."),
                    View.table("Loss", List.of(CONTEXT, KV), "", Workbench.PERPLEXITY, Workbench.RISE, Workbench.KL),
                    View.table("Memory in numbers", List.of(CONTEXT, KV), "", READ, POSITION)));

    private KvStudy() {}

    private static List<Point> points(Workbench bench) {
        var points = new ArrayList<Point>();
        int window = bench.text().size();
        for (int parts : new int[] {4, 2, 1}) {
            int size = Math.max(2, window / parts);
            points.add(new Point(Row.labels(CONTEXT, size), it -> measure(it, size)));
        }
        return points;
    }

    private static List<Row> measure(Workbench bench, int size) {
        int windows = Math.max(1, bench.text().count() * (bench.text().size() / size));
        Windows text = Windows.of(bench.tokenizer().encode(bench.settings().text()), size)
                .limit(windows);
        List<Predictor> predictors = ROUNDED.stream().map(bench::original).toList();
        List<Divergence.Result> results = Divergence.measure(
                bench.original(),
                predictors,
                text,
                (done, all, soFar) -> bench.watch().step("measuring", done, all));
        var rows = new ArrayList<Row>();
        var exact = new LinkedHashMap<String, Estimate>();
        exact.put(Workbench.PERPLEXITY, results.getFirst().a().perplexity());
        exact.put(Workbench.RISE, Estimate.exact(0));
        exact.put(Workbench.KL, Estimate.exact(0));
        rows.add(row(bench, KvPrecision.F32, size, exact));
        for (int i = 0; i < ROUNDED.size(); i++) {
            Divergence.Result result = results.get(i);
            var numbers = new LinkedHashMap<String, Estimate>();
            numbers.put(Workbench.PERPLEXITY, result.b().perplexity());
            numbers.put(Workbench.RISE, result.rise());
            numbers.put(Workbench.KL, result.divergence());
            numbers.put(Workbench.AGREEMENT, result.agreement());
            rows.add(row(bench, ROUNDED.get(i), size, numbers));
        }
        return rows;
    }

    private static Row row(Workbench bench, KvPrecision kv, int size, Map<String, Estimate> quality) {
        long read = 0;
        long position = 0;
        for (BlockSpec block : bench.model().blocks()) {
            AttentionShape shape = block.attention().shape();
            int first = shape.window() == 0 ? 0 : Math.max(0, size - shape.window());
            read += 2L * shape.kvHeads() * kv.bytesRead(first, size - 1, shape.headDim());
            position += 2L * shape.kvHeads() * kv.bytes(shape.headDim());
        }
        var numbers = new LinkedHashMap<>(quality);
        numbers.put(READ, Estimate.exact((double) read));
        numbers.put(POSITION, Estimate.exact((double) position));
        String label = switch (kv) {
            case F32 -> "FP32";
            case F16 -> "FP16";
            case I8 -> "INT8";
            case I4 -> "INT4";
        };
        return new Row(Row.labels(KV, label), numbers);
    }
}
