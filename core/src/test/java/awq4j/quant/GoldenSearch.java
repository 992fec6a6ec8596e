package awq4j.quant;

import awq4j.format.safetensors.SafetensorsFile;
import awq4j.model.BlockSpec;
import awq4j.model.ScaleGroup;
import awq4j.quant.QuantScheme.Range;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A reference's search, {@code MODEL/FILE.json} and {@code .safetensors}, and ours with the same settings. */
record GoldenSearch(
        String model,
        String file,
        QuantScheme scheme,
        Scaling scaling,
        List<Group> groups,
        Map<String, float[]> tensors) {
    private static final Map<String, GoldenSearch> READ = new ConcurrentHashMap<>();
    private static final Map<String, Ours> RUN = new ConcurrentHashMap<>();

    /** What the reference found for one group of the model, in folding order. */
    record Group(int index, String fold, List<String> linears, double ratio, double[] losses) {}

    /** What we found. */
    record Ours(
            List<ScaleSearch.Found> found,
            List<float[]> meanAbs,
            List<float[]> meanWeight,
            Map<String, ClipSearch.Clips> clips,
            List<QuantizedBlock> blocks,
            double perplexity) {}

    static GoldenSearch read(String model, String file) {
        return READ.computeIfAbsent(model + "/" + file, key -> parse(model, file));
    }

    private static GoldenSearch parse(String model, String file) {
        JsonNode json = new JsonMapper().readTree(Golden.path("quantization/" + model + "/" + file + ".json"));
        int bits = json.get("w_bit").intValue();
        int size = json.get("q_group_size").intValue();
        boolean duo = json.has("duo_scaling") && json.get("duo_scaling").booleanValue();
        var groups = new ArrayList<Group>();
        for (JsonNode node : json.get("scale")) {
            var linears = new ArrayList<String>();
            node.get("layers").forEach(name -> linears.add(name.stringValue()));
            double[] losses = new double[node.get("loss_history").size()];
            for (int i = 0; i < losses.length; i++) {
                losses[i] = node.get("loss_history").get(i).doubleValue();
            }
            groups.add(new Group(
                    node.get("index").intValue(),
                    node.get("prev_op").stringValue(),
                    linears,
                    node.get("best_ratio").doubleValue(),
                    losses));
        }
        var tensors = new HashMap<String, float[]>();
        try (var open = SafetensorsFile.open(Golden.path("quantization/" + model + "/" + file + ".safetensors"))) {
            for (String name : open.names()) {
                tensors.put(name, open.tensor(name).toFloats());
            }
        }
        return new GoldenSearch(
                model,
                file,
                new QuantScheme(bits, size, false, Range.REFERENCE),
                duo ? Scaling.DUO : Scaling.PLAIN,
                groups,
                tensors);
    }

    float[] tensor(String name) {
        float[] values = tensors.get(name);
        if (values == null) {
            throw new IllegalArgumentException(model + "/" + file + " has no " + name);
        }
        return values;
    }

    /** The reference's result as a recipe of one block. */
    BlockRecipe recipe(BlockSpec spec) {
        var scales = new ArrayList<BlockRecipe.GroupScale>();
        for (ScaleGroup group : spec.scaleGroups()) {
            Group golden = golden(group);
            scales.add(new BlockRecipe.GroupScale(
                    golden.fold(), golden.linears(), golden.ratio(), tensor("scale." + golden.index() + ".scales")));
        }
        var clips = new HashMap<String, float[]>();
        spec.linears().forEach(linear -> {
            if (tensors.containsKey("clip." + linear.name())) {
                clips.put(linear.name(), tensor("clip." + linear.name()));
            }
        });
        return new BlockRecipe(spec.index(), scales, clips);
    }

    private Group golden(ScaleGroup group) {
        String first = group.linears().getFirst().name();
        return groups.stream()
                .filter(each -> each.linears().getFirst().equals(first))
                .findFirst()
                .orElseThrow();
    }

    /** Our search with the reference's settings, run once for all tests. */
    Ours ours() {
        return RUN.computeIfAbsent(model + "/" + file, key -> run());
    }

    private Ours run() {
        try (var golden = new GoldenModel(model)) {
            var runner = new BlockRunner(golden.backend, golden.spec);
            var settings = new Awq.Settings(scaling, true, Integer.MAX_VALUE);
            var awq = Awq.asReference(runner, settings);
            var found = new ArrayList<ScaleSearch.Found>();
            var meanAbs = new ArrayList<float[]>();
            var meanWeight = new ArrayList<float[]>();
            var clips = new HashMap<String, ClipSearch.Clips>();
            var blocks = new ArrayList<QuantizedBlock>();
            float[] hidden = golden.embedded();
            for (BlockSpec spec : golden.spec.blocks()) {
                var captured =
                        runner.capture(spec, golden.weights(spec), hidden, golden.calibration.length, golden.length());
                BlockWeights weights = golden.weights(spec);
                for (ScaleGroup group : spec.scaleGroups()) {
                    var first = group.linears().getFirst();
                    meanAbs.add(Scaling.meanAbs(captured.capture().input(first.name()), first.columns()));
                    var matrices = group.linears().stream()
                            .map(linear -> weights.values(linear.name()))
                            .toList();
                    meanWeight.add(Scaling.meanWeight(matrices, first.columns(), scheme.groupSize()));
                }
                AwqBlock search = awq.search(spec, weights, captured.capture(), scheme);
                blocks.add(search.run());
                spec.scaleGroups().forEach(group -> found.add(search.found().get(group)));
                clips.putAll(search.clips());
                hidden = captured.outputs();
            }
            return new Ours(found, meanAbs, meanWeight, clips, blocks, golden.perplexity(blocks));
        }
    }
}
