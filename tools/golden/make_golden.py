#!/usr/bin/env python3
"""Writes tests/golden/<name>/: tiny random models of every family, with the logits that transformers gives for them.

    make_golden.py [--out DIR] [name ...]        all models when no name is given

See README.md beside this file for what is written and how the weights, tokens and seeds are chosen.
"""

import argparse
import copy
import itertools
import json
import os
import shutil
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers
from gguf import GGMLQuantizationType, quants
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file
from transformers import AutoModelForCausalLM

import config_forms
from tiny_tokenizers import write_tokenizer

PROMPT = 41         # tokens in the prompt: longer than every window
GREEDY = 64         # tokens of greedy continuation
QUANTISED = 8       # last prompt positions for which the quantised models' logits are kept
POSITIONS = [0, 1, 7, 8, 9, 12, 16, 24, 32, 40]      # prompt positions whose logits are kept
MARGIN = 1e-3       # least distance of the best from the second logit, as a part of the logits' range
SCORES = 2.0        # standard deviation of attention scores: far from uniform attention
QK_NORMS = ("gemma3_text", "gemma4_text", "qwen3")
POST_NORMS = ("gemma2", "gemma3_text", "gemma4_text")
NOISE = 3e-6        # most that two float32 ways to the same logits may differ by, as a part of the largest
DIFFERENT = 20      # least number of different tokens in the continuation
DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}

SLIDING, FULL = "sliding_attention", "full_attention"


@dataclass
class Row:
    """One model: its config class, its sizes, its tokenizer, how it is stored."""
    name: str
    config: str                    # class name in transformers
    tokenizer: str                 # kind in tiny_tokenizers
    vocab: int                     # tokens in the tokenizer
    shape: tuple                   # hidden, intermediate, layers, heads, KV heads
    more: dict = field(default_factory=dict)     # further fields of the (text) config
    form: str = "old"              # which form config.json has; config.alt.json has the other
    dtype: str = "bf16"
    shard_kb: int = 0              # cut the weights into files of at most this size
    pad_rows: int = 0              # embedding rows beyond the tokenizer
    final_norm: float = 1.7        # mean of the last norm: sets the spread of the logits
    calm: float = 0.06             # most that rounding the weights to q8_0 may move the logits: no chaotic model
    sampling: dict = field(default_factory=dict)


GEMMA_SAMPLING = dict(do_sample=True, temperature=1.0, top_k=64, top_p=0.95)
LLAMA_SAMPLING = dict(do_sample=True, temperature=0.6, top_p=0.9)
QWEN_SAMPLING = dict(do_sample=True, temperature=0.7, top_k=20, top_p=0.8, repetition_penalty=1.05)
BASE_10K = dict(rope_parameters=dict(rope_type="default", rope_theta=10000.0))
BASE_1M = dict(rope_parameters=dict(rope_type="default", rope_theta=1000000.0))
LLAMA3_ROPE = dict(rope_parameters=dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
                                        high_freq_factor=4.0, original_max_position_embeddings=128))
GLOBAL_BY_8 = dict(rope_parameters={SLIDING: dict(rope_type="default", rope_theta=10000.0),
                                    FULL: dict(rope_type="linear", factor=8.0, rope_theta=1000000.0)})
TWO_BASES = dict(rope_parameters={SLIDING: dict(rope_type="default", rope_theta=10000.0),
                                  FULL: dict(rope_type="default", rope_theta=1000000.0)})
GEMMA4_E = dict(head_dim=8, global_head_dim=16, sliding_window=8, final_logit_softcapping=5.0,
                hidden_size_per_layer_input=16, vocab_size_per_layer_input=301, num_kv_shared_layers=3,
                use_double_wide_mlp=True, layer_types=[SLIDING, FULL, SLIDING, SLIDING, SLIDING, FULL])
GEMMA4_KV = dict(head_dim=8, global_head_dim=16, num_global_key_value_heads=1, attention_k_eq_v=True, sliding_window=8,
                 final_logit_softcapping=5.0, hidden_size_per_layer_input=0, vocab_size_per_layer_input=305,
                 layer_types=[SLIDING, SLIDING, FULL, SLIDING, FULL])

