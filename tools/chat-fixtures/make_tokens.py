#!/usr/bin/env python3
"""Writes tests/chat/tokenizers/ and tests/chat/tokens.json: what the renderings of make_fixtures.py tokenise to.

The tokenizers are tiny ones in the files of the real ones (tools/golden/tiny_tokenizers.py); the tokens come from
Hugging Face's tokenizers, which takes the whole rendered text, as transformers' apply_chat_template does. In
the conversations taken, people write no special tokens: with those, and only with those, sotto's tokens differ.
"""

import json
import pathlib
import sys

import tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "golden"))
import tiny_tokenizers  # noqa: E402

TESTS = ROOT / "tests" / "chat"
SIZE = 360
KINDS = {"gemma": ["gemma"], "gemma4": ["gemma4", "gemma4-large"], "llama2": ["llama2", "mistral-v1"],
         "mistral3": ["mistral"], "llama3": ["llama3", "llama3.0"], "qwen2": ["qwen2.5", "qwen3", "chatml"],
         "smollm2": ["smollm2"], "smollm3": ["smollm3"]}
MISTRAL_SPECIALS = ["[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
                    "[/TOOL_RESULTS]"]
NAMES = ["user only, thinking", "system", "system and five turns", "white space to trim", "inner white space stays",
         "empty contents", "unicode", "quotes and backslashes", "adjacent users are merged", "a later system turn",
         "begins with the assistant", "continue with space at the end", "thought of an earlier turn",
         "two tools and a system", "call, result and answer", "two calls at once", "arguments of all kinds"]


def mistral3(folder):
    """Llama 2's files with control tokens, and the dummy prefix at the beginning of a text only."""
    tiny_tokenizers.write_tokenizer("llama2", SIZE, folder)
    (folder / "tokenizer.model").unlink(missing_ok=True)
    path = folder / "tokenizer.json"
    data = json.loads(path.read_text())
    data["normalizer"] = None
    data["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    for i, text in enumerate(MISTRAL_SPECIALS):
        data["added_tokens"].append({"id": SIZE + i, "content": text, "single_word": False, "lstrip": False,
                                     "rstrip": False, "normalized": False, "special": True})
    path.write_text(json.dumps(data, ensure_ascii=False))


def main():
    out = {}
    for kind, formats in KINDS.items():
        folder = TESTS / "tokenizers" / kind
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "mistral3":
            mistral3(folder)
        else:
            tiny_tokenizers.write_tokenizer(kind, SIZE, folder)
            if (folder / "tokenizer.json").exists():
                (folder / "tokenizer.model").unlink(missing_ok=True)
        (folder / "config.json").write_text('{"model_type": "llama"}\n')
        tok = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        for name in formats:
            texts = json.loads((TESTS / (name + ".json")).read_text())
            out[name] = {"tokenizer": kind,
                         "ids": {n: tok.encode(texts[n], add_special_tokens=False).ids for n in NAMES}}
            print(name, kind, sum(map(len, out[name]["ids"].values())))
    (TESTS / "tokens.json").write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")).replace("}},", "}},\n") + "\n")


main()
