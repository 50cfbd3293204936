#!/usr/bin/env python3
"""Write the seeds of the tokenizer fuzz targets: small files with every construct that the readers know.

    tools/tokenizer-fixtures/make_corpus.py tests/fuzz/corpus"""

import json
import pathlib
import sys

from make_fixtures import LLAMA3_SPLIT, QWEN2_SPLIT, varint

GPT2_ALPHABET = "abcdeĠĊ'0123"


def added(content, id, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": True, **flags}


def bpe(vocab, merges, **options):
    return {"type": "BPE", "unk_token": None, "fuse_unk": False, "byte_fallback": False,
            "vocab": {t: i for i, t in enumerate(vocab)}, "merges": merges, **options}


def byte_level(steps, **options):
    vocab = list(GPT2_ALPHABET) + ["ab", "Ġa", "abc"]
    return {"version": "1.0", "added_tokens": [added("<|im_end|>", 15), added("<tool>", 16, special=False, normalized=True)],
            "normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
            "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|im_end|>", "type_id": 0}},
                                                                        {"Sequence": {"id": "A", "type_id": 0}}]},
            "model": bpe(vocab, ["a b", "Ġ a", "ab c"], **options)}


def marked(normalizer, pre_tokenizer, pairs=True):
    vocab = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in (10, 32, 0xE2, 0x96, 0x81)] + ["▁", "a", "b", "▁a", "ab", "▁▁", "\n", "\\\"", "é"]
    merges = [["▁", "a"], ["a", "b"], ["▁", "▁"]]
    return {"added_tokens": [added("<unk>", 0), added("<s>", 1), added("</s>", 2), added("▁▁", 13, special=False),
                             added("\n", 14, special=False, lstrip=True, rstrip=True)],
            "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": None,
            "model": bpe(vocab, merges if pairs else [" ".join(m) for m in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True)}


def seeds_json():
    level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    split = lambda regex: {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    yield "llama3", byte_level([split(LLAMA3_SPLIT), level], ignore_merges=True)
    yield "qwen2", byte_level([split(QWEN2_SPLIT), level])
    yield "smollm", byte_level([{"type": "Digits", "individual_digits": True}, {**level, "use_regex": True}])
    yield "gemma", marked(replace, {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False})
    yield "llama2", marked({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}, None, pairs=False)
    yield "mistral", marked(None, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False})
    yield "metaspace", marked(None, {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True})
    yield "unigram", {"model": {"type": "Unigram", "vocab": [["a", -1.5]]}}


def field(number, kind, payload):
    return varint(number << 3 | kind) + payload


def message(number, body):
    return field(number, 2, varint(len(body)) + body)


def piece(text, type=1, score=b"\0\0\x80\xbf"):
    return message(1, message(1, text.encode()) + field(2, 5, score) + (field(3, 0, varint(type)) if type != 1 else b""))


def seeds_model():
    pieces = [piece("<unk>", 2), piece("<s>", 3), piece("</s>", 3)] + [piece(f"<0x{b:02X}>", 6) for b in (10, 32, 0xE2)]
    pieces += [piece(t) for t in ("▁", "a", "b")] + [piece("▁a"), piece("ab", score=b"\0\0\0\xc0"), piece("▁▁", 4), piece("<end_of_turn>", 4), piece("z", 5)]
    text = b" \n ab a<s>ab\xe2\x96\x81\xff<end_of_turn>b"[:32].ljust(32)
    spec = lambda kind: message(2, field(3, 0, varint(kind)) + field(35, 0, b"\1") + message(46, b"<s>") + message(47, b"</s>"))
    normalizer = lambda prefix, charsmap=b"": message(3, message(1, b"identity") + (message(2, charsmap) if charsmap else b"") +
                                                      field(3, 0, bytes([prefix])) + field(4, 0, b"\0"))
    body = b"".join(pieces)
    yield "llama", body + spec(2) + normalizer(1) + text
    yield "gemma", body + spec(2) + normalizer(0) + text
    yield "unigram", body + spec(1) + normalizer(0) + text
    yield "charsmap", body + spec(2) + normalizer(0, b"\1\2\3") + text
    yield "fixed64", body + field(9, 1, bytes(8)) + text
    yield "empty", text


def main():
    out = pathlib.Path(sys.argv[1])
    for folder, seeds in (("tokenizer_json", seeds_json), ("tokenizer_model", seeds_model)):
        (out / folder).mkdir(parents=True, exist_ok=True)
        for name, value in seeds():
            if not isinstance(value, bytes):
                config = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "eos_token_id": [2, 15], "add_bos_token": True}
                value = b"\0".join([json.dumps(value, ensure_ascii=False).encode(), json.dumps(config).encode(), b"ab  cab <s>\n\n12 '\xff"])
            (out / folder / name).write_bytes(value)


if __name__ == "__main__":
    main()
