"""Makes core/src/test/resources/tokenizer/families: small tokenizers in the form of well-known families, and what
transformers makes of a few texts with them.

    pip install transformers==5.17.0 tokenizers==0.23.2 sentencepiece==0.2.2 protobuf
    python tools/golden/tokenizer_families.py

Vocabularies are trained on the demo model's calibration text: nothing is downloaded. Never needed to build or to test.
"""
import json
import pathlib
import shutil
import tempfile

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (GemmaTokenizer, GPT2Tokenizer, GPTNeoXTokenizer, LlamaTokenizer, PreTrainedTokenizerFast,
                          Qwen2Tokenizer)

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = ROOT / "demo-model/src/main/resources/awq4j/demo/calibration.txt"
OUT = ROOT / "core/src/test/resources/tokenizer/families"
TEXTS = [
    "", " ", "Once upon a time", " Once", "  two  spaces  ", "don't I'LL we've", "in 1984 and 1234567",
    "\n\n\tlines\r\n here", "naïve café", "日本語 😁", "e\u0301 is é", "a.b,c!d?e", "x=(y+1)*[z]",
    "a</s>b <|im_end|> c\n", "<|user|> \n hello <|end|> there", "end    of        many spaces",
]


def corpus():
    return TEXT.read_text(encoding="utf-8").splitlines(keepends=True)[:4000]


def byte_level(specials, size=420):
    """A byte-level vocabulary: (vocab, merges)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def sentence_piece(folder, **settings):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line.rstrip("\n") for line in corpus()), model_prefix=str(folder / "tokenizer"),
        vocab_size=600, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, split_digits=True, character_coverage=0.999, minloglevel=2, **settings)
    (folder / "tokenizer.vocab").unlink()


def expected(folder, tokenizer):
    cases = []
    for text in TEXTS:
        ids = tokenizer(text).input_ids
        cases.append({
            "text": text, "ids": ids, "plain": tokenizer(text, add_special_tokens=False).input_ids,
            "decoded": tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)})
    (folder / "expected.json").write_text(json.dumps(cases, ensure_ascii=True, indent=0) + "\n")


def begin(name):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write(folder, name, value):
    (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=None) + "\n", encoding="utf-8")


def write_byte_level(folder, vocab, merges):
    write(folder, "vocab.json", vocab)
    lines = ["#version: 0.2"] + [" ".join(merge) for merge in merges]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def whole(folder, tokenizer):
    """The same tokenizer as one tokenizer.json, beside its older form."""
    with tempfile.TemporaryDirectory() as saved:
        tokenizer.save_pretrained(saved)
        text = json.loads(pathlib.Path(saved, "tokenizer.json").read_text(encoding="utf-8"))
    write(folder, "tokenizer.json", text)


def older(name, kind, config, specials, added=None):
    """A family that is published as vocab.json and merges.txt."""
    folder = begin(name)
    write_byte_level(folder, *byte_level(specials))
    write(folder, "tokenizer_config.json", config)
    if added:
        write(folder, "added_tokens.json", added)
    tokenizer = kind.from_pretrained(folder)
    expected(folder, tokenizer)
    whole(folder, tokenizer)


def newer(name, specials, pre_tokenizer, normalizer=None, config=None):
    """A family that is published as a tokenizer.json."""
    folder = begin(name)
    vocab, merges = byte_level(specials)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in specials])
    write(folder, "tokenizer.json", json.loads(tokenizer.to_str()))
    write(folder, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **(config or {})})
    expected(folder, PreTrainedTokenizerFast.from_pretrained(folder))


def pieces(name, kind, config, published=None, **settings):
    """A family that is published as a SentencePiece model; `published` turns its tokenizer.json into the usual one."""
    folder = begin(name)
    sentence_piece(folder, **settings)
    write(folder, "tokenizer_config.json", config)
    tokenizer = kind.from_pretrained(folder)
    whole(folder, tokenizer)
    if published:
        text = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        published(text)
        write(folder, "tokenizer.json", text)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    expected(folder, tokenizer)


def prepended(text):
    """Llama 2's tokenizer.json has the leading space in its normalizer, as SentencePiece has, even before another one.
    Transformers 5 makes a pre-tokenizer of it, which leaves out a second space."""
    text["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
    text["pre_tokenizer"] = None


def main():
    end = "<|endoftext|>"
    ends = {"bos_token": end, "eos_token": end, "unk_token": end}
    older("gpt2", GPT2Tokenizer, {"tokenizer_class": "GPT2Tokenizer", **ends}, [end])
    older("gpt2-prefix-space", GPT2Tokenizer, {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, **ends},
          [end])
    older("opt", GPT2Tokenizer, {
        "tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_prefix_space": False, "pad_token": "<pad>",
        **{role: {"__type": "AddedToken", "content": "</s>", "lstrip": False, "normalized": True, "rstrip": False,
                  "single_word": False} for role in ("bos_token", "eos_token", "unk_token")}},
        ["<s>", "<pad>", "</s>", "<unk>"])
    older("phi", GPT2Tokenizer, {"tokenizer_class": "CodeGenTokenizer", **ends}, [end],
          {"        ": 420, "    ": 421, "<|im_end|>": 422})
    older("qwen2", Qwen2Tokenizer, {
        "tokenizer_class": "Qwen2Tokenizer", "eos_token": end, "pad_token": end, "unk_token": None,
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"], "add_bos_token": False,
        "added_tokens_decoder": {
            str(420 + i): {"content": token, "lstrip": False, "normalized": False, "rstrip": False,
                           "single_word": False, "special": True}
            for i, token in enumerate([end, "<|im_start|>", "<|im_end|>"])}}, [])
    newer("gpt-neox", [end, "<|padding|>"], pre_tokenizers.ByteLevel(add_prefix_space=False), normalizers.NFC(), ends)
    newer("bloom", ["<unk>", "<s>", "</s>", "<pad>"], pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(" ?[^(\\s|[.,!?…。，、।۔،])]+"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), None,
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"})
    newer("falcon", [end], pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
        pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")]),
        None, {"eos_token": end})
    newer("starcoder", [end, "<fim_prefix>"], pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), None, ends)
    roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    llama = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, **roles}
    pieces("llama-legacy", LlamaTokenizer, {"legacy": True, **llama}, prepended)
    pieces("llama", LlamaTokenizer, {"legacy": False, **llama})
    pieces("llama-no-prefix-space", LlamaTokenizer, {"legacy": False, "add_prefix_space": False, **llama})
    pieces("phi-3", LlamaTokenizer, {
        **llama, "add_bos_token": False, "legacy": False, "eos_token": "<|end|>",
        "added_tokens_decoder": {
            "1": {"content": "<s>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                  "special": True},
            "2": {"content": "</s>", "lstrip": False, "normalized": False, "rstrip": True, "single_word": False,
                  "special": False},
            **{str(600 + i): {"content": token, "lstrip": False, "normalized": False, "rstrip": True,
                              "single_word": False, "special": True}
               for i, token in enumerate(["<|user|>", "<|end|>"])}}})
    pieces("gemma", GemmaTokenizer, {
        "tokenizer_class": "GemmaTokenizer", "add_bos_token": True, "bos_token": "<bos>", "eos_token": "<eos>",
        "unk_token": "<unk>", "pad_token": "<pad>"},
        add_dummy_prefix=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>",
        bos_piece="<bos>", user_defined_symbols=["<mask>", "<start_of_turn>", "<end_of_turn>", "\n", "\n\n"])


main()