MODELS = [
    Row("gemma1", "GemmaConfig", "gemma", 307, (32, 64, 2, 4, 1), dict(head_dim=16, **BASE_10K), final_norm=4.0),
    Row("gemma1-odd", "GemmaConfig", "gemma", 311, (40, 72, 2, 2, 2), dict(head_dim=12, **BASE_10K), form="new",
        dtype="f16", final_norm=4.0),
    Row("gemma2", "Gemma2Config", "gemma", 313, (32, 32, 4, 4, 2),
        dict(head_dim=8, query_pre_attn_scalar=12, sliding_window=12, attn_logit_softcapping=5.0,
             final_logit_softcapping=3.0, rms_norm_eps=2e-3, **BASE_10K), final_norm=1.7, sampling=GEMMA_SAMPLING),
    Row("gemma3", "Gemma3TextConfig", "gemma", 317, (32, 32, 7, 4, 2),
        dict(head_dim=8, query_pre_attn_scalar=12, sliding_window=8, **GLOBAL_BY_8), final_norm=4.0,
        sampling=GEMMA_SAMPLING),
    Row("gemma3-new", "Gemma3TextConfig", "gemma", 304, (32, 32, 4, 2, 1),
        dict(head_dim=16, query_pre_attn_scalar=16, sliding_window=9, layer_types=[SLIDING, SLIDING, FULL, SLIDING],
             **TWO_BASES), form="new", final_norm=4.0),
    Row("gemma3-mm", "Gemma3Config", "gemma", 300, (32, 32, 6, 8, 4),
        dict(head_dim=8, sliding_window=8, **GLOBAL_BY_8), shard_kb=80, pad_rows=5, final_norm=4.0,
        sampling=GEMMA_SAMPLING),
    Row("gemma4-e", "Gemma4Config", "gemma4", 301, (32, 32, 6, 2, 1), GEMMA4_E, final_norm=3.0, calm=0.15,
        sampling=GEMMA_SAMPLING),
    Row("gemma4-kv", "Gemma4TextConfig", "gemma4", 305, (32, 32, 5, 4, 2), GEMMA4_KV, form="new", final_norm=3.0,
        calm=0.15),
    Row("llama2", "LlamaConfig", "llama2", 299, (32, 32, 2, 4, 4),
        dict(rms_norm_eps=1e-5, tie_word_embeddings=False, **BASE_10K), dtype="f16"),
    Row("llama3", "LlamaConfig", "llama3", 293, (48, 32, 2, 6, 2),
        dict(rms_norm_eps=2e-3, tie_word_embeddings=True, **LLAMA3_ROPE), sampling=LLAMA_SAMPLING),
    Row("llama3-untied", "LlamaConfig", "llama3", 289, (32, 64, 2, 4, 1),
        dict(rms_norm_eps=1e-5, tie_word_embeddings=False, **BASE_10K), form="new", sampling=LLAMA_SAMPLING),
    Row("mistral", "MistralConfig", "llama2", 303, (32, 64, 2, 4, 2),
        dict(rms_norm_eps=1e-5, tie_word_embeddings=False, sliding_window=10, **BASE_10K)),
    Row("qwen2", "Qwen2Config", "qwen2", 291, (32, 32, 2, 4, 2), dict(tie_word_embeddings=True, **BASE_1M),
        dtype="f32", sampling=QWEN_SAMPLING),
    Row("qwen2-untied", "Qwen2Config", "qwen2", 295, (32, 96, 2, 2, 1),
        dict(tie_word_embeddings=False, **BASE_1M), form="new", sampling=QWEN_SAMPLING),
    Row("qwen3", "Qwen3Config", "qwen2", 297, (32, 64, 2, 4, 2),
        dict(head_dim=16, rms_norm_eps=2e-3, tie_word_embeddings=True, **BASE_1M), form="new"),
    Row("smollm2", "LlamaConfig", "smollm2", 288, (36, 64, 2, 9, 3),
        dict(rms_norm_eps=1e-5, tie_word_embeddings=True, **BASE_10K)),
    Row("smollm3", "SmolLM3Config", "smollm3", 292, (32, 32, 5, 4, 1),
        dict(tie_word_embeddings=True, no_rope_layers=[1, 1, 1, 0, 1], **BASE_10K), form="new"),
]

TINY_VISION = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=8,
                   patch_size=4, vision_use_head=False)


# ---- building a model --------------------------------------------------------------------------------------------


