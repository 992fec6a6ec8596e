package awq4j.quant;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.StepBatch;
import awq4j.model.StepBatch.Logits;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import java.util.Arrays;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** One of the two small models that the references quantized, with its tokens. */
final class GoldenModel implements AutoCloseable {
    final String name;
    final Checkpoint checkpoint;
    final ModelSpec spec;
    final Backend backend = CpuBackend.open(CpuOptions.DEFAULT);
    final int[][] calibration;
    private final int[][] evaluation;

    GoldenModel(String name) {
        this.name = name;
        checkpoint = Checkpoints.open(Golden.path("quantization/" + name));
        spec = asReferences(Families.spec(checkpoint));
        JsonNode tokens = new JsonMapper().readTree(Golden.path("quantization/" + name + "/tokens.json"));
        calibration = rows(tokens.get("calib_ids"));
        evaluation = rows(tokens.get("eval_ids"));
    }

    /** The references scale no group whose columns share rows of values. */
    private static ModelSpec asReferences(ModelSpec model) {
        var blocks = model.blocks().stream()
                .map(block -> new BlockSpec(
                        block.index(),
                        block.residual(),
                        block.attention(),
                        block.mlp(),
                        block.scaleGroups().stream()
                                .filter(group -> !(group.fold() instanceof Fold.IntoRows into && into.sharing() > 1))
                                .toList()))
                .toList();
        return new ModelSpec(
                model.family(),
                model.hidden(),
                model.vocabulary(),
                model.contextLength(),
                model.embedding(),
                blocks,
                model.head());
    }

    private static int[][] rows(JsonNode node) {
        int[][] rows = new int[node.size()][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new int[node.get(i).size()];
            for (int j = 0; j < rows[i].length; j++) {
                rows[i][j] = node.get(i).get(j).intValue();
            }
        }
        return rows;
    }

    int length() {
        return calibration[0].length;
    }

    BlockWeights weights(BlockSpec block) {
        return BlockWeights.load(block, Parameters.of(checkpoint));
    }

    /** What flows into the first block, [sequences * length, hidden]. */
    float[] embedded() {
        var transformer = Transformer.open(backend, spec, checkpoint, length());
        float[] hidden = new float[calibration.length * length() * spec.hidden()];
        for (int s = 0; s < calibration.length; s++) {
            int at = s * length() * spec.hidden();
            transformer.forward(
                    StepBatch.of(calibration[s], 0, Logits.NONE),
                    List.of(transformer.newSequence(KvPrecision.F32, length())),
                    (point, value) -> {
                        if (point.equals("embedding")) {
                            float[] values = new float[value.rows() * value.columns()];
                            backend.read(value, values);
                            System.arraycopy(values, 0, hidden, at, values.length);
                        }
                    });
        }
        return hidden;
    }

    /** The perplexity of the evaluation windows with some blocks quantized; spec/quantization.md section 5. */
    double perplexity(List<QuantizedBlock> blocks) {
        var transformer = Transformer.open(backend, spec, new Overlay(checkpoint, blocks), length());
        double sum = 0;
        float[] logits = new float[length() * spec.vocabulary()];
        for (int[] window : evaluation) {
            var out = transformer.forward(
                    StepBatch.of(window, 0, Logits.ALL),
                    List.of(transformer.newSequence(KvPrecision.F32, length())),
                    awq4j.model.Taps.NONE);
            backend.read(java.util.Objects.requireNonNull(out), logits);
            double losses = 0;
            for (int i = 0; i + 1 < window.length; i++) {
                losses += crossEntropy(logits, i * spec.vocabulary(), window[i + 1]);
            }
            sum += losses / (window.length - 1);
        }
        return Math.exp(sum / evaluation.length);
    }

    /** Logits of the first tokens of the first evaluation window with some blocks quantized, [tokens, vocabulary]. */
    float[] logits(List<QuantizedBlock> blocks, int tokens) {
        return logits(Parameters.of(new Overlay(checkpoint, blocks)), tokens);
    }

    /** The same with other numbers. */
    float[] logits(Parameters parameters, int tokens) {
        var transformer = Transformer.open(backend, spec, checkpoint, parameters, tokens);
        var out = transformer.forward(
                StepBatch.of(Arrays.copyOf(evaluation[0], tokens), 0, Logits.ALL),
                List.of(transformer.newSequence(KvPrecision.F32, tokens)),
                awq4j.model.Taps.NONE);
        float[] logits = new float[tokens * spec.vocabulary()];
        backend.read(java.util.Objects.requireNonNull(out), logits);
        return logits;
    }

    private double crossEntropy(float[] logits, int from, int target) {
        double max = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < spec.vocabulary(); i++) {
            max = Math.max(max, logits[from + i]);
        }
        double sum = 0;
        for (int i = 0; i < spec.vocabulary(); i++) {
            sum += Math.exp(logits[from + i] - max);
        }
        return max + Math.log(sum) - logits[from + target];
    }

    /** A figure of one of the ppl_*.json files. */
    double listed(String file, String... path) {
        JsonNode node = new JsonMapper().readTree(Golden.path("quantization/" + name + "/" + file));
        for (String key : path) {
            node = node.get(key);
        }
        return node.doubleValue();
    }

    @Override
    public void close() {
        backend.close();
        checkpoint.close();
    }
}
