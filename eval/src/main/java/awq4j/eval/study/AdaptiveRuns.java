package awq4j.eval.study;

import awq4j.eval.Divergence;
import awq4j.eval.Estimate;
import awq4j.eval.Predictor;
import awq4j.eval.Windows;
import awq4j.eval.study.StudySettings.Domain;
import awq4j.model.Parameters;
import awq4j.model.Transformer;
import awq4j.quant.AdaptiveModel;
import awq4j.quant.AdaptiveModel.Change;
import awq4j.quant.QuantScheme;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The models of {@link AdaptiveStudy}, kept from point to point: a stream is read once, unless a study is resumed. */
final class AdaptiveRuns {
    private final Workbench bench;
    private final Map<Domain, int[][]> texts = new HashMap<>();
    private final Map<Domain, Divergence.Result> baselines = new HashMap<>();
    private final Map<StreamKind, Stream> streams = new HashMap<>();
    private @Nullable Predictor baseline;

    AdaptiveRuns(Workbench bench) {
        this.bench = bench;
    }

    /** Two kinds of text: what models are calibrated on, and what they meet. */
    Domain first() {
        return bench.settings().domains().getFirst();
    }

    Domain second() {
        return bench.settings().domains().getLast();
    }

    /** Calibration sequences, of which none is measured on. */
    int[][] text(Domain domain) {
        StudySettings settings = bench.settings();
        int length = settings.length(bench.model().contextLength());
        return texts.computeIfAbsent(
                domain,
                it -> it.calibration()
                        .cut(bench.tokenizer(), settings.samples(), length)
                        .sequences());
    }

    /**
     * What models read on their way: text of the second kind, or as much of the first that they were not calibrated on; where
     * there is no more of it, the same again.
     */
    private int[][] stream(StreamKind kind) {
        if (kind.shifted) {
            return text(second());
        }
        int[][] used = text(first());
        int[][] all = first().calibration()
                .cut(bench.tokenizer(), Integer.MAX_VALUE, used[0].length)
                .sequences();
        int[][] stream = new int[text(second()).length][];
        for (int i = 0; i < stream.length; i++) {
            int fresh = used.length + 1 + i; // the one between may hold the end of a used text
            stream[i] = all[fresh < all.length ? fresh : i % all.length];
        }
        return stream;
    }

    /**
     * What is read and when models adapt.
     *
     * @param shifted whether it is text of the second kind
     */
    record StreamKind(double threshold, boolean shifted) {}

    /** Half of a window is the prompt, and how models go on is measured. */
    Windows windows(Domain domain) {
        Windows all = bench.windows(domain.text());
        return all.behind(all.size() / 2);
    }

    private AdaptiveModel.Settings settings(int bits) {
        var scheme = new QuantScheme(bits, bench.groupSizes().getFirst(), false, QuantScheme.Range.REFERENCE);
        return AdaptiveModel.Settings.DEFAULT.withScheme(scheme);
    }

    /** A model at full precision that can adapt, and what runs it. */
    record Live(Transformer transformer, AdaptiveModel model, Predictor predictor) {}

    Live live(AdaptiveModel.Settings settings) {
        Transformer transformer =
                Transformer.open(bench.backend(), bench.model(), bench.checkpoint(), Transformer.DEFAULT_CHUNK);
        var model = new AdaptiveModel(transformer, Parameters.of(bench.checkpoint()), settings);
        return new Live(transformer, model, Workbench.predictor(transformer));
    }

    /** The model calibrated on one kind of text; on none for plain rounding. */
    Live calibrated(@Nullable Domain on, AdaptiveModel.Settings settings) {
        Live live = live(settings);
        if (on != null) {
            int[][] sequences = text(on);
            for (int i = 0; i < sequences.length; i++) {
                bench.watch().step("calibrating", i, sequences.length);
                live.model.calibrate(new int[][] {sequences[i]});
            }
        }
        live.model.start();
        return live;
    }

    /** The same with settings as usual. */
    Live calibrated(@Nullable Domain on) {
        return calibrated(on, settings(AdaptiveStudy.BITS));
    }

    /** Calibrated on the first kind of text, reading on. */
    final class Stream {
        private final Live live;
        private final int[][] text;
        private int sequences;
        private int derived;

        Stream(Live live, int[][] text) {
            this.live = live;
            this.text = text;
        }

        Live live() {
            return live;
        }

