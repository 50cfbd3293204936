"""Writes tests/unit/data: small model files made by the reference writers, for the readers' tests.

    pip install gguf safetensors numpy && python tools/golden-files/make_format_files.py tests/unit/data

Every tensor's values follow from its name and index by value(); the tests compute the same.
"""
import json
import pathlib
import sys

import gguf
import numpy as np
from safetensors.numpy import save_file


def values(name, shape):
    """The value of element i of a tensor: exact in every float type."""
    n = int(np.prod(shape))
    return ((np.arange(n) * 7 + sum(name.encode())) % 61 - 30).astype(np.float32).reshape(shape) / 4


def write_gguf(path):
    w = gguf.GGUFWriter(path, "llama")
    w.add_uint8("t.u8", 200)
    w.add_int8("t.i8", -100)
    w.add_uint16("t.u16", 60000)
    w.add_int16("t.i16", -30000)
    w.add_uint32("t.u32", 4000000000)
    w.add_int32("t.i32", -2000000000)
    w.add_uint64("t.u64", 2**62)
    w.add_int64("t.i64", -2**62)
    w.add_float32("t.f32", 0.25)
    w.add_float64("t.f64", 0.1)
    w.add_bool("t.bool", True)
    w.add_string("t.string", "grüße")
    w.add_array("t.ints", [1, -2, 3])
    w.add_array("t.floats", [0.5, -1.5])
    w.add_array("t.strings", ["", "a", "zwölf"])
    w.add_array("t.bools", [True, False, True])
    w.add_tensor("f32", values("f32", (3, 5)))
    w.add_tensor("f16", values("f16", (2, 3, 4)).astype(np.float16))
    for kind in (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0):
        name = kind.name.lower()
        w.add_tensor(name, gguf.quants.quantize(values(name, (4, 64)), kind), raw_dtype=kind)
    w.add_tensor("one", values("one", (1,)))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_folder(folder):
    folder.mkdir(exist_ok=True)
    one = {"f32": values("f32", (3, 5)), "f16": values("f16", (2, 3, 4)).astype(np.float16)}
    two = {"i64": np.arange(6, dtype=np.int64), "empty": np.zeros((0, 4), np.float32), "bool": np.array([True, False])}
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    for name, tensors in zip(names, (one, two)):
        save_file(tensors, folder / name, metadata={"format": "pt"})
    weight_map = {t: n for n, tensors in zip(names, (one, two)) for t in tensors}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 1000000000000000019884624838656}')


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    out.mkdir(exist_ok=True)
    write_gguf(out / "reference.gguf")
    write_folder(out / "reference-sharded")
