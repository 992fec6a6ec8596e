package awq4j.format.gguf;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The names that transformers has for the tensors of a GGUF file. */
final class TensorNames {
    private static final Pattern BLOCK = Pattern.compile("blk\\.(\\d{1,9})\\.([a-z_]+)\\.(weight|bias)");

    /** Rotary factors; they become part of the configuration. */
    static final String ROPE_FACTORS = "rope_freqs.weight";

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

    private final Architecture architecture;
    private final int heads;
    private final int kvHeads;
    private final Map<String, StoredPart> parts = new LinkedHashMap<>();

    private TensorNames(Architecture architecture, int heads, int kvHeads) {
        this.architecture = architecture;
        this.heads = heads;
        this.kvHeads = kvHeads;
    }

    /**
     * All tensors of a model, by the names of transformers; one that has none there keeps its own.
     *
     * @param heads of queries
     * @param kvHeads of keys and values
     */
    static Map<String, StoredPart> of(GgufFiles files, Architecture architecture, int heads, int kvHeads) {
        var names = new TensorNames(architecture, heads, kvHeads);
        files.names().forEach(names::add);
        return Collections.unmodifiableMap(names.parts);
    }

    private void add(String stored) {
        if (stored.equals(ROPE_FACTORS)) {
            return;
        }
        Matcher block = BLOCK.matcher(stored);
        String name = OUTER.get(stored);
        StoredPart part = StoredPart.whole(stored);
        if (block.matches()) {
            String inner = INNER.get(block.group(2));
            if (inner != null) {
                name = "model.layers." + block.group(1) + "." + inner + "." + block.group(3);
                part = new StoredPart(stored, interleavedHeads(inner), -1, false);
            }
        }
        parts.put(free(name) ? name : stored, part);
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

    /** A file may spell a name of ours itself. */
    private boolean free(@Nullable String name) {
        return name != null && !parts.containsKey(name);
    }
}
