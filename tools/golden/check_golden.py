#!/usr/bin/env python3
"""Checks tests/golden: every folder, in both forms of its config, gives the logits that are stored; and every trap
shows: what the logits become when one thing is done wrong. Prints one line per trap (the table in README.md)."""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import make_golden as golden
import numpy as np
import torch
import transformers
from safetensors.numpy import load_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

FULL = golden.FULL


# ---- things that an engine could do wrong: each takes a folder and returns a model --------------------------------


def with_config(**changes):
    """The model with other config fields."""
    def build(folder):
        config = AutoConfig.from_pretrained(folder)
        for name, value in changes.items():
            setattr(config.get_text_config(), name, value)
        return AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32,
                                                    attn_implementation="eager").eval()
    return build


def with_rope(layer_type, **changes):
    """The model with other rope parameters; layer_type None where all layers share them."""
    def build(folder):
        rope = AutoConfig.from_pretrained(folder).get_text_config().rope_parameters
        (rope[layer_type] if layer_type else rope).update(changes)
        return with_config(rope_parameters=rope)(folder)
    return build


def with_modules(change):
    """The model after `change(name, module)` on each of its modules."""
    def build(folder):
        model = golden.load(folder)
        with torch.no_grad():
            for name, module in model.named_modules():
                change(name, module)
        return model
    return build


def identity(*names):
    def change(name, module):
        if name.split(".")[-1] in names:
            module.forward = lambda x: x
    return with_modules(change)


def fill(short, value):
    def change(name, module):
        tensor = getattr(module, short, None)
        if isinstance(tensor, torch.Tensor) and "vision" not in name:
            tensor.fill_(value)
    return with_modules(change)


def norm_without_one(name, module):
    if type(module).__name__.endswith("RMSNorm"):
        module.weight -= 1


def bf16_embed_scale(name, module):
    if hasattr(module, "embed_scale"):
        module.embed_scale.copy_(module.embed_scale.bfloat16().float())


def exact_gelu(name, module):
    if hasattr(module, "act_fn"):
        module.act_fn = nn.GELU()


def kv_heads_tiled(name, module):
    """Query head h reads KV head h % kv instead of h // groups: the same as reordering the query heads."""
    if not hasattr(module, "q_proj") or "vision" in name:
        return
    groups, width = module.num_key_value_groups, module.head_dim
    rows = module.q_proj.weight.view(-1, groups, width, module.q_proj.weight.shape[1])
    module.q_proj.weight.copy_(rows.transpose(0, 1).reshape(module.q_proj.weight.shape))
    columns = module.o_proj.weight.view(module.o_proj.weight.shape[0], -1, groups, width)
    module.o_proj.weight.copy_(columns.transpose(1, 2).reshape(module.o_proj.weight.shape))
    if getattr(module.q_proj, "bias", None) is not None:
        module.q_proj.bias.copy_(module.q_proj.bias.view(-1, groups, width).transpose(0, 1).reshape(-1))


def no_per_layer_input(name, module):
    if hasattr(module, "per_layer_input_scale"):
        module.per_layer_input_scale = 0.0


def kv_of_first_layer(folder):
    """Shared layers read the first layer of their type instead of the last one before them."""
    model = golden.load(folder)
    layers, types = model.model.language_model.layers, model.config.text_config.layer_types
    for i, layer in enumerate(layers):
        layer.self_attn.store_full_length_kv = i == types.index(types[i])
    return model


def interleaved_rope(name, module):
    """Pairs (2i, 2i+1) instead of (i, i + half): the same as reordering the rows of Wq and Wk within each head."""
    if not hasattr(module, "q_proj") or "vision" in name:
        return
    half = module.head_dim // 2
    order = torch.arange(2 * half).view(half, 2).T.reshape(-1)
    for proj in (module.q_proj, module.k_proj):
        heads = proj.weight.view(-1, 2 * half, proj.weight.shape[1])
        proj.weight.copy_(heads[:, order].reshape(proj.weight.shape))
        if proj.bias is not None:
            proj.bias.copy_(proj.bias.view(-1, 2 * half)[:, order].reshape(-1))


GEMMA = {
    "norm without +1": with_modules(norm_without_one),
    "no embedding scale": fill("embed_scale", 1.0),
    "embedding scale rounded to bf16": with_modules(bf16_embed_scale),
    "exact gelu": with_modules(exact_gelu),
    "KV heads tiled": with_modules(kv_heads_tiled),
    "rope pairs (2i, 2i+1)": with_modules(interleaved_rope),
}
WINDOW = {"no window": with_config(sliding_window=256), "window + 1": "window"}
GEMMA3 = GEMMA | WINDOW | {
    "no q/k norm": identity("q_norm", "k_norm"),
    "global base on local layers": with_rope("sliding_attention", rope_theta=1e6),
    "local base on global layers": with_rope(FULL, rope_theta=1e4),
    "scale 1/sqrt(head_dim)": "head_dim scale",
}
GEMMA4 = {k: GEMMA[k] for k in ("no embedding scale", "embedding scale rounded to bf16", "exact gelu")} | WINDOW | {
    "no q/k norm": identity("q_norm", "k_norm"),
    "no v norm": identity("v_norm"),
    "layer_scalar forgotten": fill("layer_scalar", 1.0),
    "full rotation on full layers": with_rope(FULL, partial_rotary_factor=1.0),
    "local base on global layers": with_rope(FULL, rope_theta=1e4),
    "no final soft-cap": with_config(final_logit_softcapping=None),
}
LLAMA = {k: GEMMA[k] for k in ("rope pairs (2i, 2i+1)",)} | {"other rope base": with_rope(None, rope_theta=5e5)}
GQA = {k: GEMMA[k] for k in ("KV heads tiled",)}
EPS = {"eps 1e-6": with_config(rms_norm_eps=1e-6)}

