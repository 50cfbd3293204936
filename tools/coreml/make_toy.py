#!/usr/bin/env python3
"""Writes tests/coreml/toy.mlpackage: a stateful int4 model made with coremltools' own builder, as Apple's article and
Hugging Face's example are made, and tests/coreml/toy.safetensors: tokens, masks' width and logits of two calls as numpy
computes them. What sotto reads is so tested against files that sotto did not write."""
import os
import shutil
import sys

import numpy as np
from safetensors.numpy import save_file

import evaluate
from evaluate import ct
from coremltools.converters.mil.mil import Builder as mb, types

LAYERS, KV, HEADS, CONTEXT, WIDTH, EMBD, VOCAB, BLOCK = 2, 1, 2, 32, 32, 64, 64, 32
rng = np.random.default_rng(3)


def quantised(rows, cols, name):
    w = rng.standard_normal((rows, cols)).astype(np.float32) / np.sqrt(cols)
    blocks = w.reshape(rows, cols // BLOCK, BLOCK)
    scale = (abs(blocks).max(axis=2) / 7).astype(np.float16)
    codes = np.clip(np.rint(blocks / scale[..., None]), -7, 7).reshape(rows, cols).astype(np.int8)
    return mb.constexpr_blockwise_shift_scale(data=codes.astype(types.np_int4_dtype), scale=scale, name=name)


def cached(state, x, layer, past, end, name):
    one, zero = np.array([1], np.int32), np.array([0], np.int32)
    at = lambda i, p: mb.concat(values=[np.array([i], np.int32), zero, zero, p, zero], axis=0)
    begin, stop = at(layer, past), at(layer + 1, end)
    whole = mb.read_state(input=state)
    new = mb.slice_update(x=whole, update=mb.expand_dims(x=x, axes=[0]), begin=begin, end=stop,
                          stride=[1] * 5, begin_mask=[False] * 5, end_mask=[False, True, True, False, True],
                          squeeze_mask=[False] * 5)
    again = mb.coreml_update_state(state=state, value=new, name=name)
    return mb.slice_by_index(x=again, begin=np.array([layer, 0, 0, 0, 0], np.int32), end=stop,
                             end_mask=[False, True, True, False, True],
                             squeeze_mask=[True, False, False, False, False])


def build():
    q, end = ct.RangeDim(1, CONTEXT), ct.RangeDim(1, CONTEXT)
    cache = (LAYERS, 1, KV, CONTEXT, WIDTH)

    @mb.program(input_specs=[mb.TensorSpec((1, q.symbol), types.int32),
                             mb.TensorSpec((1, 1, q.symbol, end.symbol), types.fp16),
                             mb.StateTensorSpec(cache, types.fp16), mb.StateTensorSpec(cache, types.fp16)],
                opset_version=ct.target.iOS18)
    def program(inputIds, causalMask, keyCache, valueCache):
        embed = quantised(VOCAB, EMBD, "embed")
        h = mb.gather(x=embed, indices=inputIds, axis=0)
        n = mb.slice_by_index(x=mb.shape(x=inputIds), begin=[1], end=[2], squeeze_mask=[True])
        stop = mb.slice_by_index(x=mb.shape(x=causalMask), begin=[3], end=[4], squeeze_mask=[True])
        past, stop = mb.expand_dims(x=mb.sub(x=stop, y=n), axes=[0]), mb.expand_dims(x=stop, axes=[0])
        for i in range(LAYERS):
            heads = lambda x, n: mb.transpose(x=mb.reshape(x=x, shape=[1, -1, n, WIDTH]), perm=[0, 2, 1, 3])
            query = heads(mb.linear(x=h, weight=quantised(HEADS * WIDTH, EMBD, f"wq{i}")), HEADS)
            key = heads(mb.linear(x=h, weight=quantised(KV * WIDTH, EMBD, f"wk{i}")), KV)
            value = heads(mb.linear(x=h, weight=quantised(KV * WIDTH, EMBD, f"wv{i}")), KV)
            key = mb.tile(x=cached(keyCache, key, i, past, stop, f"key{i}"), reps=[1, HEADS // KV, 1, 1])
            value = mb.tile(x=cached(valueCache, value, i, past, stop, f"value{i}"), reps=[1, HEADS // KV, 1, 1])
            a = mb.scaled_dot_product_attention(query=query, key=key, value=value, attn_mask=causalMask)
            a = mb.reshape(x=mb.transpose(x=a, perm=[0, 2, 1, 3]), shape=[1, -1, HEADS * WIDTH])
            h = mb.add(x=h, y=mb.linear(x=a, weight=quantised(EMBD, HEADS * WIDTH, f"wo{i}")))
            h = mb.gelu(x=h, mode="TANH_APPROXIMATION")
        return mb.linear(x=h, weight=embed, name="logits")

    return program, q, end


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../../tests/coreml")
    program, q, end = build()
    program.functions["main"].set_input_types((
        ct.TensorType(name="inputIds", shape=(1, q), dtype=np.int32),
        ct.TensorType(name="causalMask", shape=(1, 1, q, end), dtype=np.float16)))
    model = ct.convert(program, minimum_deployment_target=ct.target.iOS18, skip_model_load=True,
                       convert_to="mlprogram")
    path = os.path.join(folder, "toy.mlpackage")
    shutil.rmtree(path, ignore_errors=True)
    model.save(path)
    toy, tokens = evaluate.Program(path), [5, 9, 33, 2, 61]
    logits = evaluate.run_caller(toy, "triangle", tokens, 4)
    save_file({"tokens": np.array(tokens, np.int32), "logits": logits.astype(np.float32)},
              os.path.join(folder, "toy.safetensors"))


if __name__ == "__main__":
    main()
