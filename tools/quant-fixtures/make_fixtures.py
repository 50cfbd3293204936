#!/usr/bin/env python3
"""Writes tests/unit/data/quant.bin: blocks of every weight dtype with the floats that they mean, and floats with
the bytes that they become, computed by the gguf package.

    pip install numpy gguf
    python tools/quant-fixtures/make_fixtures.py tests/unit/data/quant.bin

The file is a sequence of records, little-endian: dtype name (8 bytes, zero-filled), kind (u32: 0 bytes -> floats,
1 floats -> bytes), number of floats (u32), number of bytes (u32), the bytes, the floats.
"""
import struct
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize, quantize

N = 512
WEIGHTS = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"]
WRITTEN = ["F16", "BF16", "Q4_0", "Q8_0"]


def record(name, kind, data, floats):
    data, floats = data.view(np.uint8).ravel(), floats.astype(np.float32).ravel()
    head = name.lower().encode().ljust(8, b"\0") + struct.pack("<III", kind, floats.size, data.size)
    return head + data.tobytes() + floats.tobytes()


def sample(rng):
    """Floats of all the kinds that rounding meets: many sizes, zeros, equal magnitudes, halves, tiny ones."""
    x = (rng.standard_normal(2 * N) * np.exp(rng.standard_normal(2 * N))).astype(np.float32)
    x[0:32] = 0
    x[32:64] = 0.5
    x[64:96] = np.where(np.arange(32) % 2, 3.0, -3.0)
    x[96:128] = np.arange(-16, 16) / 2
    x[128:160] = np.arange(-127, 129, 8) / 2
    x[160:192] *= 1e-7
    x[192:224] *= 1e-20
    x[224:256] *= 1000
    x[255] = -65504
    return x


def main():
    rng = np.random.default_rng(20)
    out = b""
    for name in WEIGHTS:
        dtype = getattr(GGMLQuantizationType, name)
        elems, size = GGML_QUANT_SIZES[dtype]
        data = rng.integers(0, 256, N // elems * size, dtype=np.uint8)
        floats = dequantize(data, dtype)
        while not np.isfinite(floats).all():  # random scales that are no numbers are drawn again
            blocks, bad = data.reshape(-1, size), ~np.isfinite(floats.reshape(-1, elems)).all(axis=1)
            blocks[bad] = rng.integers(0, 256, (bad.sum(), size), dtype=np.uint8)
            floats = dequantize(data, dtype)
        out += record(name, 0, data, floats)
    for name in WRITTEN:
        x = sample(rng)
        out += record(name, 1, quantize(x, getattr(GGMLQuantizationType, name)), x)
    with open(sys.argv[1], "wb") as f:
        f.write(out)
    print(f"{sys.argv[1]}: {len(out)} bytes")


main()
