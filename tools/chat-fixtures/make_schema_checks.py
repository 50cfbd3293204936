#!/usr/bin/env python3
"""Writes tests/chat/schema_checks.json: which values fit which schemas, as the PyPI package jsonschema has it.

sotto refuses names that a schema does not list where it lists any; so jsonschema is told, by additionalProperties.
"""

import copy
import json
import pathlib

from jsonschema import Draft202012Validator

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "chat" / "schema_checks.json"

POINT = {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x"]}
SCHEMAS = [
    {}, True, False, {"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "boolean"}, {"type": "null"},
    {"type": "array"}, {"type": "object"}, {"type": ["string", "null"]}, {"type": ["integer", "boolean", "array"]},
    {"enum": ["a", 1, None, [1, 2], {"x": 1}]}, {"type": "string", "enum": ["a", "b"]}, {"const": 5}, {"const": {"x": 1}},
    {"minimum": 0}, {"maximum": 5}, {"minimum": -1.5, "maximum": 4}, {"exclusiveMinimum": 0}, {"exclusiveMaximum": 5},
    {"type": "integer", "minimum": 1, "maximum": 100}, {"minLength": 1}, {"maxLength": 2}, {"minLength": 2, "maxLength": 3},
    {"items": {"type": "integer"}}, {"minItems": 1}, {"maxItems": 1}, {"items": {"items": {"type": "string"}}},
    {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 2}, POINT,
    {"type": "object", "properties": {}}, {"properties": {"x": {}}}, {"properties": {"x": {"type": "string"}}},
    {"required": ["x", "y"]}, {"properties": {"x": {}}, "additionalProperties": True},
    {"properties": {"x": {}}, "additionalProperties": {"type": "string"}}, {"additionalProperties": {"type": "number"}},
    {"additionalProperties": False}, {"type": "object", "properties": {"p": POINT, "list": {"items": POINT}}},
    {"anyOf": [{"type": "string"}, {"type": "number", "minimum": 3}]}, {"anyOf": [{"required": ["x"]}, {"required": ["y"]}]},
    {"type": "object", "anyOf": [POINT, {"properties": {"p": {"anyOf": [POINT, {"type": "null"}]}}}]},
]
VALUES = [
    None, True, False, 0, 1, 5, 5.0, -1, 3.5, 100, 101, -1.5, 1e300, 9007199254740993, "", "a", "b", "ab", "é", "日本語", "5", "abcd",
    [], [1], [1, 2], [1.5], ["a"], ["a", "b"], ["a", "b", "a"], [[]], [["a"]], [[1]], [None], {}, {"x": 1}, {"x": "1"},
    {"x": None}, {"y": 2}, {"x": 1, "y": 2}, {"x": 1, "z": 3}, {"z": "s"}, {"p": {"x": 1}}, {"p": {"y": 1}}, {"p": None},
    {"p": {"x": 1, "q": 2}}, {"list": [{"x": 1}, {"x": 2, "y": 3}]}, {"list": [{"x": 1}, {}]}, {"list": "no"},
]


def closed(schema):
    if isinstance(schema, list):
        return [closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: v if k in ("enum", "const") else {n: closed(s) for n, s in v.items()} if k == "properties" else closed(v)
           for k, v in copy.deepcopy(schema).items()}
    if out.get("properties"):
        out.setdefault("additionalProperties", False)
    return out


def main():
    rows = []
    for schema in SCHEMAS:
        validator = Draft202012Validator(closed(schema))
        rows.append({"schema": schema, "fits": [validator.is_valid(v) for v in VALUES]})
    lines = ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows)
    OUT.write_text('{"values": %s,\n"rows": [\n%s\n]}\n' % (json.dumps(VALUES, ensure_ascii=False), lines), encoding="utf-8")
    print(len(rows) * len(VALUES), "checks")


main()
