"""Tiny tokenizers in the file formats of the real ones.

Two kinds: SentencePiece BPE (Gemma, Llama 2, Mistral) and byte-level BPE (Llama 3, Qwen, SmolLM).
Each writer puts the tokenizer's files into a model folder; the vocabulary is exactly `size` tokens.
"""

import io
import json
import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = """the cat sat on the mat and the dog lay in the sun.
she said that there is nothing to fear in the other room.
one two three, then the rest of them came in the rain.
a quiet voice reads the letters, and the night is still.
the man on the hill has seen the sea and the stars.""".split("\n")

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

GEMMA_TURNS = ["<start_of_turn>", "<end_of_turn>"]
GEMMA4_TURNS = ["<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>"]
GEMMA_RUNS = ["\n", "\n\n", "\n\n\n", "▁▁", "▁▁▁", "▁▁▁▁", "\t", "<b>", "</b>"]
LLAMA3_SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                   "<|eom_id|>", "<|eot_id|>", "<|python_tag|>"]
QWEN_SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SMOLLM3_SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"]

LLAMA3_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")


def write_tokenizer(kind, size, folder):
    """Writes the tokenizer files of `kind` and returns {special text: id} (with 'bos', 'eos', 'end' as well)."""
    return WRITERS[kind](size, folder)


# ---- SentencePiece BPE -------------------------------------------------------------------------------------------


def train_sentencepiece(size, **options):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=out, model_type="bpe", vocab_size=size, byte_fallback=True,
        character_coverage=1.0, split_digits=True, remove_extra_whitespaces=False, num_threads=1, minloglevel=2,
        normalization_rule_name="identity", allow_whitespace_only_pieces=True, **options)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(out.getvalue())
    assert len(proto.pieces) == size
    return proto


def merges_of(proto):
    """The merges list that gives the same tokens as the scores: for each piece, best first, every way to cut it."""
    rank = {p.piece: i for i, p in enumerate(proto.pieces)}
    mergeable = [p for p in proto.pieces if p.type in (NORMAL, USER_DEFINED) and len(p.piece) > 1]
    merges = []
    for piece in sorted(mergeable, key=lambda p: (-p.score, rank[p.piece])):
        cuts = [(piece.piece[:i], piece.piece[i:]) for i in range(1, len(piece.piece))]
        cuts = [c for c in cuts if c[0] in rank and c[1] in rank]
        merges += sorted(cuts, key=lambda c: (rank[c[0]], rank[c[1]]))
    return merges


def sentencepiece_json(proto, bos, prefix_space):
    """tokenizer.json for a SentencePiece model, as the converters of transformers write it."""
    vocab = {p.piece: i for i, p in enumerate(proto.pieces)}
    tok = tokenizers.Tokenizer(models.BPE(vocab, merges_of(proto), unk_token="<unk>", fuse_unk=True,
                                          byte_fallback=True))
    spaces = normalizers.Replace(" ", "▁")
    if prefix_space:
        tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), spaces])
        tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                         decoders.Strip(" ", 1, 0)])
    else:
        tok.normalizer = spaces
        tok.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
        tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tok.add_special_tokens([AddedToken(p.piece, normalized=False, special=True) for p in proto.pieces
                            if p.type in (CONTROL, UNKNOWN)])
    tok.add_tokens([AddedToken(p.piece, normalized=False) for p in proto.pieces if p.type == USER_DEFINED])
    tok.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, vocab[bos])])
    return tok


def write_sentencepiece(folder, proto, bos, prefix_space, with_model):
    if with_model:
        (folder / "tokenizer.model").write_bytes(proto.SerializeToString())
    write_json_tokenizer(folder, sentencepiece_json(proto, bos, prefix_space))
    return {p.piece: i for i, p in enumerate(proto.pieces)}


def gemma(size, folder, turns=GEMMA_TURNS, with_model=True):
    proto = train_sentencepiece(size, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>",
                                bos_piece="<bos>", user_defined_symbols=turns + GEMMA_RUNS, add_dummy_prefix=False)
    ids = write_sentencepiece(folder, proto, "<bos>", prefix_space=False, with_model=with_model)
    write_config(folder, "GemmaTokenizer", "<bos>", "<eos>", unk_token="<unk>", pad_token="<pad>", add_bos_token=True)
    return ids | {"bos": 2, "eos": 1, "end": ids[turns[1]]}


