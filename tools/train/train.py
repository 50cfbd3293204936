#!/usr/bin/env python3
"""Train the starter model.

  train.py tokenizer --work DIR           train DIR/tokenizer.model on the text
  train.py model --work DIR --steps N     train, or go on from DIR/checkpoint.pt; --init FOLDER starts from a model
  train.py mean --work DIR A=2 B=3        DIR/checkpoint.pt becomes the weighted mean of checkpoints A and B
  train.py export --work DIR --out FOLDER write the Hugging Face folder

On a GPU where there is one, else on the CPU: in one process of one thread for each core, which split the batch and
the work of the optimiser (threads that share each small product would wait for each other most of the time). Muon (Jordan et al. 2024) for the matrices, AdamW for the rest; the
learning rate is constant and falls linearly to zero over the last part (Hu et al. 2024); the last part is also
quantisation-aware.
"""

import argparse
import json
import math
import multiprocessing
import os
import pathlib
import random
import time

import numpy as np
import sentencepiece
import torch
import torch.distributed as dist

from maketext import Maker
from model import COMPUTE, Config, Model

SPECIAL = ["<start_of_turn>", "<end_of_turn>"]
BOS = 2
MAX_TOKENS = 384


# ---- tokenizer ---------------------------------------------------------------------------------------------

def train_tokenizer(work, vocab_size):
    maker = Maker(seed=7)
    lines = work / "tokenizer.txt"
    with open(lines, "w") as f:
        for _ in range(120000):
            for said, answer, _ in maker.conversation():
                f.write(said + "\n" + answer + "\n")
        for values in maker.lists.values.values():
            f.writelines(v + "\n" for v in values)
    sentencepiece.SentencePieceTrainer.train(
        input=str(lines), model_prefix=str(work / "tokenizer"), model_type="bpe", vocab_size=vocab_size,
        byte_fallback=True, split_digits=True, add_dummy_prefix=False, remove_extra_whitespaces=False,
        normalization_rule_name="identity", character_coverage=0.9999, max_sentence_length=4096,
        pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>",
        eos_piece="<eos>", bos_piece="<bos>", user_defined_symbols=["\n"], control_symbols=SPECIAL,
        num_threads=2, input_sentence_size=400000, shuffle_input_sentence=True, max_sentencepiece_length=16)
    lines.unlink()


def spaced(answer):
    """An answer as the chat format writes it: a text in a call begins with a space, as what people say does, so that
    a word has the same tokens in both and is copied by copying."""
    return answer.replace('="', '=" ') if answer.startswith("[") else answer


class Encoder:
    """Conversations to token ids and the weights of their places in the loss."""

    def __init__(self, path, dropout=0.0, user_share=0.1, user_weight=0.3):
        self.sp = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.start, self.end = (self.sp.piece_to_id(p) for p in SPECIAL)
        self.newline = self.sp.piece_to_id("\n")
        self.user = [self.start] + self.sp.encode("user") + [self.newline]
        self.model = [self.start] + self.sp.encode("model") + [self.newline]
        self.dropout, self.user_share, self.user_weight = dropout, user_share, user_weight

    def said(self, text):
        text = " " + text
        if self.dropout and random.random() < self.dropout:
            return self.sp.encode(text, enable_sampling=True, alpha=0.1)
        return self.sp.encode(text)

    def prompt(self, turns, said):
        ids = [BOS]
        for u, m in turns:
            ids += self.user + self.sp.encode(" " + u) + [self.end, self.newline] + self.model + \
                self.sp.encode(spaced(m)) + [self.end, self.newline]
        return ids + self.user + self.sp.encode(" " + said) + [self.end, self.newline] + self.model

    def conversation(self, turns):
        ids, weights = [BOS], [0.0]
        said_weight = self.user_weight if random.random() < self.user_share else 0.0  # what people say is learnt too
        for u, m, learnt in turns:
            said, answer = self.said(u), self.sp.encode(spaced(m)) + [self.end]
            ids += self.user + said + [self.end, self.newline] + self.model + answer + [self.newline]
            weights += [0.0] * len(self.user) + [said_weight] * len(said) + [0.0] * (2 + len(self.model)) + \
                [1.0 if learnt else 0.0] * len(answer) + [0.0]
        return ids[:MAX_TOKENS], weights[:MAX_TOKENS]


