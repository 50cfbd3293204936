#!/usr/bin/env python3
"""What coremltools needs to write the package that `sotto export` writes: time and peak memory.

usage: compare_export.py [--layers 18] [--vocab 256000] [-o FOLDER]

A stateful int4 program of Gemma 2B's shape, or of another one, is made with coremltools' own builder, converted with
its default passes and saved. Its weights are codes and scales that are there already, one code in a byte as coremltools
wants them: neither a checkpoint is read nor anything quantised, so that this is less than a conversion takes.

Processor time and memory are those of the whole process, the import of coremltools included. Limit the memory with
`ulimit -v` first: the full shape takes gigabytes.
"""
import argparse
import os
import resource
import shutil
import tempfile
import time

import numpy as np

from make_toy import cached
from evaluate import ct
from coremltools.converters.mil.mil import Builder as mb, types

EMBD, HEADS, KV, WIDTH, FFN, CONTEXT, BLOCK = 2048, 8, 1, 256, 16384, 128, 32
rng = np.random.default_rng(3)


def weight(rows, cols, name):
    codes = rng.integers(-7, 8, (rows, cols), dtype=np.int8)
    scale = (rng.random((rows, cols // BLOCK), dtype=np.float32) / 64).astype(np.float16)
    return mb.constexpr_blockwise_shift_scale(data=codes.view(types.np_int4_dtype), scale=scale,
                                              name=name)


def linear(x, rows, cols, name):
    return mb.linear(x=x, weight=weight(rows, cols, name))


def norm(x):
    gain = np.ones(EMBD, np.float16)
    mean = mb.reduce_mean(x=mb.square(x=x), axes=[-1], keep_dims=True)
    return mb.mul(x=mb.mul(x=x, y=mb.rsqrt(x=mean, epsilon=np.float16(1e-4))), y=gain)


def rotate(x, cos, sin):
    a, b = mb.split(x=x, num_splits=2, axis=-1)
    turned = mb.concat(values=[mb.mul(x=b, y=np.float16(-1)), a], axis=-1)
    return mb.add(x=mb.mul(x=x, y=cos), y=mb.mul(x=turned, y=sin))


def split_heads(x, n):
    return mb.transpose(x=mb.reshape(x=x, shape=[1, -1, n, WIDTH]), perm=[0, 2, 1, 3])


def layer(x, i, caches, mask, past, stop, cos, sin):
    h = norm(x)
    query = rotate(split_heads(linear(h, HEADS * WIDTH, EMBD, f"q{i}"), HEADS), cos, sin)
    key = rotate(split_heads(linear(h, KV * WIDTH, EMBD, f"k{i}"), KV), cos, sin)
    value = split_heads(linear(h, KV * WIDTH, EMBD, f"v{i}"), KV)
    key, value = (mb.tile(x=cached(cache, new, i, past, stop, f"{cache.name}{i}"), reps=[1, HEADS // KV, 1, 1])
                  for cache, new in zip(caches, (key, value)))
    a = mb.scaled_dot_product_attention(query=query, key=key, value=value, attn_mask=mask)
    a = mb.reshape(x=mb.transpose(x=a, perm=[0, 2, 1, 3]), shape=[1, -1, HEADS * WIDTH])
    x = mb.add(x=x, y=linear(a, EMBD, HEADS * WIDTH, f"o{i}"))
    h = norm(x)
    gate = mb.gelu(x=linear(h, FFN, EMBD, f"gate{i}"), mode="TANH_APPROXIMATION")
    return mb.add(x=x, y=linear(mb.mul(x=gate, y=linear(h, FFN, EMBD, f"up{i}")), EMBD, FFN, f"down{i}"))


def build(layers, vocab):
    q, end = ct.RangeDim(1, CONTEXT), ct.RangeDim(1, CONTEXT)
    caches = [mb.StateTensorSpec((layers, 1, KV, CONTEXT, WIDTH), types.fp16) for _ in "kv"]

    @mb.program(input_specs=[mb.TensorSpec((1, q.symbol), types.int32),
                             mb.TensorSpec((1, 1, q.symbol, end.symbol), types.fp16), *caches],
                opset_version=ct.target.iOS18)
    def program(inputIds, causalMask, keyCache, valueCache):
        embed = weight(vocab, EMBD, "embed")
        x = mb.gather(x=embed, indices=inputIds, axis=0)
        n = mb.slice_by_index(x=mb.shape(x=inputIds), begin=[1], end=[2], squeeze_mask=[True])
        stop = mb.slice_by_index(x=mb.shape(x=causalMask), begin=[3], end=[4], squeeze_mask=[True])
        past = mb.sub(x=stop, y=n)
        positions = mb.range_1d(start=past, end=stop, step=1)
        table = rng.random((CONTEXT, WIDTH), dtype=np.float32).astype(np.float16)
        cos, sin = (mb.gather(x=t, indices=positions, axis=0) for t in (table, -table))
        past, stop = mb.expand_dims(x=past, axes=[0]), mb.expand_dims(x=stop, axes=[0])
        for i in range(layers):
            x = layer(x, i, (keyCache, valueCache), causalMask, past, stop, cos, sin)
        return mb.linear(x=norm(x), weight=embed, name="logits")

    program.functions["main"].set_input_types((
        ct.TensorType(name="inputIds", shape=(1, q), dtype=np.int32),
        ct.TensorType(name="causalMask", shape=(1, 1, q, end), dtype=np.float16)))
    return program


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=18)
    parser.add_argument("--vocab", type=int, default=256000)
    parser.add_argument("-o", "--output", default=tempfile.gettempdir())
    a = parser.parse_args()
    start = time.time()
    model = ct.convert(build(a.layers, a.vocab), minimum_deployment_target=ct.target.iOS18, skip_model_load=True,
                       convert_to="mlprogram")
    path = os.path.join(a.output, "compare_export.mlpackage")
    shutil.rmtree(path, ignore_errors=True)
    model.save(path)
    used = resource.getrusage(resource.RUSAGE_SELF)
    size = sum(os.path.getsize(os.path.join(folder, f)) for folder, _, files in os.walk(path) for f in files)
    shutil.rmtree(path)
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    print(f"{a.layers} layers, vocabulary of {a.vocab}: {time.time() - start:.0f} s, processor time "
          f"{used.ru_utime + used.ru_stime:.0f} s, peak memory {used.ru_maxrss * unit / 1e6:.0f} MB, "
          f"package {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
