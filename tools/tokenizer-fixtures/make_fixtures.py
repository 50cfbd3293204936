#!/usr/bin/env python3
"""Write tests/tokenizer/data: small tokenizers in the real file formats, strings, and the tokens they must give.

    pip install sentencepiece tokenizers gguf transformers
    tools/tokenizer-fixtures/make_fixtures.py tests/tokenizer/data

Deterministic: the texts and strings are made here, training uses one thread. The expected tokens come from
`sentencepiece` (for tokenizer.model) and `tokenizers` (for tokenizer.json), never from our own code. The libraries'
versions are noted in data/VERSIONS.
"""

import io
import json
import os
import pathlib
import re
import sys
import unicodedata

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import gguf
import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from strings import STRINGS, training_lines
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.convert_slow_tokenizer import generate_merges

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
N_SP, N_BPE = 1100, 900  # pieces of the SentencePiece and of the byte-level vocabularies

HTML = ["<table>", "</table>", "<b>", "</b>", "<h1>", "</h1>", "<code>", "</code>"]
RUNS = ["\n" * n for n in range(1, 17)] + ["▁" * n for n in range(2, 17)] + ["\t" * n for n in range(2, 5)]
GEMMA_USER = ["<mask>", "[@BOS@]", "<unused0>", "<unused1>", "<start_of_turn>", "<end_of_turn>"] + RUNS + HTML
GEMMA4_MARKS = ["<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>", "<|tool_call>", "<tool_call|>",
                "<|tool_response>", "<tool_response|>", '<|"|>']
LLAMA3_SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
                   "<|eot_id|>", "<|python_tag|>"]
CHATML_SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# The marks of conversations that we hold to be control tokens whatever the file says.
CONTROL_ALWAYS = {"<start_of_turn>", "<end_of_turn>"}

LLAMA3_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")


# ---- writing -----------------------------------------------------------------------------------------------------


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def write_strings(path):
    path.write_bytes(varint(len(STRINGS)) + b"".join(varint(len(s)) + s for s in STRINGS))


def write_ids(path, encode):
    """For each string: the ids without special tokens, then 0 if those with them are the same, else n + 1 ids.
    A list of ids is its length and the ids, all varints."""
    out = bytearray()
    for raw in STRINGS:
        text = raw.decode("utf-8", errors="replace")
        plain, special = encode(text, False), encode(text, True)
        out += varint(len(plain)) + b"".join(map(varint, plain))
        out += varint(0) if plain == special else varint(len(special) + 1) + b"".join(map(varint, special))
    path.write_bytes(out)


def write_json(path, value, **options):
    path.write_text(json.dumps(value, ensure_ascii=False, **options) + "\n", encoding="utf-8")


def write_folder(folder, config, tokenizer_config, generation_config=None):
    write_json(folder / "config.json", config, indent=1)
    write_json(folder / "tokenizer_config.json", tokenizer_config, indent=1)
    if generation_config:
        write_json(folder / "generation_config.json", generation_config, indent=1)


def write_tokenizer_json(folder, tok, name="tokenizer", **replace):
    value = json.loads(tok.to_str())
    value.update(replace)
    write_json(folder / f"{name}.json", value, separators=(",", ":"))
    tok = Tokenizer.from_str(json.dumps(value))

    def encode(text, special):
        tok.encode_special_tokens = not special
        return tok.encode(text, add_special_tokens=False).ids

    write_ids(folder / f"{name}.json.ids", encode)
    return value


# ---- SentencePiece ------------------------------------------------------------------------------------------------


def train_sentencepiece(**options):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(training_lines()), model_writer=out, model_type="bpe", vocab_size=N_SP,
        byte_fallback=True, character_coverage=0.9995, split_digits=True, remove_extra_whitespaces=False,
        num_threads=1, minloglevel=2, normalization_rule_name="identity", allow_whitespace_only_pieces=True, **options)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(out.getvalue())
    proto.trainer_spec.ClearField("input")
    return proto