# ---- batches -----------------------------------------------------------------------------------------------

def repetition(sp):
    """Random tokens, twice: what comes the second time is foretold by copying alone (Olsson et al. 2022), which is most
    of what a model of tool calls has to learn, and which such sequences teach soonest."""
    ids = [random.randrange(263, sp.vocab_size()) for _ in range(random.randint(6, 30))]
    return [BOS] + ids + ids, [0.0] * (len(ids) + 2) + [0.5] * (len(ids) - 1)


def make_batches(queue, seed, tokenizer, tokens_per_batch):
    """Batches of conversations of like length, without end: a process of its own."""
    random.seed(seed)
    torch.set_num_threads(1)
    maker, encoder = Maker(seed), Encoder(tokenizer, dropout=0.05)
    while True:
        pool = sorted((encoder.conversation(maker.conversation()) if random.random() < 0.95 else repetition(encoder.sp)
                       for _ in range(3000)), key=lambda c: len(c[0]))
        batches, batch, longest = [], [], 0
        for c in pool:
            longest = -(-(len(c[0])) // 8) * 8
            if batch and longest * (len(batch) + 1) > tokens_per_batch:
                batches.append(batch)
                batch = []
            batch.append(c)
        random.shuffle(batches)
        for batch in batches:
            n = -(-max(len(c[0]) for c in batch) // 8) * 8 + 1
            ids, weights = np.zeros((len(batch), n), np.int64), np.zeros((len(batch), n), np.float32)
            for i, (a, b) in enumerate(batch):
                ids[i, : len(a)], weights[i, : len(b)] = a, b
            queue.put((ids, weights))


# ---- optimiser ---------------------------------------------------------------------------------------------

class Muon(torch.optim.Optimizer):
    """Momentum whose update is brought near an orthogonal matrix by a Newton-Schulz iteration of degree five."""

    def __init__(self, parameters, lr, momentum=0.95, decay=0.02):
        super().__init__(list(parameters), {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, rank, world):
        """Of `world` processes with equal gradients each updates its share of the matrices, then all get them."""
        for group in self.param_groups:
            for i, p in enumerate(group["params"]):
                state = self.state[p]
                if "m" not in state:
                    state["m"] = torch.zeros_like(p)
                m = state["m"].lerp_(p.grad, 1 - group["momentum"])
                if i % world != rank:
                    p.zero_()
                    continue
                u = p.grad.lerp(m, group["momentum"]).to(COMPUTE)
                flip = u.shape[0] > u.shape[1]
                u = u.T if flip else u
                u = u / (u.norm() + 1e-7)
                for _ in range(5):
                    a = u @ u.T
                    u = 3.4445 * u + (-4.7750 * a + 2.0315 * (a @ a)) @ u
                u = u.T if flip else u
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(u.to(p.dtype), alpha=-group["lr"] * max(1, p.shape[0] / p.shape[1]) ** 0.5)
            summed(group["params"], world)


class Hardest:
    """Of a batch `times` as large as is trained on the rows that the model has most to learn from: a forward pass is a
    third of the work, and most rows are known already (selective backprop, Jiang et al. 2019). A fifth is drawn blindly,
    so that what is known stays known."""

    def __init__(self, model, times, compiled):
        self.times = times
        self.entropies = torch.compile(model.entropies, dynamic=True) if compiled else model.entropies

    @torch.no_grad()
    def pick(self, ids, weights):
        if self.times == 1:
            return ids, weights, None
        answers = places(weights == 1)  # not what people say, nor the random sequences
        entropy = self.entropies(ids, answers)
        rows = torch.zeros(len(ids), device=ids.device).index_add_(0, answers // (ids.shape[1] - 1), entropy)
        n = -(-len(ids) // self.times)
        hard = rows + torch.where(torch.rand_like(rows) < 0.2 / self.times, 1e6, 0)
        chosen = hard.topk(n).indices
        return ids[chosen], weights[chosen], entropy.mean().item()


def places(scored):
    """Where (in ids[:, :-1] flattened) the next token is scored."""
    return scored[:, 1:].flatten().nonzero().flatten()


@torch.no_grad()
def summed(tensors, world):
    """Make each tensor the sum of its values in all processes."""
    if world == 1:
        return
    flat = torch.cat([t.flatten() for t in tensors])
    dist.all_reduce(flat)
    for t, part in zip(tensors, flat.split([t.numel() for t in tensors])):
        t.copy_(part.view_as(t))


# ---- training ----------------------------------------------------------------------------------------------

def load_folder(model, folder):
    from safetensors.torch import load_file
    model.load_state_dict({rename(k): v.float() for k, v in load_file(folder / "model.safetensors").items()})


def rename(name):
    """Hugging Face's name of a tensor -> ours."""
    return name.removeprefix("model.").replace("self_attn.", "").replace("mlp.", "")


def hf_name(name):
    for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
        name = name.replace(part, "self_attn." + part)
    for part in ("gate_proj", "up_proj", "down_proj"):
        name = name.replace(part, "mlp." + part)
    return "model." + name


def train(args, rank, world):
    work, device = args.work, "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{work}/meeting", rank=rank, world_size=world)
    config = Config(num_hidden_layers=args.layers, hidden_size=args.hidden, intermediate_size=args.ffn)
    model = Model(config).to(device)
    matrices = [p for layer in model.layers for p in layer.parameters() if p.ndim == 2]
    rest = [p for p in model.parameters() if not any(p is m for m in matrices)]
    muon = Muon(matrices, lr=args.lr)
    adam = torch.optim.AdamW(rest, lr=args.lr * 0.15, betas=(0.9, 0.97), weight_decay=0.0)
    step = tokens = drawn = 0
    path = work / "checkpoint.pt"
    if path.exists():
        saved = torch.load(path, map_location=device)
        model.load_state_dict(saved["model"])
        muon.load_state_dict(saved["muon"])
        adam.load_state_dict(saved["adam"])
        step, tokens = saved["step"], saved.get("tokens", 0)
        drawn = saved.get("drawn", tokens)
        print(f"going on from step {step}", flush=True)
    elif args.init:
        load_folder(model, args.init)
    queue = multiprocessing.Queue(64)
    worker = multiprocessing.Process(target=make_batches, daemon=True, args=(
        queue, (args.seed * 100003 + step) * 64 + rank, work / "tokenizer.model", args.tokens // world * args.pick))
    worker.start()
    loss_of = torch.compile(model.loss, dynamic=True) if args.compile else model.loss
    hardest = Hardest(model, args.pick, args.compile)
    log = open(work / "log.jsonl", "a") if rank == 0 else None
    decay_from = int(args.steps * (1 - args.decay))
    q4_from = int(args.steps * (1 - args.q4))
    began = saved_at = time.time()
    losses, losses_drawn = [], []
    tokens_before = tokens
    while step < args.steps:
        scale = min(1, (step + 1) / 100, (args.steps - step) / max(1, args.steps - decay_from))
        for opt, lr in ((muon, args.lr), (adam, args.lr * 0.15)):
            for group in opt.param_groups:
                group["lr"] = lr * scale
        model.set_fake_q4(step >= q4_from)
        ids, weights = (torch.from_numpy(x).to(device) for x in queue.get())
        drawn += ids.numel() * world
        ids, weights, loss_drawn = hardest.pick(ids, weights)
        loss = loss_of(ids, weights, places(weights > 0))
        (loss / world).backward()
        summed([p.grad for p in model.parameters()], world)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        muon.step(rank, world)
        adam.step()
        model.zero_grad(set_to_none=True)
        step += 1
        tokens += ids.numel() * world
        losses.append(loss.item())
        losses_drawn.append(loss_drawn or loss.item())
        if rank == 0 and step % 50 == 0:
            row = {"step": step, "loss": round(float(np.mean(losses_drawn)), 5),
                   "loss_picked": round(float(np.mean(losses)), 5), "tokens": tokens, "drawn": drawn,
                   "tokens_per_s": round((tokens - tokens_before) / (time.time() - began)), "lr": round(args.lr * scale, 6),
                   "q4": step > q4_from, "queue": queue.qsize()}
            print(json.dumps(row), file=log, flush=True)
            print(row, flush=True)
            losses, losses_drawn = [], []
        if rank == 0 and (time.time() - saved_at > args.save_every or step == args.steps):
            state = {"model": model.state_dict(), "muon": muon.state_dict(), "adam": adam.state_dict(), "step": step,
                     "config": config.__dict__, "tokens": tokens, "drawn": drawn, "q4_steps": max(0, step - q4_from)}
            torch.save(state, path.with_suffix(".tmp"))
            path.with_suffix(".tmp").rename(path)
            saved_at = time.time()
    worker.terminate()


# ---- means -------------------------------------------------------------------------------------------------

def mean(args):
    """Of the weights of several ends of one training (Izmailov et al. 2018); all else is the last one's."""
    parts = [part.rsplit("=", 1) for part in args.parts]
    total, sums = sum(float(share) for _, share in parts), {}
    for path, share in parts:
        saved = torch.load(path, map_location="cpu")
        for name, value in saved["model"].items():
            sums[name] = sums.get(name, 0) + value * (float(share) / total)
    torch.save(dict(saved, model=sums), args.work / "checkpoint.pt")


# ---- the folder --------------------------------------------------------------------------------------------

# The same text as sotto's own chat format writes (src/text/chat_starter.c). Declarations, system turns, results and what
# was said of them are not shown: the model was trained without.
CHAT_TEMPLATE = r"""{{- bos_token -}}{# sotto-starter #}
{%- macro value(v) -%}
    {%- if v is string -%}{{- '" ' + v | replace('\\', '') | replace('"', "'") + '"' -}}
    {%- elif v is none -%}null
    {%- elif v is boolean -%}{{- 'true' if v else 'false' -}}
    {%- elif v is integer -%}{{- v -}}
    {%- elif v is number -%}{{- ('%.6f' | format(v | round(6) + 0.0)).rstrip('0').rstrip('.') -}}
    {%- elif v is mapping -%}
        {{- '{' -}}{%- for k, x in v.items() -%}
            {{- '"' + k | replace('\\', '') | replace('"', "'") + '": ' + value(x) + ('' if loop.last else ', ') -}}
        {%- endfor -%}{{- '}' -}}
    {%- else -%}
        {{- '[' -}}{%- for x in v -%}{{- value(x) + ('' if loop.last else ', ') -}}{%- endfor -%}{{- ']' -}}
    {%- endif -%}
{%- endmacro -%}
{%- set before = namespace(role='') -%}
{%- for m in messages -%}
    {%- if m.tool_calls -%}
        {{- '<start_of_turn>model\n[' -}}
        {%- for c in m.tool_calls -%}
            {%- set f = c.function if c.function else c -%}
            {{- f.name + '(' -}}
            {%- for k, v in f.arguments.items() -%}{{- k + '=' + value(v) + ('' if loop.last else ', ') -}}{%- endfor -%}
            {{- ')' + ('' if loop.last else ', ') -}}
        {%- endfor -%}
        {{- ']<end_of_turn>\n' -}}
    {%- elif m.role == 'user' -%}{{- '<start_of_turn>user\n ' + m.content | trim + '<end_of_turn>\n' -}}
    {%- elif m.role == 'assistant' and before.role != 'tool' -%}
        {{- '<start_of_turn>model\n' + m.content | trim + '<end_of_turn>\n' -}}
    {%- endif -%}
    {%- set before.role = m.role -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\n' -}}{%- endif -%}"""


def export(args):
    from safetensors.torch import save_file
    saved = torch.load(args.work / "checkpoint.pt", map_location="cpu")
    c = Config(**saved["config"])
    model = Model(c)
    model.load_state_dict(saved["model"])
    args.out.mkdir(parents=True, exist_ok=True)
    save_file({hf_name(k): v.bfloat16().contiguous() for k, v in model.state_dict().items()},
              args.out / "model.safetensors", metadata={"format": "pt"})
    n = sum(p.numel() for p in model.parameters())
    description = (
        f"A function-calling assistant of {n / 1e6:.1f} million parameters for timers, reminders, lists, memories, sums, "
        f"units, clock, dice and volume. Trained from scratch by tools/train on {saved['tokens'] / 1e6:.0f} million tokens "
        f"of conversations made from templates, {saved['step']} steps, the last {saved['q4_steps']} of them with 4-bit "
        "weights. It knows nothing of the world.")
    config = dict(c.__dict__, name="sotto starter", description=description, architectures=["GemmaForCausalLM"],
                  model_type="gemma", torch_dtype="bfloat16",
                  hidden_act="gelu_pytorch_tanh", hidden_activation="gelu_pytorch_tanh", attention_bias=False,
                  tie_word_embeddings=True, pad_token_id=0, eos_token_id=1, bos_token_id=2,
                  max_position_embeddings=MAX_TOKENS)
    sp = sentencepiece.SentencePieceProcessor(model_file=str(args.work / "tokenizer.model"))
    end = sp.piece_to_id("<end_of_turn>")
    write = lambda name, value: (args.out / name).write_text(json.dumps(value, indent=2) + "\n")
    write("config.json", config)
    write("generation_config.json", {"bos_token_id": 2, "eos_token_id": [1, end], "pad_token_id": 0, "do_sample": True,
                                     "top_k": 1})
    write("tokenizer_config.json", {"add_bos_token": True, "add_eos_token": False, "bos_token": "<bos>",
                                    "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>",
                                    "tokenizer_class": "GemmaTokenizer", "chat_template": CHAT_TEMPLATE})
    (args.out / "tokenizer.model").write_bytes((args.work / "tokenizer.model").read_bytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tokenizer", "model", "mean", "export"))
    parser.add_argument("parts", nargs="*", metavar="CHECKPOINT=SHARE", help="of a mean")
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--init", type=pathlib.Path)
    parser.add_argument("--vocab", type=int, default=4096)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--ffn", type=int, default=768)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--tokens", type=int, default=8192, help="of a batch")
    parser.add_argument("--pick", type=int, default=1, help="train on the hardest of so many times as many rows")
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--decay", type=float, default=0.35, help="the last part, in which the learning rate falls")
    parser.add_argument("--q4", type=float, default=0.15, help="the last part, with 4-bit weights")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1 if torch.cuda.is_available() else os.cpu_count())
    parser.add_argument("--save-every", type=float, default=240)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_intermixed_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.what == "tokenizer":
        train_tokenizer(args.work, args.vocab)
    elif args.what == "mean":
        mean(args)
    elif args.what == "export":
        export(args)
    else:
        (args.work / "meeting").unlink(missing_ok=True)
        others = [multiprocessing.Process(target=train, args=(args, rank, args.processes))
                  for rank in range(1, args.processes)]
        for other in others:
            other.start()
        train(args, 0, args.processes)
        for other in others:
            other.join()


if __name__ == "__main__":
    main()
