package awq4j.eval.speed;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Configurations of every family that take milliseconds to run. */
enum TinyShapes {
    LLAMA("LlamaForCausalLM", "\"num_key_value_heads\": 2, \"intermediate_size\": 160"),
    TIED(
            "LlamaForCausalLM",
            "\"num_key_value_heads\": 4, \"intermediate_size\": 100, \"tie_word_embeddings\": true,"
                    + " \"attention_bias\": true, \"mlp_bias\": true"),
    MISTRAL("MistralForCausalLM", "\"num_key_value_heads\": 2, \"intermediate_size\": 160, \"sliding_window\": 8"),
    MIXTRAL(
            "MixtralForCausalLM",
            "\"num_key_value_heads\": 2, \"intermediate_size\": 96, \"num_local_experts\": 4,"
                    + " \"num_experts_per_tok\": 2"),
    QWEN2("Qwen2ForCausalLM", "\"num_key_value_heads\": 1, \"intermediate_size\": 96, \"tie_word_embeddings\": true"),
    QWEN2_MOE(
            "Qwen2MoeForCausalLM",
            "\"num_key_value_heads\": 1, \"intermediate_size\": 96, \"moe_intermediate_size\": 32,"
                    + " \"shared_expert_intermediate_size\": 64, \"num_experts\": 6, \"num_experts_per_tok\": 2,"
                    + " \"mlp_only_layers\": [1]"),
    QWEN3("Qwen3ForCausalLM", "\"num_key_value_heads\": 2, \"intermediate_size\": 160, \"head_dim\": 32"),
    QWEN3_MOE(
            "Qwen3MoeForCausalLM",
            "\"num_key_value_heads\": 2, \"moe_intermediate_size\": 32, \"head_dim\": 32, \"num_experts\": 8,"
                    + " \"num_experts_per_tok\": 3, \"norm_topk_prob\": true"),
    OLMOE(
            "OlmoeForCausalLM",
            "\"num_key_value_heads\": 2, \"intermediate_size\": 32, \"num_experts\": 8,"
                    + " \"num_experts_per_tok\": 3"),
    GEMMA("GemmaForCausalLM", "\"num_key_value_heads\": 1, \"intermediate_size\": 96, \"head_dim\": 16"),
    GEMMA2(
            "Gemma2ForCausalLM",
            "\"num_key_value_heads\": 2, \"intermediate_size\": 96, \"head_dim\": 16, \"sliding_window\": 8,"
                    + " \"query_pre_attn_scalar\": 16, \"attn_logit_softcapping\": 50.0,"
                    + " \"final_logit_softcapping\": 30.0"),
    GEMMA3(
            "Gemma3ForCausalLM",
            "\"num_key_value_heads\": 2, \"intermediate_size\": 96, \"head_dim\": 16, \"sliding_window\": 8,"
                    + " \"query_pre_attn_scalar\": 16"),
    PHI3("Phi3ForCausalLM", "\"num_key_value_heads\": 2, \"intermediate_size\": 96"),
    MPT(
            "MPTForCausalLM",
            "\"d_model\": 64, \"n_layers\": 2, \"n_heads\": 4, \"expansion_ratio\": 4, \"max_seq_len\": 64,"
                    + " \"no_bias\": true, \"attn_config\": {\"alibi\": true}"),
    GPT2("GPT2LMHeadModel", "\"n_embd\": 64, \"n_layer\": 2, \"n_head\": 4, \"n_positions\": 64"),
    GPT_BIGCODE("GPTBigCodeForCausalLM", "\"n_embd\": 64, \"n_layer\": 2, \"n_head\": 4, \"n_positions\": 64"),
    GPT_NEOX("GPTNeoXForCausalLM", "\"intermediate_size\": 128, \"rotary_pct\": 0.25"),
    BLOOM("BloomForCausalLM", "\"n_layer\": 2, \"n_head\": 4"),
    FALCON(
            "FalconForCausalLM",
            "\"multi_query\": true, \"parallel_attn\": true, \"bias\": false, \"new_decoder_architecture\": false,"
                    + " \"alibi\": false"),
    STARCODER2("Starcoder2ForCausalLM", "\"num_key_value_heads\": 2, \"intermediate_size\": 96"),
    GRANITE("GraniteForCausalLM", "\"num_key_value_heads\": 2, \"intermediate_size\": 96"),
    GRANITE_MOE(
            "GraniteMoeForCausalLM",
            "\"num_key_value_heads\": 2, \"intermediate_size\": 32, \"num_local_experts\": 6,"
                    + " \"num_experts_per_tok\": 3"),
    SMOLLM3("SmolLM3ForCausalLM", "\"num_key_value_heads\": 2, \"intermediate_size\": 96"),
    OLMO2("Olmo2ForCausalLM", "\"num_key_value_heads\": 2, \"intermediate_size\": 96"),
    COHERE("CohereForCausalLM", "\"num_key_value_heads\": 2, \"intermediate_size\": 96, \"logit_scale\": 0.25"),
    INTERNLM2("InternLM2ForCausalLM", "\"num_key_value_heads\": 2, \"intermediate_size\": 96, \"bias\": false"),
    OPT("OPTForCausalLM", "\"ffn_dim\": 256, \"activation_function\": \"relu\"");

    private final String architecture;
    private final String more;

    TinyShapes(String architecture, String more) {
        this.architecture = architecture;
        this.more = more;
    }

    ModelShape shape(Path folder) {
        try {
            Path file = folder.resolve("tiny-" + name() + ".json");
            Files.writeString(
                    file,
                    "{\"architectures\": [\"" + architecture + "\"], \"hidden_size\": 64, \"num_hidden_layers\": 2,"
                            + " \"num_attention_heads\": 4, \"vocab_size\": 96, \"max_position_embeddings\": 64, "
                            + more + "}");
            return ModelShape.of(file.toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
