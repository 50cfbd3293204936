"""The starter model in PyTorch: the Gemma 1 architecture (Gemma Team 2024), small.

Matrix products are in COMPUTE, bf16 where the machine is fast at it; the optimiser's weights are float32. `fake_q4` rounds a matrix to what sotto's q4_0
can hold (blocks of 32 along the row) and lets the gradient through: quantisation-aware training, so that the 4-bit
file answers as the full one does.
"""

import dataclasses

import torch
import torch.nn as nn
import torch.nn.functional as F

COMPUTE = torch.bfloat16 if torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported() else torch.float32

@dataclasses.dataclass
class Config:
    vocab_size: int = 4096
    hidden_size: int = 256
    intermediate_size: int = 768
    num_hidden_layers: int = 6
    num_attention_heads: int = 4
    num_key_value_heads: int = 1  # the attention below relies on it
    head_dim: int = 64
    max_position_embeddings: int = 1024
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6


class RoundQ4(torch.autograd.Function):
    """The nearest q4_0 value: scale = (the block's element of greatest magnitude) / -8, codes -8..7."""

    @staticmethod
    def forward(ctx, weight):
        blocks = weight.reshape(-1, 32)
        extreme = blocks.gather(1, blocks.abs().argmax(1, keepdim=True))
        scale = (extreme / -8).half().float()
        codes = torch.where(scale == 0, torch.zeros_like(blocks), torch.round(blocks / scale)).clamp(-8, 7)
        return (codes * scale).reshape(weight.shape)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Linear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) * n_in**-0.5)
        self.fake_q4 = False

    def forward(self, x):
        w = RoundQ4.apply(self.weight) if self.fake_q4 else self.weight
        return F.linear(x, w.to(x.dtype))


class RMSNorm(nn.Module):
    def __init__(self, n, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n))  # Gemma's norms multiply by 1 + weight
        self.eps = eps

    def forward(self, x):
        f = x.float()
        f = f * torch.rsqrt(f.pow(2).mean(-1, keepdim=True) + self.eps)
        return (f * (1 + self.weight)).to(COMPUTE)


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.input_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.q_proj = Linear(c.hidden_size, c.num_attention_heads * c.head_dim)
        self.k_proj = Linear(c.hidden_size, c.num_key_value_heads * c.head_dim)
        self.v_proj = Linear(c.hidden_size, c.num_key_value_heads * c.head_dim)
        self.o_proj = Linear(c.num_attention_heads * c.head_dim, c.hidden_size)
        self.post_attention_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.gate_proj = Linear(c.hidden_size, c.intermediate_size)
        self.up_proj = Linear(c.hidden_size, c.intermediate_size)
        self.down_proj = Linear(c.intermediate_size, c.hidden_size)
        for m in (self.o_proj, self.down_proj):
            m.weight.data *= (2 * c.num_hidden_layers) ** -0.5

    def rotate(self, x, cos, sin):
        a, b = x.chunk(2, -1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    def forward(self, x, cos, sin, at=None):
        """at: the places (of rows and tokens flattened) whose output is wanted; None: all."""
        n, t, _ = x.shape
        c = self.c
        h = self.input_layernorm(x)
        q = self.q_proj(h).view(n, t, c.num_attention_heads, c.head_dim).transpose(1, 2)
        k = self.k_proj(h).view(n, t, c.num_key_value_heads, c.head_dim).transpose(1, 2)
        v = self.v_proj(h).view(n, t, c.num_key_value_heads, c.head_dim).transpose(1, 2)
        q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
        # Written out: for such short sequences the fused kernel's backward pass is slower on a CPU.
        scores = (q @ k.transpose(-1, -2)).float() * c.head_dim**-0.5  # one KV head serves all, by broadcasting
        scores = scores.masked_fill(torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1), float("-inf"))
        a = scores.softmax(-1).to(COMPUTE) @ v
        a = a.transpose(1, 2).reshape(n, t, -1)
        if at is not None:
            x, a = x.flatten(0, 1)[at], a.flatten(0, 1)[at]
        x = x + self.o_proj(a)
        h = self.post_attention_layernorm(x)
        return x + self.down_proj(F.gelu(self.gate_proj(h), approximate="tanh") * self.up_proj(h))


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        nn.init.normal_(self.embed_tokens.weight, std=c.hidden_size**-0.5)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.num_hidden_layers))
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        half = c.head_dim // 2
        angle = torch.outer(torch.arange(c.max_position_embeddings).double(),
                            c.rope_theta ** (-torch.arange(half).double() / half))
        self.register_buffer("cos", angle.cos().to(COMPUTE), persistent=False)
        self.register_buffer("sin", angle.sin().to(COMPUTE), persistent=False)

    def hidden(self, ids, at=None):
        x = (F.embedding(ids, self.embed_tokens.weight) * self.c.hidden_size**0.5).to(COMPUTE)
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for layer in self.layers[:-1]:
            x = layer(x, cos, sin)
        return self.norm(self.layers[-1](x, cos, sin, at))

    def logits(self, h):
        return F.linear(h, self.embed_tokens.weight.to(h.dtype)).float()

    def entropies(self, ids, at):
        """Cross entropy of ids[:, 1:] at the places `at` of ids[:, :-1] flattened: what comes after each is foretold."""
        logits = self.logits(self.hidden(ids[:, :-1], at))
        return F.cross_entropy(logits, ids[:, 1:].flatten()[at], reduction="none")

    def loss(self, ids, weights, at):
        """Mean entropy at the places `at`, weighted."""
        w = weights[:, 1:].flatten()[at]
        return (self.entropies(ids, at) * w).sum() / w.sum()

    def set_fake_q4(self, on):
        for m in self.modules():
            if isinstance(m, Linear):
                m.fake_q4 = on