def text_config_fields(row, ids):
    hidden, inter, layers, heads, kv = row.shape
    return dict(vocab_size=row.vocab + row.pad_rows, hidden_size=hidden, intermediate_size=inter,
                num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv,
                max_position_embeddings=256, bos_token_id=ids["bos"], eos_token_id=ids["eos"],
                pad_token_id=ids.get("<pad>"), **json.loads(json.dumps(row.more)))


def make_config(row, ids):
    cls, text = getattr(transformers, row.config), text_config_fields(row, ids)
    if row.config == "Gemma3Config":
        return cls(text_config=text, vision_config=TINY_VISION, mm_tokens_per_image=4)
    if row.config == "Gemma4Config":
        return cls(text_config=text, vision_config=None, audio_config=None)
    return cls(**text)


def adds_one(row):
    """Whether the norms multiply by 1 + weight."""
    return row.config.startswith("Gemma") and not row.config.startswith("Gemma4")


def head_dim_of(config):
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def score_gain(config, head_dim):
    """The gain for q and for k that gives attention scores a standard deviation near SCORES."""
    scalar = 1 if config.model_type == "gemma4_text" else getattr(config, "query_pre_attn_scalar", head_dim)
    return (SCORES * scalar**0.5 / head_dim**0.5) ** 0.5


def norm_values(row, config, short, noise):
    """Norm weights: never constant; after attention and FFN larger, so that a layer outweighs the token itself."""
    centre = {"norm": row.final_norm, "post_attention_layernorm": 2.0, "post_feedforward_layernorm": 1.5,
              "post_per_layer_input_norm": 0.7}.get(short, 1.0)
    if short == "post_attention_layernorm" and config.model_type not in POST_NORMS:
        centre = 1.0
    if short in ("q_norm", "k_norm"):
        centre = score_gain(config, noise.shape[-1])
    return centre * (1 + 0.25 * np.clip(noise, -2, 2)) - adds_one(row)


def linear_values(row, config, short, noise):
    if short in ("embed_tokens", "embed_tokens_per_layer", "lm_head"):
        std = {"lm_head": 0.4, "embed_tokens_per_layer": 0.25}.get(short, 0.15 if "gemma" in config.model_type else 0.4)
        return std * noise * (32 / config.hidden_size) ** 0.5
    gain = {"o_proj": 2.5, "down_proj": 1.0, "gate_proj": 2.0}.get(short, 1.2)
    if short == "down_proj" and config.model_type == "gemma":
        gain = 2.5                  # so that the wrong gelu shows
    if short in ("q_proj", "k_proj"):
        gain = 1.0 if config.model_type in QK_NORMS else score_gain(config, head_dim_of(config))
    return gain * noise / noise.shape[-1] ** 0.5


def random_values(row, config, name, shape, rng):
    """Values for one parameter. No norm is constant, no bias zero: a tensor that is not read must show."""
    noise = rng.standard_normal(shape)
    short = name.removesuffix(".weight").split(".")[-1]
    if short == "layer_scalar":
        return rng.uniform(0.6, 1.4, shape)
    if "norm" in short and len(shape) == 1:
        return norm_values(row, config, short, noise)
    if len(shape) == 2:
        return linear_values(row, config, short, noise)
    return 0.5 * noise


def stored_tensors(model):
    """Every tensor of the model that a checkpoint holds, tied ones once, by name."""
    seen = {}
    by_name = sorted(model.state_dict(keep_vars=True).items(), key=lambda item: (item[0] == "lm_head.weight", item[0]))
    for name, value in by_name:
        seen.setdefault(value.data_ptr(), (name, value))
    return sorted(seen.values())


def randomise(model, row, seed):
    """Fills the model with random values that its storage type can hold; numpy's generator, one per tensor."""
    config = model.config.get_text_config()
    for name, value in stored_tensors(model):
        rng = np.random.default_rng([seed, zlib.crc32(f"{row.name}/{name}".encode())])
        drawn = torch.from_numpy(random_values(row, config, name, tuple(value.shape), rng).astype(np.float32))
        stored = drawn.to(DTYPES[row.dtype])
        if value.dim() == 2:
            stored = settle(stored)
        value.data.copy_(stored.float())


# ---- quantisation ------------------------------------------------------------------------------------------------


