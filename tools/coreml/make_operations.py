#!/usr/bin/env python3
"""Writes tests/coreml/operations.mlpackage: one program with every operation that sotto runs, in the forms that language
models have them, made with coremltools' own builder; and tests/coreml/operations.safetensors: its inputs, and its outputs
as coremltools' inference of values computes them (or numpy, where that has none: convolutions, silu, attention). All in
fp32, so that what is compared is what the operations mean."""
import os
import shutil
import sys

import numpy as np
from safetensors.numpy import save_file

import evaluate
from evaluate import ct
from coremltools.converters.mil.mil import Builder as mb, Function, types

rng = np.random.default_rng(5)
normal = lambda *shape: rng.standard_normal(shape).astype(np.float32)
ints = lambda *values: np.array(values, np.int32)
codes = lambda type_, high, *shape: rng.integers(0, high, shape).astype(np.uint8).astype(types.nptype_from_builtin(type_))

INPUTS = {"x": normal(2, 3, 8), "i": rng.integers(-9, 9, (2, 3)).astype(np.int32), "image": normal(2, 4, 7, 5),
          "q": normal(1, 2, 3, 8), "k": normal(1, 2, 5, 8), "v": normal(1, 2, 5, 4)}
Y = normal(3, 8)
INDICES = rng.integers(0, 3, (2, 2, 8)).astype(np.int32)
NUMBERS = ints(2, -3, 4)
MASK = np.where(rng.random((3, 5)) < 0.3, -np.inf, 0).astype(np.float32)


def unary(op, **more):
    return lambda t, name: getattr(mb, op)(x=t["x"], name=name, **more)


def binary(op, y=Y):
    return lambda t, name: getattr(mb, op)(x=t["x"], y=y, name=name)


def whole(op):
    return lambda t, name: getattr(mb, op)(x=t["i"], y=NUMBERS, name=name)


def flag(op, **more):
    """Of bools no output can be: as an int32."""
    return lambda t, name: mb.cast(x=op(t), dtype="int32", name=name)


def linear(weight):
    return lambda t, name: mb.linear(x=t["x"], weight=weight(), bias=np.zeros(weight().shape[0], np.float32), name=name)


def palette(type_, bits, shape, groups, vector=1, axis=None):
    indices = codes(type_, 2 ** bits, *shape)
    table = normal(*groups, 2 ** bits, vector)
    more = {} if axis is None else {"vector_axis": np.int32(axis)}
    return lambda: mb.constexpr_lut_to_dense(indices=indices, lut=table, **more)


def scaled(type_, high, shape, blocks, offset=None):
    data, scale = codes(type_, high, *shape), normal(*blocks)
    more = {} if offset is None else {"offset": codes(offset, high, *blocks)}
    return lambda: mb.constexpr_blockwise_shift_scale(data=data, scale=scale, **more)


