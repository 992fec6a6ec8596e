package awq4j.cli;

import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.model.ParameterCount;
import awq4j.quant.MemoryEstimate;
import awq4j.quant.calibration.Calibration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An {@link Inspection} for machines. Sizes are in bytes; what is not known is absent. */
final class InspectionJson {
    /** Numbers of config.json that are shown for a family that is not known. */
    static final List<String> STATED = List.of(
            "model_type",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "intermediate_size",
            "vocab_size",
            "max_position_embeddings");

    /** What {@code quantize} uses unless told otherwise. */
    static final long CALIBRATION_TOKENS = (long) Calibration.DEFAULT_SAMPLES * Calibration.DEFAULT_LENGTH;

    private InspectionJson() {}

    static Map<String, Object> of(Inspection facts, boolean tensors) {
        var json = new LinkedHashMap<String, Object>();
        json.put("path", facts.path().toAbsolutePath().normalize().toString());
        facts.architecture().ifPresent(name -> json.put("architecture", name));
        json.put("runs", facts.obstacle().isEmpty());
        facts.obstacle().ifPresent(reason -> json.put("obstacle", reason));
        facts.model().ifPresentOrElse(model -> model(model, json), () -> stated(facts, json));
        json.put("weights", weights(facts));
        facts.statedType().ifPresent(type -> json.put("stated_type", type));
        facts.quantization().ifPresent(stated -> {
            var quantization = new LinkedHashMap<String, Object>();
            quantization.put("method", stated.method());
            quantization.put("bits", stated.bits());
            quantization.put("group_size", stated.groupSize());
            quantization.put("symmetric", stated.symmetric());
            quantization.put("version", stated.version());
            quantization.put("modules_to_not_convert", stated.excluded());
            facts.linears().ifPresent(linears -> {
                quantization.put("linears", linears.total());
                quantization.put("packed", linears.packed());
                quantization.put("head_packed", linears.headPacked());
                quantization.put("plain", linears.plain());
                if (linears.corrected() > 0) {
                    quantization.put(
                            "low_rank",
                            Map.of(
                                    "linears",
                                    linears.corrected(),
                                    "rank",
                                    linears.rank(),
                                    "bytes",
                                    linears.correctionBytes()));
                }
            });
            json.put("quantization", quantization);
        });
        facts.model().ifPresent(model -> json.put("memory", memory(facts, model)));
        var tokenizer = facts.tokenizer();
        if (tokenizer.file() != null) {
            json.put("tokenizer", Map.of("file", tokenizer.file(), "tokens", tokenizer.size()));
        }
        json.put("chat_templates", tokenizer.templates());
        json.put("warnings", facts.warnings());
        if (tensors) {
            json.put(
                    "tensors",
                    facts.stored().tensors().stream()
                            .map(InspectionJson::tensor)
                            .toList());
        }
        return json;
    }

    /** Bytes of keys and values for a number of positions. */
    static long kvBytes(ModelSpec model, int positions, KvPrecision precision) {
        long perPosition = 0;
        for (BlockSpec block : model.blocks()) {
            var shape = block.attention().shape();
            perPosition += 2L * shape.kvHeads() * precision.bytes(shape.headDim());
        }
        return perPosition * positions;
    }

    /** Bytes of all weights in memory: matrices as they are held, the few vectors in float32. */
    static long weightMemory(Inspection facts, ModelSpec model) {
        long matrices = facts.linears().map(LinearFacts::memory).orElse(0L);
        return matrices + ParameterCount.of(model).norms() * Float.BYTES;
    }

    private static void model(ModelSpec model, Map<String, Object> json) {
        BlockSpec block = model.blocks().getFirst();
        var shape = block.attention().shape();
        json.put("family", model.family());
        json.put("layers", model.blocks().size());
        json.put("hidden", model.hidden());
        json.put("heads", shape.heads());
        json.put("kv_heads", shape.kvHeads());
        json.put("head_dim", shape.headDim());
        json.put("context", model.contextLength());
        json.put("vocabulary", model.vocabulary());
        json.put("tied", model.tied());
        var count = ParameterCount.of(model);
        var parameters = new LinkedHashMap<String, Object>();
        parameters.put("total", count.total());
        parameters.put("active", count.active());
        parameters.put("embeddings", count.embeddings());
        parameters.put("attention", count.attention());
        parameters.put("feed_forward", count.mlp());
        parameters.put("norms", count.norms());
        parameters.put("head", count.head());
        json.put("parameters", parameters);
    }

    private static void stated(Inspection facts, Map<String, Object> json) {
        facts.config().ifPresent(config -> {
            var stated = new LinkedHashMap<String, Object>();
            for (String key : STATED) {
                if (config.has(key)) {
                    stated.put(key, config.json().get(key));
                }
            }
            json.put("config", stated);
        });
        json.put("parameters", Map.of("total", facts.parameters()));
    }

    private static Map<String, Object> weights(Inspection facts) {
        var weights = new LinkedHashMap<String, Object>();
        weights.put("files", facts.stored().files());
        weights.put("bytes", facts.stored().fileBytes());
        weights.put("tensors", facts.stored().tensors().size());
        var types = new LinkedHashMap<String, Object>();
        facts.stored()
                .types()
                .forEach((type, share) -> types.put(type, Map.of("tensors", share.tensors(), "bytes", share.bytes())));
        weights.put("types", types);
        return weights;
    }

    private static Map<String, Object> memory(Inspection facts, ModelSpec model) {
        var memory = new LinkedHashMap<String, Object>();
        memory.put("weights", weightMemory(facts, model));
        memory.put("kv_per_1024_tokens", kvBytes(model, 1024, KvPrecision.F16));
        memory.put("kv_whole_context", kvBytes(model, model.contextLength(), KvPrecision.F16));
        if (facts.quantization().isEmpty()) {
            var estimate = MemoryEstimate.of(model, CALIBRATION_TOKENS);
            memory.put("quantize", estimate.total());
            memory.put("quantize_block", estimate.block());
            memory.put("quantize_activations", estimate.activations());
        }
        return memory;
    }

    private static Map<String, Object> tensor(StoredTensors.Row row) {
        var tensor = new LinkedHashMap<String, Object>();
        tensor.put("name", row.name());
        tensor.put("dtype", row.dtype());
        tensor.put("shape", row.shape().dims());
        tensor.put("bytes", row.bytes());
        return tensor;
    }
}