def doubtful(weights):
    """Where rounding to a q4_0 or q8_0 code hangs on the last bit of the arithmetic (x * (1/d) against x / d, fused
    or not, half up or half to even): such a weight would make a correct engine differ from the reference."""
    out = np.zeros(weights.shape, bool).reshape(-1, 32)
    x = weights.astype(np.float32).reshape(-1, 32)
    top = np.take_along_axis(x, np.abs(x).argmax(-1, keepdims=True), -1)
    for d, offset in ((top / np.float32(-8), 8.5), (np.abs(top) / np.float32(127), 127.5)):
        exact = x.astype(np.float64) / np.where(d == 0, 1, d).astype(np.float64) + offset
        edge = np.abs(exact - np.round(exact)) < 1e-4
        out |= edge & (np.abs(x) < np.abs(top))
    twins = (np.abs(x) == np.abs(top)) & (x != top)        # +m and -m in one block: which comes first?
    return (out | twins).reshape(weights.shape)


def settle(stored):
    """Makes doubtful weights a little smaller, until none is left."""
    if stored.shape[-1] % 32:
        return stored
    for _ in range(100):
        bad = torch.from_numpy(doubtful(stored.float().numpy()))
        if not bad.any():
            return stored
        stored = torch.where(bad, (stored.float() * (1 - 2.0**-7)).to(stored.dtype), stored)
    raise RuntimeError("weights do not settle")


def round_through(weights, kind):
    """dequantise(quantise(weights)) for 'f16', 'q8_0' or 'q4_0'; f16 where rows are no multiple of 32."""
    if kind == "f16" or weights.shape[-1] % 32:
        return weights.astype(np.float16).astype(np.float32)
    type_ = {"q8_0": GGMLQuantizationType.Q8_0, "q4_0": GGMLQuantizationType.Q4_0}[kind]
    return quants.dequantize(quants.quantize(weights, type_), type_)


def quantise(model, kind):
    """Replaces every 2-D weight; embeddings and the output matrix are q8_0 in a q4_0 file."""
    for name, value in stored_tensors(model):
        if value.dim() == 2 and is_text(name):
            is_table = name.removesuffix(".weight").endswith(("embed_tokens", "embed_tokens_per_layer", "lm_head"))
            own = "q8_0" if kind == "q4_0" and is_table else kind
            value.data.copy_(torch.from_numpy(round_through(value.detach().numpy().astype(np.float32), own)))


def is_text(name):
    return "vision_tower" not in name and "multi_modal_projector" not in name


# ---- running -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def logits_of(model, tokens):
    """Logits at every position, all tokens in one pass without a cache."""
    return model(input_ids=torch.tensor([list(map(int, tokens))]), use_cache=False).logits[0].numpy()


@torch.no_grad()
def greedy_with_cache(model, tokens, count):
    """`count` tokens by argmax, one at a time on the model's cache; and the logits of every step."""
    out, rows, cache, feed = [], [], None, torch.tensor([list(map(int, tokens))])
    for _ in range(count):
        result = model(input_ids=feed, past_key_values=cache, use_cache=True)
        cache, last = result.past_key_values, result.logits[0, -1]
        rows.append(last.numpy())
        out.append(int(last.argmax()))
        feed = torch.tensor([[out[-1]]])
    return np.array(out, np.int32), np.stack(rows)


def random_prompt(row, ids, seed):
    rng = np.random.default_rng([seed, zlib.crc32(row.name.encode())])
    tokens = rng.integers(0, row.vocab, PROMPT)
    if ids["bos"] is not None:
        tokens[0] = ids["bos"]
    return tokens.astype(np.int32)


def margins(logits):
    best = np.sort(logits, -1)[..., -2:]
    return (best[..., 1] - best[..., 0]) / (logits.max(-1) - logits.min(-1))


