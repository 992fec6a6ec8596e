"""Makes the golden model olmoe: python3 tools/golden/olmoe.py FOLDER

A random OLMoE and what it computes, by loops over the definition in float64 (OlmoeForCausalLM of transformers: RMS norms
over all query heads and all key heads together, softmax over all experts, the weights of the chosen not divided by their
sum). It shares no code with the project and needs numpy only.
"""
import json
import os
import sys

import numpy as np

HIDDEN, HEADS, KEY_HEADS, LAYERS, VOCABULARY = 32, 4, 2, 2, 160
WIDTH, EXPERTS, CHOSEN, EPSILON, THETA = 24, 8, 3, 1e-5, 10000.0
HEAD = HIDDEN // HEADS
rng = np.random.default_rng(20261126)


def matrix(rows, columns, deviation=None):
    values = rng.standard_normal((rows, columns)) * (deviation or 1.2 / np.sqrt(columns))
    return values.astype(np.float32)


def gain(size):
    return (1 + 0.1 * rng.standard_normal(size)).astype(np.float32)


def weights():
    w = {"model.embed_tokens.weight": matrix(VOCABULARY, HIDDEN, 0.5), "lm_head.weight": matrix(VOCABULARY, HIDDEN, 0.5)}
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        w[p + "input_layernorm.weight"] = gain(HIDDEN)
        w[p + "post_attention_layernorm.weight"] = gain(HIDDEN)
        for name, rows in (("q", HIDDEN), ("k", KEY_HEADS * HEAD), ("v", KEY_HEADS * HEAD), ("o", HIDDEN)):
            w[p + f"self_attn.{name}_proj.weight"] = matrix(rows, HIDDEN)
        w[p + "self_attn.q_norm.weight"] = gain(HIDDEN)
        w[p + "self_attn.k_norm.weight"] = gain(KEY_HEADS * HEAD)
        w[p + "mlp.gate.weight"] = matrix(EXPERTS, HIDDEN)
        for e in range(EXPERTS):
            w[p + f"mlp.experts.{e}.gate_proj.weight"] = matrix(WIDTH, HIDDEN)
            w[p + f"mlp.experts.{e}.up_proj.weight"] = matrix(WIDTH, HIDDEN)
            w[p + f"mlp.experts.{e}.down_proj.weight"] = matrix(HIDDEN, WIDTH)
    w["model.norm.weight"] = gain(HIDDEN)
    return w


def rms(x, g):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPSILON) * g.astype(np.float64)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def turn(head, position):
    half = HEAD // 2
    angles = position / THETA ** (np.arange(half) * 2 / HEAD)
    first, second = head[:half], head[half:]
    return np.concatenate(
        [first * np.cos(angles) - second * np.sin(angles), second * np.cos(angles) + first * np.sin(angles)])


def attention(w, p, x):
    tokens = len(x)
    q = rms(x @ w[p + "q_proj.weight"].T.astype(np.float64), w[p + "q_norm.weight"])
    k = rms(x @ w[p + "k_proj.weight"].T.astype(np.float64), w[p + "k_norm.weight"])
    v = x @ w[p + "v_proj.weight"].T.astype(np.float64)
    out = np.zeros((tokens, HIDDEN))
    for h in range(HEADS):
        shared = h // (HEADS // KEY_HEADS)
        keys = [turn(k[t, shared * HEAD:(shared + 1) * HEAD], t) for t in range(tokens)]
        for t in range(tokens):
            query = turn(q[t, h * HEAD:(h + 1) * HEAD], t)
            shares = softmax(np.array([query @ keys[s] for s in range(t + 1)]) / np.sqrt(HEAD))
            out[t, h * HEAD:(h + 1) * HEAD] = shares @ v[:t + 1, shared * HEAD:(shared + 1) * HEAD]
    return out @ w[p + "o_proj.weight"].T.astype(np.float64)


def experts(w, p, x):
    out = np.zeros_like(x)
    for t in range(len(x)):
        shares = softmax(w[p + "gate.weight"].astype(np.float64) @ x[t])
        for e in np.argsort(-shares)[:CHOSEN]:
            q = p + f"experts.{e}."
            gate = w[q + "gate_proj.weight"].astype(np.float64) @ x[t]
            up = w[q + "up_proj.weight"].astype(np.float64) @ x[t]
            inner = gate / (1 + np.exp(-gate)) * up
            out[t] += shares[e] * (w[q + "down_proj.weight"].astype(np.float64) @ inner)
    return out


def forward(w, ids):
    h = w["model.embed_tokens.weight"][ids].astype(np.float64)
    states = []
    for i in range(LAYERS):
        states.append(h)
        p = f"model.layers.{i}."
        h = h + attention(w, p + "self_attn.", rms(h, w[p + "input_layernorm.weight"]))
        h = h + experts(w, p + "mlp.", rms(h, w[p + "post_attention_layernorm.weight"]))
    h = rms(h, w["model.norm.weight"])
    states.append(h)
    return h @ w["lm_head.weight"].T.astype(np.float64), np.stack(states)


def save(path, tensors):
    header, at = {}, 0
    kinds = {"float32": "F32", "int64": "I64"}
    for name in sorted(tensors):
        t = tensors[name]
        header[name] = {"dtype": kinds[str(t.dtype)], "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            file.write(np.ascontiguousarray(tensors[name]).tobytes())


def main(folder):
    os.makedirs(folder, exist_ok=True)
    w = weights()
    ids = rng.integers(3, VOCABULARY, 24)
    logits, states = forward(w, ids)
    greedy, margins, longer = [], [], ids
    for _ in range(16):
        last = forward(w, longer)[0][-1]
        best = np.sort(last)[-2:]
        margins.append(float(best[1] - best[0]))
        greedy.append(int(last.argmax()))
        longer = np.append(longer, greedy[-1])
    save(os.path.join(folder, "model.safetensors"), w)
    save(os.path.join(folder, "io.safetensors"), {
        "input_ids": ids.astype(np.int64),
        "logits": logits.astype(np.float32),
        "hidden_states": states.astype(np.float32)})
    config = {
        "architectures": ["OlmoeForCausalLM"], "attention_bias": False, "bos_token_id": None, "clip_qkv": None,
        "eos_token_id": 2, "hidden_act": "silu", "hidden_size": HIDDEN, "intermediate_size": WIDTH,
        "max_position_embeddings": 128, "model_type": "olmoe", "norm_topk_prob": False,
        "num_attention_heads": HEADS, "num_experts": EXPERTS, "num_experts_per_tok": CHOSEN,
        "num_hidden_layers": LAYERS, "num_key_value_heads": KEY_HEADS, "rms_norm_eps": EPSILON,
        "rope_theta": THETA, "tie_word_embeddings": False, "torch_dtype": "float32", "vocab_size": VOCABULARY}
    newer = {key: value for key, value in config.items() if key not in ("rope_theta", "torch_dtype")}
    newer |= {"dtype": "float32", "rope_parameters": {"rope_theta": THETA, "rope_type": "default"}}
    expected = {
        "input_ids": ids.tolist(), "greedy_continuation": greedy, "generate_with_kv_cache": greedy,
        "min_top1_margin": min(margins)}
    keys = {name: list(t.shape) for name, t in sorted(w.items())}
    for name, content in (
            ("config.json", config), ("config.v5.json", newer), ("expected.json", expected), ("keys.json", keys)):
        with open(os.path.join(folder, name), "w") as file:
            json.dump(content, file, indent=1, sort_keys=True)
            file.write("\n")
    print("least margin", min(margins))


if __name__ == "__main__":
    main(sys.argv[1])