def processor(proto):
    sp = sentencepiece.SentencePieceProcessor()
    sp.LoadFromSerializedProto(proto.SerializeToString())
    return sp


def write_model(folder, proto):
    """tokenizer.model and its expectations. sentencepiece has no notion of special tokens in text: without them,
    marks of conversations are made control pieces, which it never makes of text; with them, the text is cut at
    control pieces (leftmost, longest) and each stretch is encoded by itself, as the published code of the models
    does with its turns."""
    (folder / "tokenizer.model").write_bytes(proto.SerializeToString())
    plain = sentencepiece_model_pb2.ModelProto()
    plain.CopyFrom(proto)
    for piece in plain.pieces:
        if piece.piece in CONTROL_ALWAYS:
            piece.type = CONTROL
    sp = processor(plain)
    controls = {p.piece: i for i, p in enumerate(plain.pieces) if p.type in (CONTROL, UNKNOWN)}
    cut = re.compile("(" + "|".join(re.escape(p) for p in sorted(controls, key=len, reverse=True)) + ")")

    def encode(text, special):
        if not special:
            return sp.EncodeAsIds(text)
        ids = []
        for part in cut.split(text):
            ids += [controls[part]] if part in controls else sp.EncodeAsIds(part)
        return ids

    write_ids(folder / "tokenizer.model.ids", encode)


def json_of_sentencepiece(proto, bos, specials, tab_piece=False, prefix=None):
    """tokenizer.json as transformers' converter makes it of a model: merges out of scores, user-defined pieces as
    added tokens that are not special. `prefix`: None, "each" (a Prepend normalizer) or "first" (Metaspace)."""
    pieces = [("\t" if tab_piece and p.piece == "<0x09>" else p.piece, p.score) for p in proto.pieces]
    vocab = {text: i for i, (text, _) in enumerate(pieces)}
    tok = Tokenizer(models.BPE(vocab, generate_merges(vocab, pieces), unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    replace = normalizers.Replace(" ", "▁")
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if prefix == "each":
        tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), replace])
    elif prefix == "first":
        tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    else:
        tok.normalizer = replace
        tok.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tok.decoder = decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if prefix else []))
    for p in proto.pieces:
        if p.type in (CONTROL, UNKNOWN) or p.piece in specials:
            tok.add_special_tokens([AddedToken(p.piece, normalized=False, special=True)])
        elif p.type == USER_DEFINED:
            tok.add_tokens([AddedToken(p.piece, normalized=False, special=False)])
    tok.post_processor = processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B",
                                                       special_tokens=[(bos, vocab[bos])])
    return tok


def gemma(folder):
    proto = train_sentencepiece(pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>",
                                bos_piece="<bos>", add_dummy_prefix=False, user_defined_symbols=GEMMA_USER)
    write_model(folder, proto)
    tok = json_of_sentencepiece(proto, "<bos>", CONTROL_ALWAYS, tab_piece=True)
    write_tokenizer_json(folder, tok)
    ids = {p.piece: i for i, p in enumerate(proto.pieces)}
    write_folder(folder, {"model_type": "gemma3_text", "vocab_size": N_SP + 4, "bos_token_id": 2, "eos_token_id": [1, ids["<end_of_turn>"]]},
                 {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True, "add_eos_token": False, "bos_token": "<bos>",
                  "eos_token": {"content": "<eos>", "special": True}, "pad_token": "<pad>", "unk_token": "<unk>",
                  "chat_template": "{{ bos_token }}<start_of_turn>"},
                 {"eos_token_id": [1, ids["<end_of_turn>"]], "bos_token_id": 2})
    gguf_of_model(folder / "vocab.gguf", proto)


def gguf_of_model(path, proto):
    """The keys that llama.cpp's converter writes of Gemma's tokenizer.model and tokenizer_config.json: user-defined
    pieces with real spaces and the score -1000."""
    tokens, scores, types = [], [], []
    for p in proto.pieces:
        user, control = p.type == USER_DEFINED, p.type in (CONTROL, UNKNOWN) or p.piece in CONTROL_ALWAYS
        tokens.append((p.piece.replace("▁", " ") if user else p.piece).encode())
        scores.append(-1000.0 if user or control else p.score)
        types.append(CONTROL if control else p.type)
    writer = gguf.GGUFWriter(path, "gemma3")
    add_architecture(writer, "gemma3")
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    finish_gguf(writer)


