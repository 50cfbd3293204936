"""config.json as the published checkpoints have it, from config.json as Transformers 5 writes it."""

import copy

# Gemma 3's multimodal folders leave out every field that has its default value.
GEMMA3_MM_TEXT = ("head_dim", "hidden_size", "intermediate_size", "model_type", "num_hidden_layers", "rope_scaling",
                  "sliding_window", "vocab_size")


def old_form(new):
    """The same model in the older form: rope_theta and rope_scaling, torch_dtype, no layer_types."""
    config = copy.deepcopy(new)
    if config["model_type"] == "gemma4":
        config["text_config"] = published_gemma4(config["text_config"])
        return config
    if config["model_type"] == "gemma4_text":
        return published_gemma4(config)
    if "text_config" in config:
        text = flatten(config["text_config"])
        config["text_config"] = {k: text[k] for k in GEMMA3_MM_TEXT if k in text}
        config["torch_dtype"] = config.pop("dtype")
    else:
        config = flatten(config)
    config["transformers_version"] = "4.50.0"
    return dict(sorted(config.items()))


def flatten(config):
    config = FAMILY.get(config["model_type"], lambda c: c)(rename_rope(config))
    config.pop("layer_types", None)
    if "dtype" in config:
        config["torch_dtype"] = config.pop("dtype")
    return dict(sorted(config.items()))


def rename_rope(config):
    rope = config.pop("rope_parameters")
    if "full_attention" in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        rope = rope["full_attention"]
    rope = dict(rope)
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope if rope["rope_type"] != "default" else None
    return config


def old_gemma(config):
    config["hidden_act"] = "gelu"              # the released files say so and mean the tanh approximation
    config["hidden_activation"] = None
    return config


def old_gemma2(config):
    config["hidden_act"] = config["hidden_activation"]
    config["cache_implementation"] = "hybrid"
    return config


def old_gemma3(config):
    pattern = [kind == "full_attention" for kind in config["layer_types"]]
    config["sliding_window_pattern"] = pattern.index(True) + 1
    config.pop("_sliding_window_pattern", None)
    return config


def old_qwen(config):
    config["sliding_window"] = 8               # named but switched off, as in the released files
    config["use_sliding_window"] = False
    return config


def published_gemma4(config):
    """Published Gemma 4 files say global_head_dim; transformers 5.23 writes a per_layer_config instead."""
    full = next(iter(config.pop("per_layer_config").values()))
    config["global_head_dim"] = full["head_dim"]
    config["num_global_key_value_heads"] = full.get("num_key_value_heads")
    return dict(sorted(config.items()))


FAMILY = {"gemma": old_gemma, "gemma2": old_gemma2, "gemma3_text": old_gemma3, "qwen2": old_qwen, "qwen3": old_qwen}