        /** Reads on, adapting after each sequence; the numbers say what the last of them moved, and what all of them did. */
        Map<String, Estimate> reach(int wanted) {
            List<Change> drifts = live.model.drifts();
            for (; sequences < wanted; sequences++) {
                bench.watch().step("reading", sequences, wanted);
                live.model.read(new int[][] {text[sequences]});
                drifts = live.model.drifts();
                derived += live.model.adapt().size();
            }
            var numbers = new LinkedHashMap<String, Estimate>();
            numbers.put(
                    AdaptiveStudy.DRIFT,
                    Estimate.exact(
                            drifts.stream().mapToDouble(Change::drift).average().orElse(0)));
            numbers.put(
                    AdaptiveStudy.LARGEST,
                    Estimate.exact(
                            drifts.stream().mapToDouble(Change::drift).max().orElse(0)));
            numbers.put(AdaptiveStudy.DERIVED, Estimate.exact(derived));
            return numbers;
        }
    }

    /** The stream of a kind, having read so much at most. */
    Stream stream(StreamKind kind, int sequences) {
        Stream known = streams.get(kind);
        if (known == null || known.sequences > sequences) {
            Live live = calibrated(first(), settings(AdaptiveStudy.BITS).withThreshold(kind.threshold));
            known = new Stream(live, stream(kind));
            streams.put(kind, known);
        }
        return known;
    }

    /** The threshold that models have unless told otherwise. */
    static double usualThreshold() {
        return AdaptiveModel.Settings.DEFAULT.threshold();
    }

    /** Quantizes the model for each text anew, by the prompt that the text begins with. */
    final class PerInput implements Predictor {
        private final Live live;
        private final int prompt;
        private final boolean alone;
        private boolean begun;

        /**
         * Made for one text after another.
         *
         * @param alone whether nothing but the prompt counts; else it counts half, and what was there before the rest: the
         *     prompts before it, and the first kind of text
         */
        PerInput(boolean alone) {
            this.alone = alone;
            prompt = bench.text().size() / 2;
            AdaptiveModel.Settings settings =
                    settings(AdaptiveStudy.BITS).withEvery(1).withThreshold(0).withHalfLife(Math.max(1, prompt));
            live = alone ? live(settings) : calibrated(first(), settings);
            live.model.watching(false);
        }

        @Override
        public int vocabulary() {
            return live.predictor.vocabulary();
        }

        @Override
        public int contextLength() {
            return live.predictor.contextLength();
        }

        @Override
        public int chunk() {
            return Math.min(prompt, live.predictor.chunk());
        }

        @Override
        public void begin(int length) {
            live.predictor.begin(length);
            begun = false;
        }

        @Override
        public float[] next(int[] tokens) {
            if (!begun) {
                begun = true;
                AdaptiveModel model = live.model;
                model.watching(true);
                if (alone) {
                    model.reset();
                    model.calibrate(new int[][] {tokens});
                    model.start();
                } else {
                    model.read(new int[][] {tokens});
                    model.adapt();
                }
                model.watching(false);
            }
            return live.predictor.next(tokens);
        }
    }

    /** How a model does on one kind of text, also beside the model that was calibrated on the first kind and stayed so. */
    Map<String, Estimate> quality(Live live, Domain on) {
        live.model.watching(false);
        Map<String, Estimate> numbers = quality(live.predictor, on);
        live.model.watching(true);
        return numbers;
    }

    Map<String, Estimate> quality(Predictor predictor, Domain on) {
        Divergence.Result result = measure(predictor, on);
        var numbers = new LinkedHashMap<String, Estimate>();
        numbers.put(Workbench.KL, result.divergence());
        numbers.put(AdaptiveStudy.CHANGE, result.against(baseline(on)));
        numbers.put(Workbench.PERPLEXITY, result.b().perplexity());
        numbers.put(Workbench.AGREEMENT, result.agreement());
        return numbers;
    }

    private Divergence.Result baseline(Domain on) {
        Divergence.Result known = baselines.get(on);
        if (known == null) {
            Predictor still = baseline;
            if (still == null) {
                Live live = calibrated(first());
                live.model.watching(false);
                still = live.predictor;
                baseline = still;
            }
            known = measure(still, on);
            baselines.put(on, known);
        }
        return known;
    }

    private Divergence.Result measure(Predictor predictor, Domain on) {
        return Divergence.measure(
                bench.original(),
                predictor,
                windows(on),
                (done, all, soFar) -> bench.watch().step("measuring", done, all));
    }

    /** Sequences to read until each point of a stream: none, one, two, four, ... as far as there is text. */
    int[] positions() {
        int all = text(second()).length;
        return IntStream.concat(IntStream.of(0), IntStream.iterate(1, n -> n <= all, n -> 2 * n))
                .limit(AdaptiveStudy.POSITIONS)
                .toArray();
    }

    /** Tokens of so many sequences. */
    int tokens(int sequences) {
        return sequences * text(second())[0].length;
    }

    /** How the model at full precision does: what the others are compared with. */
    Map<String, Estimate> original(Domain on) {
        Map<String, Estimate> numbers = bench.qualityOfOriginal(windows(on));
        numbers.keySet().retainAll(Arrays.asList(Workbench.KL, Workbench.PERPLEXITY));
        return numbers;
    }
}