def gemma4(folder):
    proto = train_sentencepiece(pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>",
                                bos_piece="<bos>", add_dummy_prefix=False, user_defined_symbols=GEMMA4_MARKS + RUNS + HTML)
    tok = json_of_sentencepiece(proto, "<bos>", set(GEMMA4_MARKS), tab_piece=True)
    value = write_tokenizer_json(folder, tok)
    ids = {p.piece: i for i, p in enumerate(proto.pieces)}
    write_folder(folder, {"model_type": "gemma4_text", "vocab_size": N_SP}, {"bos_token": "<bos>", "eos_token": "<eos>",
                 "pad_token": "<pad>", "unk_token": "<unk>"}, {"eos_token_id": [1, ids["<turn|>"]]})
    visible = {"<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>", '<|"|>'}
    pieces = sorted(value["model"]["vocab"], key=value["model"]["vocab"].get)
    special = {t["content"] for t in value["added_tokens"] if t["special"]}
    writer = gguf.GGUFWriter(folder / "vocab.gguf", "gemma4")
    add_architecture(writer, "gemma4")
    writer.add_tokenizer_model("gemma4")
    writer.add_token_list(pieces)
    writer.add_token_scores([-1000.0] * len(pieces))
    writer.add_token_types([USER_DEFINED if p in visible else CONTROL if p in special else
                            BYTE if re.fullmatch("<0x[0-9A-F]{2}>", p) else NORMAL for p in pieces])
    writer.add_token_merges([" ".join(m) for m in value["model"]["merges"]])
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_space_prefix(False)
    writer.add_add_bos_token(True)
    finish_gguf(writer)


def llama2(folder):
    proto = train_sentencepiece(unk_id=0, bos_id=1, eos_id=2, pad_id=-1, add_dummy_prefix=True)
    write_model(folder, proto)
    write_tokenizer_json(folder, json_of_sentencepiece(proto, "<s>", set(), prefix="each"))
    write_folder(folder, {"model_type": "llama", "vocab_size": N_SP, "bos_token_id": 1, "eos_token_id": 2},
                 {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>",
                  "eos_token": "</s>", "unk_token": "<unk>", "legacy": False})
    mistral = folder.parent / "mistral"
    mistral.mkdir(exist_ok=True)
    write_tokenizer_json(mistral, json_of_sentencepiece(proto, "<s>", set(), prefix="first"))
    write_folder(mistral, {"model_type": "mistral", "vocab_size": N_SP, "bos_token_id": 1, "eos_token_id": 2},
                 {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})


# ---- byte-level BPE -------------------------------------------------------------------------------------------------


def train_byte_level(split, specials_first=(), nfc=False):
    tok = Tokenizer(models.BPE())
    if nfc:
        tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = split
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(training_lines(), trainers.BpeTrainer(
        vocab_size=N_BPE, special_tokens=list(specials_first), show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    return tok


def split_by(regex):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(regex), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def special(*texts):
    return [AddedToken(t, normalized=False, special=True) for t in texts]


def llama3(folder):
    tok = train_byte_level(split_by(LLAMA3_SPLIT))
    tok.model.ignore_merges = True
    # Pieces that merges do not lead to: they show that a whole pre-token is looked up first.
    value = json.loads(tok.to_str())
    for text in ("Ġunreachablewhole", "ĠÐ¿ÑĢÐ¸Ð²ÐµÑĤÐ¸Ðº", "!?!?!?"):
        value["model"]["vocab"][text] = len(value["model"]["vocab"])
    tok = Tokenizer.from_str(json.dumps(value))
    tok.add_special_tokens(special(*LLAMA3_SPECIALS))
    bos = "<|begin_of_text|>"
    tok.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tok.token_to_id(bos))])])
    # The older form of merges, one text with a space, is what Llama 3's file has.
    model = json.loads(tok.to_str())["model"]
    model["merges"] = [" ".join(m) for m in model["merges"]]
    write_tokenizer_json(folder, tok, model=model)
    ids = {t: tok.token_to_id(t) for t in LLAMA3_SPECIALS}
    write_folder(folder, {"model_type": "llama", "vocab_size": tok.get_vocab_size() + 5, "bos_token_id": ids[bos],
                          "eos_token_id": [ids["<|end_of_text|>"], ids["<|eom_id|>"], ids["<|eot_id|>"]]},
                 {"bos_token": bos, "eos_token": "<|eot_id|>"},
                 {"eos_token_id": [ids["<|end_of_text|>"], ids["<|eom_id|>"], ids["<|eot_id|>"]]})
    gguf_of_json(folder / "vocab.gguf", tok, model, "llama", "llama-bpe", bos_token_id=ids[bos], eos_token_id=ids["<|eot_id|>"])