def gemma4(size, folder):
    """Like the published Gemma 4 folders: tokenizer.json only."""
    return gemma(size, folder, turns=GEMMA4_TURNS, with_model=False)


def llama2(size, folder):
    proto = train_sentencepiece(size, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, add_dummy_prefix=True)
    ids = write_sentencepiece(folder, proto, "<s>", prefix_space=True, with_model=True)
    write_config(folder, "LlamaTokenizer", "<s>", "</s>", unk_token="<unk>", add_bos_token=True, add_eos_token=False,
                 legacy=False)
    return ids | {"bos": 1, "eos": 2, "end": 2}


# ---- byte-level BPE ----------------------------------------------------------------------------------------------


def byte_level(split):
    return pre_tokenizers.Sequence([*split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def train_byte_level(size, splitter, specials_first):
    """A BPE over bytes; `specials_first` take ids 0, 1, ..."""
    tok = tokenizers.Tokenizer(models.BPE())
    tok.pre_tokenizer = splitter
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=specials_first, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tok.train_from_iterator(CORPUS, trainer)
    return tok


def finish_byte_level(folder, tok, size, specials, bos, ignore_merges=False, nfc=False):
    tok.decoder = decoders.ByteLevel()
    tok.model.ignore_merges = ignore_merges
    if nfc:
        tok.normalizer = normalizers.NFC()
    tok.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in specials])
    assert tok.get_vocab_size() == size, (tok.get_vocab_size(), size)
    if bos:
        tok.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B",
                                          special_tokens=[(bos, tok.token_to_id(bos))])])
    else:
        tok.post_processor = processors.ByteLevel(trim_offsets=False)
    write_json_tokenizer(folder, tok)
    return {s: tok.token_to_id(s) for s in specials}


def llama3(size, folder, specials=LLAMA3_SPECIALS, end="<|eot_id|>"):
    splitter = byte_level([pre_tokenizers.Split(Regex(LLAMA3_SPLIT), "isolated")])
    tok = train_byte_level(size - len(specials), splitter, [])
    ids = finish_byte_level(folder, tok, size, specials, "<|begin_of_text|>", ignore_merges=True)
    write_config(folder, "PreTrainedTokenizerFast", "<|begin_of_text|>", end)
    return ids | {"bos": ids["<|begin_of_text|>"], "eos": ids["<|end_of_text|>"], "end": ids[end]}


def smollm3(size, folder):
    return llama3(size, folder, SMOLLM3_SPECIALS, "<|im_end|>")


def qwen2(size, folder):
    splitter = byte_level([pre_tokenizers.Split(Regex(QWEN_SPLIT), "isolated")])
    tok = train_byte_level(size - len(QWEN_SPECIALS), splitter, [])
    ids = finish_byte_level(folder, tok, size, QWEN_SPECIALS, None, nfc=True)
    write_config(folder, "Qwen2Tokenizer", None, "<|im_end|>", pad_token="<|endoftext|>", add_bos_token=False)
    return ids | {"bos": None, "eos": ids["<|endoftext|>"], "end": ids["<|im_end|>"]}


def smollm2(size, folder):
    splitter = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tok = train_byte_level(size, splitter, QWEN_SPECIALS)
    ids = finish_byte_level(folder, tok, size, QWEN_SPECIALS, None)
    write_config(folder, "GPT2Tokenizer", "<|im_start|>", "<|im_end|>", unk_token="<|endoftext|>",
                 pad_token="<|im_end|>", add_bos_token=False)
    return ids | {"bos": None, "eos": ids["<|endoftext|>"], "end": ids["<|im_end|>"]}


# ---- files -------------------------------------------------------------------------------------------------------


def write_json_tokenizer(folder, tok):
    data = json.loads(tok.to_str())
    (folder / "tokenizer.json").write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_config(folder, tokenizer_class, bos, eos, **more):
    data = {"tokenizer_class": tokenizer_class, "bos_token": bos, "eos_token": eos, "model_max_length": 256,
            "clean_up_tokenization_spaces": False, **more}
    (folder / "tokenizer_config.json").write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


WRITERS = {"gemma": gemma, "gemma4": gemma4, "llama2": llama2, "llama3": llama3, "qwen2": qwen2,
           "smollm2": smollm2, "smollm3": smollm3}
