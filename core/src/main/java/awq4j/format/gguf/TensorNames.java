package awq4j.format.gguf;

import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What the tensors of a GGUF file are called by transformers, and the other way round. */
public final class TensorNames {
    /** What rotary frequencies are divided by; it becomes part of the configuration. */
    public static final String ROPE_FACTORS = "rope_freqs.weight";

    /** The same for texts up to, and beyond, the original context. */
    public static final String SHORT_FACTORS = "rope_factors_short.weight";

    /** See {@link #SHORT_FACTORS}. */
    public static final String LONG_FACTORS = "rope_factors_long.weight";

    private static final Set<String> FACTORS = Set.of(ROPE_FACTORS, SHORT_FACTORS, LONG_FACTORS);

    /** The number of an expert stands apart in older files, which have a matrix for each. */
    private static final Pattern STORED =
            Pattern.compile("blk\\.(\\d{1,9})\\.([a-z_]+)(?:\\.(\\d{1,9}))?\\.(weight|bias)");

    private static final Pattern NAMED = Pattern.compile("model\\.layers\\.(\\d{1,9})\\.(.+)\\.(weight|bias)");
    private static final Pattern EXPERT = Pattern.compile("(.+\\.experts\\.)(\\d{1,9})\\.(.+)");

    private static final Map<String, String> OUTER = Map.of(
            "token_embd.weight", "model.embed_tokens.weight",
            "output_norm.weight", "model.norm.weight",
            "output.weight", "lm_head.weight",
            "output.bias", "lm_head.bias");

    private static final Map<String, String> INNER = Map.ofEntries(
            Map.entry("attn_norm", "input_layernorm"),
            Map.entry("attn_q", "self_attn.q_proj"),
            Map.entry("attn_k", "self_attn.k_proj"),
            Map.entry("attn_v", "self_attn.v_proj"),
            Map.entry("attn_output", "self_attn.o_proj"),
            Map.entry("attn_q_norm", "self_attn.q_norm"),
            Map.entry("attn_k_norm", "self_attn.k_norm"),
            Map.entry("ffn_norm", "post_attention_layernorm"),
            Map.entry("ffn_gate", "mlp.gate_proj"),
            Map.entry("ffn_up", "mlp.up_proj"),
            Map.entry("ffn_down", "mlp.down_proj"));

    private static final Map<String, String> SANDWICH = Map.of(
            "post_attention_norm", "post_attention_layernorm",
            "ffn_norm", "pre_feedforward_layernorm",
            "post_ffw_norm", "post_feedforward_layernorm");

    private static final Map<String, String> FUSED =
            Map.of("attn_qkv", "self_attn.qkv_proj", "ffn_up", "mlp.gate_up_proj");

    private static final Map<String, String> MIXTRAL = Map.of("ffn_gate_inp", "block_sparse_moe.gate");

    private static final Map<String, String> MIXTRAL_EXPERTS = Map.of(
            "ffn_gate", "block_sparse_moe.experts.*.w1",
            "ffn_down", "block_sparse_moe.experts.*.w2",
            "ffn_up", "block_sparse_moe.experts.*.w3");

    private static final Map<String, String> QWEN = Map.of(
            "ffn_gate_inp", "mlp.gate",
            "ffn_gate_inp_shexp", "mlp.shared_expert_gate",
            "ffn_gate_shexp", "mlp.shared_expert.gate_proj",
            "ffn_down_shexp", "mlp.shared_expert.down_proj",
            "ffn_up_shexp", "mlp.shared_expert.up_proj");

    private static final Map<String, String> QWEN_EXPERTS = Map.of(
            "ffn_gate", "mlp.experts.*.gate_proj",
            "ffn_down", "mlp.experts.*.down_proj",
            "ffn_up", "mlp.experts.*.up_proj");

    private static final int LEAST_EXPERT_BYTES = 512;

    /** All experts' matrices in one tensor. */
    private static final String TOGETHER = "_exps";

    private final Architecture architecture;
    private final int heads;
    private final int kvHeads;
    private final Map<String, String> inner = new HashMap<>(INNER);
    private final Map<String, String> experts;