def conv(image, weight, bias, strides, pad, dilations, groups):
    """One number after the other, in numpy: images [n, channels, h, w]; pad [top, bottom, left, right]."""
    x = np.pad(image, ((0, 0), (0, 0), pad[:2], pad[2:]))
    n_out, n_in, kh, kw = weight.shape
    size = [(x.shape[2 + i] - (weight.shape[2 + i] - 1) * dilations[i] - 1) // strides[i] + 1 for i in range(2)]
    out = np.zeros((x.shape[0], n_out, *size))
    for o in range(n_out):
        first = o // (n_out // groups) * n_in
        for a in range(size[0]):
            for b in range(size[1]):
                top, left = a * strides[0], b * strides[1]
                patch = x[:, first:first + n_in, top:top + (kh - 1) * dilations[0] + 1:dilations[0],
                          left:left + (kw - 1) * dilations[1] + 1:dilations[1]]
                out[:, o, a, b] = (patch * weight[o]).sum(axis=(1, 2, 3)) + bias[o]
    return out.astype(np.float32)


W1, W2, B2 = normal(6, 4, 1, 1), normal(4, 2, 3, 2), normal(4)
SMALL = palette(types.uint4, 4, (6, 4, 1, 1), (1, 1, 1, 1))
OPERATIONS = {
    **{op: unary(op) for op in ("abs", "exp", "tanh", "sigmoid", "cos", "sin", "square", "relu")},
    "sqrt": lambda t, name: mb.sqrt(x=np.abs(INPUTS["x"]) if t is INPUTS else mb.abs(x=t["x"]), name=name),
    "silu": unary("silu"),
    "abs_int": lambda t, name: mb.abs(x=t["i"], name=name),
    "square_int": lambda t, name: mb.square(x=t["i"], name=name),
    **{"gelu_" + mode.lower(): unary("gelu", mode=mode)
       for mode in ("EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION")},
    **{op: binary(op) for op in ("add", "sub", "mul", "real_div", "maximum", "minimum", "floor_div", "mod")},
    "pow": binary("pow", np.float32(2)),
    **{op + "_int": whole(op) for op in ("add", "sub", "mul", "maximum", "minimum", "floor_div", "mod")},
    **{op: flag(lambda t, op=op: getattr(mb, op)(x=t["x"], y=Y))
       for op in ("greater", "greater_equal", "less", "less_equal")},
    **{op: flag(lambda t, op=op: getattr(mb, op)(x=t["i"], y=NUMBERS)) for op in ("equal", "not_equal")},
    **{op: flag(lambda t, op=op: getattr(mb, op)(x=mb.greater(x=t["x"], y=np.float32(0)),
                                                 y=mb.less(x=t["x"], y=np.float32(1))))
       for op in ("logical_and", "logical_or", "logical_xor")},
    "logical_not": flag(lambda t: mb.logical_not(x=mb.greater(x=t["x"], y=np.float32(0)))),
    "select": lambda t, name: mb.select(cond=mb.greater(x=t["x"], y=np.float32(0)), a=t["x"], b=-t["x"]
                                        if t is INPUTS else mb.mul(x=t["x"], y=np.float32(-1)), name=name),
    "clip": unary("clip", alpha=np.float32(-0.5), beta=np.float32(0.7)),
    "rsqrt": lambda t, name: mb.rsqrt(x=mb.square(x=t["x"]), epsilon=np.float32(0.01), name=name),
    "cast": unary("cast", dtype="int32"),
    **{op: unary(op, axes=[1], keep_dims=False) for op in ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min")},
    "reduce_all": unary("reduce_sum", axes=[0, -1], keep_dims=True),
    **{op + "_int": lambda t, name, op=op: getattr(mb, op)(x=t["i"], axes=[-1], keep_dims=True, name=name)
       for op in ("reduce_sum", "reduce_max", "reduce_min")},
    "reduce_argmax": unary("reduce_argmax", axis=1, keep_dims=False),
    "reduce_argmax_last": unary("reduce_argmax", axis=-1, keep_dims=True),
    "softmax": unary("softmax", axis=-1),
    "softmax_middle": unary("softmax", axis=1),
    "layer_norm": unary("layer_norm", axes=[-1], gamma=normal(8), beta=normal(8), epsilon=np.float32(1e-3)),
    "layer_norm_middle": unary("layer_norm", axes=[1], gamma=normal(3), beta=normal(3), epsilon=np.float32(1e-5)),
    "layer_norm_plain": unary("layer_norm", axes=[1, 2], epsilon=np.float32(1e-5)),
    "band_part": unary("band_part", lower=1, upper=2),
    "band_part_lower": unary("band_part", lower=-1, upper=0),
    "reshape": unary("reshape", shape=[0, -1, 4]),
    "transpose": unary("transpose", perm=[2, 0, 1]),
    "expand_dims": unary("expand_dims", axes=[0, 2]),
    "squeeze": lambda t, name: mb.squeeze(x=mb.expand_dims(x=t["x"], axes=[1]), axes=[1], name=name),
    "concat": lambda t, name: mb.concat(values=[t["x"], normal(2, 1, 8) * 0 + np.float32(3)], axis=1, name=name),
    "stack": lambda t, name: mb.stack(values=[t["i"], np.ones((2, 3), np.int32)], axis=-1, name=name),
    "split": lambda t, name: mb.split(x=t["x"], split_sizes=[3, 5], axis=-1)[1],
    "tile": unary("tile", reps=[1, 2, 3]),
    "fill": lambda t, name: mb.add(x=mb.fill(shape=[2, 3], value=np.int32(4)), y=t["i"], name=name),
    "range_1d": lambda t, name: mb.range_1d(start=ints(1)[0], end=mb.gather(x=mb.shape(x=t["x"]), indices=ints(2)[0]),
                                            step=ints(3)[0], name=name),
    "slice_by_index": unary("slice_by_index", begin=[0, -2, 1], end=[1, 0, 8], stride=[1, 1, 3],
                            end_mask=[False, True, False], squeeze_mask=[True, False, False]),
    "slice_by_size": unary("slice_by_size", begin=[0, 1, 3], size=[1, -1, 4]),
    "gather": unary("gather", indices=np.array([[2, 0], [1, 1]], np.int32), axis=1),
    "gather_along_axis": unary("gather_along_axis", indices=INDICES, axis=1),
    "matmul": lambda t, name: mb.matmul(x=t["q"], y=t["k"], transpose_y=True, name=name),
    "matmul_transposed": lambda t, name: mb.matmul(x=t["k"], y=t["v"], transpose_x=True, name=name),
    "attention": lambda t, name: mb.scaled_dot_product_attention(query=t["q"], key=t["k"], value=t["v"],
                                                                 attn_mask=MASK, name=name),
    # Compressed weights: palettes of each width, in groups and as vectors; blocks of any shape, offsets of any value.
    **{f"palette_{b}": linear(palette(getattr(types, f"uint{b}"), b, (6, 8), (1, 1))) for b in (1, 2, 3, 4, 6, 8)},
    "palette_groups": linear(palette(types.uint4, 4, (6, 8), (3, 1))),
    "palette_columns": linear(palette(types.uint2, 2, (6, 8), (2, 4))),
    "palette_vector_rows": linear(palette(types.uint2, 2, (3, 8), (1, 1), 2, 0)),
    "palette_vector_columns": linear(palette(types.uint3, 3, (6, 4), (2, 1), 2, 1)),
    "palette_table": lambda t, name: mb.gather(x=PALETTE_TABLE(), indices=ints(4, 0, 5), axis=0, name=name),
    "palette_constant": lambda t, name: mb.add(x=t["x"], y=PALETTE_SMALL(), name=name),
    "blocks_small": linear(scaled(types.int4, 8, (6, 8), (6, 2))),
    "blocks_of_rows": linear(scaled(types.int8, 127, (6, 8), (2, 1))),
    "blocks_uint4": linear(scaled(types.uint4, 16, (6, 8), (6, 2), types.uint4)),
    "blocks_uint8": linear(scaled(types.uint8, 256, (6, 8), (6, 1), types.uint8)),
    "conv_1x1": lambda t, name: mb.conv(x=t["image"], weight=W1, name=name),
    "conv_palette": lambda t, name: mb.conv(x=t["image"], weight=SMALL(), name=name),
    "conv_groups": lambda t, name: mb.conv(x=t["image"], weight=W2, bias=B2, strides=[2, 1], pad_type="custom",
                                           pad=[1, 2, 0, 1], dilations=[1, 2], groups=2, name=name),
    "conv_same": lambda t, name: mb.conv(x=t["image"], weight=W2, bias=B2, strides=[2, 2], pad_type="same", groups=2,
                                         name=name),
    "conv_same_lower": lambda t, name: mb.conv(x=t["image"], weight=W2, bias=B2, strides=[1, 1], pad_type="same_lower",
                                               groups=2, name=name),
}
PALETTE_TABLE, PALETTE_SMALL = palette(types.uint4, 4, (6, 8), (2, 1)), palette(types.uint2, 2, (3, 8), (1, 1))

# What coremltools cannot infer, or infers in a type of its own.
x, q, k, v, image = (INPUTS[n] for n in ("x", "q", "k", "v", "image"))
ones = np.ones(2, int)
BY_HAND = {
    "silu": lambda: x / (1 + np.exp(-x)),
    "attention": lambda: evaluate.attention(q, k, v, MASK),
    "conv_1x1": lambda: conv(image, W1, np.zeros(6), ones, [0] * 4, ones, 1),
    "conv_palette": lambda: conv(image, SMALL().op.materialized_val_inference(), np.zeros(6), ones, [0] * 4, ones, 1),
    "conv_groups": lambda: conv(image, W2, B2, [2, 1], [1, 2, 0, 1], [1, 2], 2),
    "conv_same": lambda: conv(image, W2, B2, [2, 2], [1, 1, 0, 1], ones, 2),
    "conv_same_lower": lambda: conv(image, W2, B2, [1, 1], [1, 1, 1, 0], ones, 2),
}


def dense(weight):
    return weight().op.materialized_val_inference().astype(np.float32)


def expected(name):
    """Constants in, so that coremltools computes the result while it builds; compressed weights as their values."""
    with Function({}, opset_version=ct.target.iOS18):
        if name in BY_HAND:
            return np.asarray(BY_HAND[name](), np.float32)
        if name.startswith(("palette", "blocks")):
            # Of a constexpr nothing is inferred: the same weight, written out.
            var = OPERATIONS[name](INPUTS, "result")
            weight = next(v for v in var.op.inputs.values()
                          if not isinstance(v, (list, tuple)) and v is not None and v.op is not None
                          and v.op.op_type.startswith("constexpr")).op.materialized_val_inference()
            if var.op.op_type == "linear":
                return x @ weight.T
            return weight[[4, 0, 5]] if var.op.op_type == "gather" else x + weight
        result = OPERATIONS[name](INPUTS, "result").val
        assert result is not None, name + ": nothing is inferred"
        return np.asarray(result)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../../tests/coreml")
    kinds = {n: types.int32 if a.dtype == np.int32 else types.fp32 for n, a in INPUTS.items()}

    @mb.program(input_specs=[mb.TensorSpec(a.shape, kinds[n]) for n, a in INPUTS.items()],
                opset_version=ct.target.iOS18)
    def program(x, i, image, q, k, v):
        given = {"x": x, "i": i, "image": image, "q": q, "k": k, "v": v}
        return tuple(OPERATIONS[name](given, "out_" + name) for name in OPERATIONS)

    model = ct.convert(program, minimum_deployment_target=ct.target.iOS18, skip_model_load=True,
                       convert_to="mlprogram", compute_precision=ct.precision.FLOAT32,
                       pass_pipeline=ct.PassPipeline.EMPTY)
    path = os.path.join(folder, "operations.mlpackage")
    shutil.rmtree(path, ignore_errors=True)
    model.save(path)
    names = [o.name for o in model.get_spec().description.output]
    tensors = {"in_" + n: a for n, a in INPUTS.items()}
    for name, out in zip(OPERATIONS, names):
        value = expected(name)
        tensors[out] = np.ascontiguousarray(np.atleast_1d(value.astype(np.int32 if value.dtype.kind in "iub" else
                                                                       np.float32)))
    save_file(tensors, os.path.join(folder, "operations.safetensors"))


if __name__ == "__main__":
    main()