TRAPS = {
    "gemma1": {k: v for k, v in GEMMA.items() if k != "KV heads tiled"},
    "gemma1-odd": {k: v for k, v in GEMMA.items() if k != "KV heads tiled"},
    "gemma2": GEMMA | WINDOW | EPS | {
        "no attention soft-cap": with_config(attn_logit_softcapping=None),
        "no final soft-cap": with_config(final_logit_softcapping=None),
        "scale 1/sqrt(head_dim)": "head_dim scale",
        "odd layers local instead of even": "shifted layers"},
    "gemma3": GEMMA3 | {"no linear scaling": with_rope(FULL, factor=1.0),
                        "linear scaling on local layers": with_rope("sliding_attention", rope_type="linear",
                                                                    factor=8.0)},
    "gemma3-new": {k: v for k, v in GEMMA3.items() if k not in ("KV heads tiled", "scale 1/sqrt(head_dim)")} | {
        "pattern 5:1 instead of layer_types": with_config(layer_types=["sliding_attention"] * 4)},
    "gemma3-mm": GEMMA3 | {"no linear scaling": with_rope(FULL, factor=1.0)},
    "gemma4-e": GEMMA4 | {"no per-layer embedding": with_modules(no_per_layer_input),
                          "shared layers read the first layer of their type": kv_of_first_layer},
    "gemma4-kv": GEMMA4,
    "llama2": LLAMA,
    "llama3": LLAMA | GQA | EPS | {"no llama3 scaling": with_rope(None, rope_type="default"),
                                   "llama3 as linear scaling": with_rope(None, rope_type="linear")},
    "llama3-untied": LLAMA,
    "mistral": LLAMA | GQA | WINDOW,
    "qwen2": LLAMA | GQA | {"no bias": fill("bias", 0.0)},
    "qwen2-untied": LLAMA | {"no bias": fill("bias", 0.0)},
    "qwen3": LLAMA | GQA | EPS | {"no q/k norm": identity("q_norm", "k_norm")},
    "smollm2": LLAMA | GQA,
    "smollm3": LLAMA | {"rope on every layer": with_config(no_rope_layers=[1] * 5),
                        "no_rope_layers read the other way": with_config(no_rope_layers=[0, 0, 0, 1, 0])},
}


def named_trap(trap, folder):
    """The traps that depend on the model's own numbers."""
    text = AutoConfig.from_pretrained(folder).get_text_config()
    if trap == "window":
        return with_config(sliding_window=text.sliding_window + 1)(folder)
    if trap == "head_dim scale":
        return with_config(query_pre_attn_scalar=text.head_dim)(folder)
    if trap == "shifted layers":
        return with_config(layer_types=text.layer_types[1:] + text.layer_types[:1])(folder)
    raise ValueError(trap)


# ---- checking ----------------------------------------------------------------------------------------------------


def stored_logits(model, expected):
    return golden.logits_of(model, expected["tokens"])[expected["positions"]]


def check_forms(folder, expected):
    """Both config files give the logits that are stored."""
    assert golden.relative(stored_logits(golden.load(folder), expected), expected["logits"]) < 1e-5, folder
    with tempfile.TemporaryDirectory() as other:
        other = Path(shutil.copytree(folder, other, dirs_exist_ok=True))
        (other / "config.alt.json").replace(other / "config.json")
        assert golden.relative(stored_logits(golden.load(other), expected), expected["logits"]) < 1e-5, other


def check_greedy(folder, expected):
    greedy, _ = golden.greedy_with_cache(golden.load(folder), expected["tokens"], golden.GREEDY)
    assert np.array_equal(greedy, expected["greedy"]), folder


def check_traps(name, folder, expected):
    for what, trap in TRAPS[name].items():
        model = named_trap(trap, folder) if isinstance(trap, str) else trap(folder)
        change = golden.relative(stored_logits(model, expected), expected["logits"])
        print(f"| {name} | {what} | {change:.1e} |" + ("" if change > 1e-3 else "  <-- hardly shows"), flush=True)


def main():
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dir", type=Path, default=root / "tests" / "golden")
    parser.add_argument("names", nargs="*", metavar="name")
    args = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for row in golden.MODELS:
        if not args.names or row.name in args.names:
            folder = args.dir / row.name
            expected = load_file(folder / "expected.safetensors")
            check_forms(folder, expected)
            check_greedy(folder, expected)
            check_traps(row.name, folder, expected)


if __name__ == "__main__":
    main()