def relative(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


def drift(model, tokens, logits):
    rounded = copy.deepcopy(model)
    quantise(rounded, "q8_0")
    return relative(logits_of(rounded, tokens)[-QUANTISED:], logits[-QUANTISED:])


def find_seed(model, row, ids):
    """The first seed whose reference is sharp: no near tie that rounding could flip, and no dull continuation."""
    for seed in itertools.count(1):
        randomise(model, row, seed)
        tokens = random_prompt(row, ids, seed)
        logits = logits_of(model, tokens)
        if margins(logits[POSITIONS]).min() < MARGIN or logits.std(-1).mean() < 1:
            continue
        greedy, steps = greedy_with_cache(model, tokens, GREEDY)
        if margins(steps).min() < MARGIN or len(set(greedy.tolist())) < DIFFERENT or greedy.max() >= row.vocab:
            continue
        whole = logits_of(model, np.concatenate([tokens, greedy]))[PROMPT - 1:-1]
        if margins(whole).min() < MARGIN or relative(steps, whole) > NOISE or (whole.argmax(-1) != greedy).any():
            continue
        if drift(model, tokens, logits) < row.calm:
            return seed, tokens, logits, greedy


# ---- writing -----------------------------------------------------------------------------------------------------


def save_model(model, row, folder):
    model = model.to(DTYPES[row.dtype])
    model.save_pretrained(folder, max_shard_size=f"{row.shard_kb}KB" if row.shard_kb else "5GB")
    (folder / "generation_config.json").unlink(missing_ok=True)
    if row.name == "gemma4-e":
        add_unused_tensors(folder, model.config.text_config)


def add_unused_tensors(folder, config):
    """The published Gemma 4 E files hold K and V tensors for layers that share another layer's; nobody reads them."""
    from safetensors.torch import load_file
    tensors = load_file(folder / "model.safetensors")
    for i in range(config.num_hidden_layers - config.num_kv_shared_layers, config.num_hidden_layers):
        of = "model.language_model.layers.%d.self_attn." % i
        width = tensors[of + "q_norm.weight"].shape[0]
        for name, shape in (("k_proj", (width, config.hidden_size)), ("v_proj", (width, config.hidden_size)),
                            ("k_norm", (width,))):
            tensors[of + name + ".weight"] = torch.full(shape, 3.0, dtype=torch.bfloat16)
    save_torch_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def write_json(path, data, **layout):
    path.write_text(json.dumps(data, ensure_ascii=False, **(layout or dict(indent=2))) + "\n")


def write_configs(folder, row):
    """config.json in the row's form, config.alt.json in the other."""
    new = json.loads((folder / "config.json").read_text())
    old = config_forms.old_form(new)
    first, other = (new, old) if row.form == "new" else (old, new)
    write_json(folder / "config.json", first)
    write_json(folder / "config.alt.json", other, separators=(",", ":"))


def write_generation_config(folder, row, ids):
    stop = sorted({ids["eos"], ids["end"]})
    data = dict(bos_token_id=ids["bos"], eos_token_id=stop if len(stop) > 1 else stop[0], **row.sampling)
    write_json(folder / "generation_config.json", {k: v for k, v in data.items() if v is not None})


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def quantised_logits(folder, kind, tokens):
    model = load(folder)
    quantise(model, kind)
    return logits_of(model, tokens)[-QUANTISED:]


def make(row, out):
    folder = out / row.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ids = write_tokenizer(row.tokenizer, row.vocab, folder)
    model = AutoModelForCausalLM.from_config(make_config(row, ids), attn_implementation="eager").float().eval()
    seed, tokens, logits, greedy = find_seed(model, row, ids)
    save_model(model, row, folder)
    write_configs(folder, row)
    write_generation_config(folder, row, ids)
    assert np.array_equal(logits_of(load(folder), tokens), logits), "what is on disk gives other logits"
    expected = dict(tokens=tokens, greedy=greedy, positions=np.array(POSITIONS, np.int32), logits=logits[POSITIONS])
    for kind in ("f16", "q8_0", "q4_0"):
        expected[f"logits_{kind}"] = quantised_logits(folder, kind, tokens)
    expected = {k: np.ascontiguousarray(v) for k, v in expected.items()}
    save_file(expected, folder / "expected.safetensors", metadata={"seed": str(seed)})
    size = sum(f.stat().st_size for f in folder.iterdir())
    moved = "  ".join(f"{kind} moves {relative(expected[f'logits_{kind}'], logits[-QUANTISED:]):.0e}"
                      for kind in ("f16", "q8_0", "q4_0"))
    print(f"{row.name:14} seed {seed:4}  {size / 1024:6.1f} KiB  spread {logits.std(-1).mean():.2f}  "
          f"{len(set(greedy.tolist()))} different tokens  {moved}", flush=True)


def main():
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=root / "tests" / "golden")
    parser.add_argument("names", nargs="*", metavar="name")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    for row in MODELS:
        if not args.names or row.name in args.names:
            make(row, args.out)


if __name__ == "__main__":
    main()