    /**
     * Names of an architecture.
     *
     * @param heads of queries
     * @param kvHeads of keys and values
     */
    public TensorNames(Architecture architecture, int heads, int kvHeads) {
        this.architecture = architecture;
        this.heads = heads;
        this.kvHeads = kvHeads;
        inner.putAll(
                switch (architecture) {
                    case GEMMA2, GEMMA3 -> SANDWICH;
                    case PHI3 -> FUSED;
                    case QWEN2_MOE, QWEN3_MOE -> QWEN;
                    case LLAMA -> MIXTRAL;
                    case QWEN2, QWEN3, GEMMA -> Map.of();
                });
        experts = switch (architecture) {
            case QWEN2_MOE, QWEN3_MOE -> QWEN_EXPERTS;
            case LLAMA -> MIXTRAL_EXPERTS;
            case QWEN2, QWEN3, GEMMA, GEMMA2, GEMMA3, PHI3 -> Map.of();
        };
    }

    /** All tensors of a model, by the names of transformers; one that has none there keeps its own. */
    Map<String, StoredPart> of(GgufFiles files) {
        var parts = new LinkedHashMap<String, StoredPart>();
        for (String stored : files.names()) {
            if (!FACTORS.contains(stored)) {
                add(stored, files.tensor(stored), parts);
            }
        }
        return Collections.unmodifiableMap(parts);
    }

    private void add(String stored, GgufTensor tensor, Map<String, StoredPart> parts) {
        Matcher block = STORED.matcher(stored);
        if (!block.matches()) {
            put(parts, OUTER.get(stored), part(stored, "", -1));
            return;
        }
        String role = block.group(2);
        String prefix = "model.layers." + block.group(1) + ".";
        String suffix = "." + block.group(4);
        if (block.group(3) != null) {
            String name = experts.get(role);
            String full = name == null ? null : prefix + name.replace("*", block.group(3)) + suffix;
            put(parts, full, part(stored, "", -1));
            return;
        }
        String each =
                role.endsWith(TOGETHER) ? experts.get(role.substring(0, role.length() - TOGETHER.length())) : null;
        if (each != null && tensor.shape().rank() == 3 && worthNames(tensor)) {
            for (int expert = 0; expert < tensor.shape().dim(0); expert++) {
                String name = prefix + each.replace("*", Integer.toString(expert)) + suffix;
                put(parts, name, part(stored, "", expert));
            }
            return;
        }
        String name = inner.get(role);
        put(parts, name == null ? null : prefix + name + suffix, part(stored, name == null ? "" : name, -1));
    }

    /** Each expert gets a name, which must not take more memory than the expert does. */
    private static boolean worthNames(GgufTensor tensor) {
        return tensor.sizeBytes() / Math.max(1, tensor.shape().dim(0)) >= LEAST_EXPERT_BYTES;
    }

    /** A file may spell a name of ours itself. */
    private static void put(Map<String, StoredPart> parts, @Nullable String name, StoredPart part) {
        parts.put(name != null && !parts.containsKey(name) ? name : part.stored(), part);
    }

    /**
     * Where a tensor of transformers' name is put; empty if the architecture has no place for it.
     *
     * @param name for example {@code model.layers.0.mlp.up_proj.weight}
     */
    public Optional<StoredPart> stored(String name) {
        for (Map.Entry<String, String> entry : OUTER.entrySet()) {
            if (entry.getValue().equals(name)) {
                return Optional.of(part(entry.getKey(), "", -1));
            }
        }
        Matcher named = NAMED.matcher(name);
        if (!named.matches()) {
            return Optional.empty();
        }
        String prefix = "blk." + named.group(1) + ".";
        String suffix = "." + named.group(3);
        Matcher expert = EXPERT.matcher(named.group(2));
        if (expert.matches()) {
            String pattern = expert.group(1) + "*." + expert.group(3);
            return role(experts, pattern)
                    .map(role -> part(prefix + role + TOGETHER + suffix, "", Integer.parseInt(expert.group(2))));
        }
        return role(inner, named.group(2)).map(role -> part(prefix + role + suffix, named.group(2), -1));
    }

    private static Optional<String> role(Map<String, String> names, String name) {
        return names.entrySet().stream()
                .filter(entry -> entry.getValue().equals(name))
                .map(Map.Entry::getKey)
                .findFirst();
    }

    private StoredPart part(String stored, String inner, int expert) {
        boolean plusOne = architecture.isGemma() && stored.endsWith("norm.weight");
        return new StoredPart(stored, interleavedHeads(inner), expert, plusOne, inner.equals("mlp.shared_expert_gate"));
    }

    private int interleavedHeads(String inner) {
        if (!architecture.interleaved()) {
            return 0;
        }
        return switch (inner) {
            case "self_attn.q_proj" -> heads;
            case "self_attn.k_proj" -> kvHeads;
            default -> 0;
        };
    }
}
