"""A program of a Core ML package, loaded by coremltools and evaluated in numpy."""
import logging
import warnings

import numpy as np

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")
import coremltools as ct
from coremltools.converters.mil.frontend import milproto
from coremltools.converters.mil.mil import types


class Program:
    """`half`: what fp16 is computed in, np.float16, or np.float32 to see what rounding costs."""

    def __init__(self, path, half=np.float16):
        self.half = half
        self.spec = ct.utils.load_spec(path)
        self.program = milproto.load.load(self.spec, specification_version=9,
                                          file_weights_dir=path + "/Data/com.apple.CoreML/weights")
        self.function = self.program.functions["main"]
        description = self.spec.description
        self.states = {s.name: tuple(s.type.stateType.arrayType.shape) for s in description.state}
        self.metadata = dict(description.metadata.userDefined)
        self.constants = {}
        for op in self.function.operations:
            if op.op_type == "const":
                self.constants[op.outputs[0].name] = op.outputs[0].val
            elif op.op_type.startswith("constexpr"):
                self.constants[op.outputs[0].name] = op.materialized_val_inference()
        for name, value in self.constants.items():
            if is_half(value):
                self.constants[name] = value.astype(half)
        self.n_vocab = self.function.outputs[0].shape[-1]

    def new_state(self):
        return {name: np.zeros(shape, self.half) for name, shape in self.states.items()}

    def predict(self, inputs, state):
        """One call of the model: outputs by name; `state` is changed."""
        values = dict(self.constants)
        values.update(inputs)
        for op in self.function.operations:
            if op.op_type == "const" or op.op_type.startswith("constexpr"):
                continue
            results = evaluate(op, values, state, self.half)
            for var, result in zip(op.outputs, results):
                values[var.name] = result
        return {v.name: values[v.name] for v in self.function.outputs}


def argument(v, values):
    if isinstance(v, (list, tuple)):
        return [argument(x, values) for x in v]
    return values[v.name] if v.name in values else v.val


def slices(args, rank, shape):
    begin, end = np.atleast_1d(args["begin"]), np.atleast_1d(args["end"])
    flag = lambda name: [bool(x) for x in np.atleast_1d(args[name])] if args.get(name) is not None else [False] * rank
    b, e, drop = flag("begin_mask"), flag("end_mask"), flag("squeeze_mask")
    index = []
    for i in range(rank):
        low = 0 if b[i] else int(begin[i])
        high = shape[i] if e[i] else int(end[i])
        index.append(low if drop[i] else slice(low, high))
    return tuple(index)


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


def attention(query, key, value, attn_mask):
    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1]) + attn_mask
    return softmax(scores) @ value


def gelu(x, mode):
    assert mode == "TANH_APPROXIMATION"
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def transposed(x, flag):
    return np.swapaxes(x, -1, -2) if flag else x


# Computed in float, as Core ML's implementations keep their sums, and then rounded to what the program declares.
FLOAT = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "real_div": lambda x, y: x / y,
    "maximum": lambda x, y: np.maximum(x, y),
    "abs": lambda x: np.abs(x),
    "sqrt": lambda x: np.sqrt(x),
    "tanh": lambda x: np.tanh(x),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": gelu,
    "softmax": lambda x, axis: softmax(x),
    "reduce_max": lambda x, axes, keep_dims: x.max(axis=tuple(axes), keepdims=bool(keep_dims)),
    "reduce_mean": lambda x, axes, keep_dims: x.mean(axis=tuple(axes), keepdims=bool(keep_dims)),
    "linear": lambda x, weight, bias: x @ weight.T + bias,
    "matmul": lambda x, y, transpose_x, transpose_y: transposed(x, transpose_x) @ transposed(y, transpose_y),
    "scaled_dot_product_attention": attention,
}

# What moves numbers, counts or compares.
EXACT = {
    "cast": lambda x, dtype: x,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
    "less_equal": lambda x, y: x <= y,
    "logical_and": lambda x, y: x & y,
    "logical_or": lambda x, y: x | y,
    "select": lambda cond, a, b: np.where(cond, a, b),
    "gather": lambda x, indices, axis, batch_dims, validate_indices: np.take(x, indices, axis=int(axis)),
    "shape": lambda x: np.array(x.shape, np.int32),
    "range_1d": lambda start, end, step: np.arange(start, end, step),
    "concat": lambda values, axis, interleave: np.concatenate([np.atleast_1d(v) for v in values], axis=int(axis)),
    "split": lambda x, num_splits, axis: np.split(x, int(num_splits), axis=int(axis)),
    "expand_dims": lambda x, axes: np.expand_dims(x, tuple(int(a) for a in axes)),
    "reshape": lambda x, shape: x.reshape(tuple(int(n) for n in shape)),
    "transpose": lambda x, perm: x.transpose(tuple(int(p) for p in perm)),
    "tile": lambda x, reps: np.tile(x, reps),
    "slice_by_index": lambda x, **where: x[slices(where, x.ndim, x.shape)],
}

def is_half(x):
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype in (np.float16, np.float32)


def evaluate(op, values, state, half):
    kind = op.op_type
    if kind == "read_state":
        return [state[op.input.name]]
    args = {name: argument(v, values) for name, v in op.inputs.items() if v is not None}
    if kind == "coreml_update_state":
        state[op.state.name] = args["value"]
        return [args["value"]]
    if kind == "slice_update":
        x = args["x"].copy()
        x[slices(args, x.ndim, x.shape)] = args["update"]
        return [x]
    if kind in FLOAT:
        args = {name: x.astype(np.float32) if is_half(x) else x for name, x in args.items()}
    results = (FLOAT if kind in FLOAT else EXACT)[kind](**args)
    declared = [types.nptype_from_builtin(v.dtype) for v in op.outputs]
    return [np.asarray(r).astype(half if t is np.float16 else t)
            for r, t in zip(results if kind == "split" else [results], declared)]


def triangle(n):
    return np.triu(np.full((1, 1, n, n), -np.inf, np.float16), 1)


def run_caller(program, caller, tokens, n_prompt):
    """Logits of a dialogue, as three callers feed it: Apple's own triangular mask; zeros one column too wide, which
    leaves slot 0 unwritten; and one token at a time from the start."""
    state, rows = program.new_state(), []
    extra = 1 if caller == "zeros" else 0
    first = 1 if caller == "single" else n_prompt
    calls = [tokens[:first]] + [[t] for t in tokens[first:]]
    done = 0
    for call in calls:
        done += len(call)
        mask = np.zeros((1, 1, 1, done + extra), np.float16)
        if caller == "triangle" and len(call) > 1:
            mask = triangle(len(call))
        out = program.predict({"inputIds": np.array([call], np.int32), "causalMask": mask}, state)
        rows.append(out["logits"][0].astype(np.float64))
    return np.concatenate(rows)