def gguf_of_json(path, tok, model, architecture, pre, **ids):
    n = tok.get_vocab_size()
    writer = gguf.GGUFWriter(path, architecture)
    add_architecture(writer, architecture)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([tok.id_to_token(i) for i in range(n)])
    writer.add_token_types([NORMAL if tok.id_to_token(i) in model["vocab"] else CONTROL for i in range(n)])
    writer.add_token_merges(model["merges"])
    for key, value in ids.items():
        writer.add_uint32(f"tokenizer.ggml.{key}", value)
    finish_gguf(writer)


def qwen2(folder):
    tok = train_byte_level(split_by(QWEN2_SPLIT), nfc=True)
    tok.add_special_tokens(special(*CHATML_SPECIALS))
    tok.add_tokens([AddedToken(t, normalized=False) for t in ("<tool_call>", "</tool_call>", "<think>", "</think>")])
    tok.add_tokens([AddedToken("<étage>", normalized=True)])
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    write_tokenizer_json(folder, tok)
    ids = {t: tok.token_to_id(t) for t in CHATML_SPECIALS}
    write_folder(folder, {"model_type": "qwen2", "vocab_size": tok.get_vocab_size() + 3, "bos_token_id": ids["<|endoftext|>"],
                          "eos_token_id": ids["<|im_end|>"]},
                 {"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>",
                  "pad_token": "<|endoftext|>", "model_max_length": 131072},
                 {"eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]], "bos_token_id": ids["<|endoftext|>"]})


def smollm2(folder):
    tok = train_byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]),
                           specials_first=CHATML_SPECIALS)
    tok.add_special_tokens(special(*CHATML_SPECIALS))
    # Tokens that take white space along; no published file of the family has them, the format does.
    tok.add_tokens([AddedToken("<left>", normalized=False, lstrip=True), AddedToken("<right>", normalized=False, rstrip=True)])
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    write_tokenizer_json(folder, tok)
    write_folder(folder, {"model_type": "llama", "vocab_size": tok.get_vocab_size(), "bos_token_id": 1, "eos_token_id": 2},
                 {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>",
                  "unk_token": "<|endoftext|>", "pad_token": "<|im_end|>", "add_prefix_space": False})


# ---- GGUF -----------------------------------------------------------------------------------------------------------


def add_architecture(writer, name):
    """As little of a model as makes a file that can be opened."""
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_name(f"vocabulary of a test ({name})")


def finish_gguf(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    out = pathlib.Path(sys.argv[1])
    for family in (gemma, gemma4, llama2, llama3, qwen2, smollm2):
        folder = out / family.__name__
        folder.mkdir(parents=True, exist_ok=True)
        family(folder)
    write_strings(out / "strings.bin")
    (out / "VERSIONS").write_text(
        f"sentencepiece {sentencepiece.__version__}\ntokenizers {tokenizers.__version__}\n"
        f"unicodedata {unicodedata.unidata_version}\n{len(STRINGS)} strings\n")


if __name__ == "__main__":
    main()
