#!/usr/bin/env python3
"""Writes tests/chat/<format>.json: what every conversation of tests/chat/conversations.json must render to.

    make_fixtures.py TEMPLATE_DIR [FORMAT...]

TEMPLATE_DIR holds the published chat templates, under the names that llama.cpp's models/templates/ gives them. They
are rendered by jinja2 as transformers does it. Templates that no such folder has are written below, reduced to what
is needed here; those of sibling models differ in a few lines only and are made by replacing these.

Where a template raises an exception or drops something (two turns of one role, a system role that it does not know,
tools without a form for them), the conversation is first brought into the form that sotto documents
(src/text/chat_normal.c); that is written here a second time, on its own.
"""

import ast
import copy
import json
import os
import re
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template as compile_template

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..", "..", "tests", "chat")
TEMPLATES = sys.argv[1] if len(sys.argv) > 1 else sys.exit(__doc__)


def published(name):
    with open(os.path.join(TEMPLATES, name + ".jinja"), encoding="utf-8") as f:
        return f.read()


def replaced(text, *pairs):
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


# ---- templates ---------------------------------------------------------------------------------------------------

GEMMA_3 = """{{ bos_token }}
{%- set ns = namespace(prefix='') -%}
{%- for m in messages -%}
    {%- if m.role == 'system' -%}{%- set ns.prefix = m.content + '\n\n' -%}
    {%- else -%}
        {{- '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + ns.prefix + m.content | trim -}}
        {{- '<end_of_turn>\n' -}}
        {%- set ns.prefix = '' -%}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\n' -}}{%- endif -%}"""

LLAMA_2 = """{%- set ns = namespace(system='') -%}
{%- for m in messages -%}
    {%- if m.role == 'system' -%}{%- set ns.system = '<<SYS>>\n' + m.content + '\n<</SYS>>\n\n' -%}
    {%- elif m.role == 'user' -%}
        {{- bos_token + '[INST] ' + (ns.system + m.content).strip() + ' [/INST]' -}}{%- set ns.system = '' -%}
    {%- else -%}{{- ' ' + m.content.strip() + ' ' + eos_token -}}{%- endif -%}
{%- endfor -%}"""

LLAMA_3_0 = """{{- bos_token -}}
{%- for m in messages -%}
    {{- '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}{%- endif -%}"""

MISTRAL_V1 = """{{- bos_token -}}
{%- set ns = namespace(prefix='') -%}
{%- for m in messages -%}
    {%- if m.role == 'system' -%}{%- set ns.prefix = m.content + '\n\n' -%}
    {%- elif m.role == 'user' -%}{{- ' [INST] ' + ns.prefix + m.content + ' [/INST]' -}}{%- set ns.prefix = '' -%}
    {%- else -%}{{- ' ' + m.content + eos_token -}}{%- endif -%}
{%- endfor -%}"""

# v0.3, with the system text at the last user turn even when that is not the last turn.
MISTRAL_V3 = """{%- set ns = namespace(system='', last=-1) -%}
{%- for m in messages -%}
    {%- if m.role == 'system' -%}{%- set ns.system = m.content + '\n\n' -%}{%- endif -%}
    {%- if m.role == 'user' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{{- bos_token -}}
{%- for m in messages -%}
    {%- if m.role == 'user' -%}
        {%- if tools and loop.index0 == ns.last -%}
            {{- '[AVAILABLE_TOOLS] ' + (tools | tojson) + '[/AVAILABLE_TOOLS]' -}}
        {%- endif -%}
        {{- '[INST] ' + (ns.system if loop.index0 == ns.last else '') + m.content + '[/INST]' -}}
    {%- elif m.tool_calls -%}
        {{- '[TOOL_CALLS] [' -}}
        {%- for c in m.tool_calls -%}
            {{- (c.function | tojson)[:-1] + ', "id": "' + c.id + '"}' + ('' if loop.last else ', ') -}}
        {%- endfor -%}
        {{- ']' + eos_token -}}
    {%- elif m.role == 'assistant' -%}{{- ' ' + m.content | trim + eos_token -}}
    {%- elif m.role == 'tool' -%}
        {{- '[TOOL_RESULTS] {"content": ' + m.content + ', "call_id": "' + m.tool_call_id + '"}[/TOOL_RESULTS]' -}}
    {%- endif -%}
{%- endfor -%}"""

CHATML = """{%- if default_system is defined and messages[0].role != 'system' -%}
    {{- '<|im_start|>system\n' + default_system + '<|im_end|>\n' -}}
{%- endif -%}
{%- for m in messages -%}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"""


def starter():
    """The template that our own training writes, without importing what training needs."""
    with open(os.path.join(HERE, "..", "train", "train.py"), encoding="utf-8") as f:
        for node in ast.parse(f.read()).body:
            if isinstance(node, ast.Assign) and node.targets[0].id == "CHAT_TEMPLATE":
                return ast.literal_eval(node.value)


def smollm3():
    """The published template from the corrected one: a date, tools, and a system turn that only tools end."""
    tools = r'''{%- if tools -%}
        {{- "### Tools\n\nYou may call one or more functions to assist with the user query.\nYou are provided with" -}}
        {{- " function signatures within <tools></tools> XML tags:\n\n<tools>\n" -}}
        {%- for tool in tools -%}{{- (tool | string) + "\n" -}}{%- endfor -%}
        {{- "</tools>\n\nFor each function call, return a json object with function name and arguments within" -}}
        {{- " <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\":" -}}
        {{- " <args-json-object>}\n</tool_call>\n\n" -}}
        {{- "<|im_end|>\n" -}}
    {%- elif ends_system -%}
        {{- "<|im_end|>\n" -}}
    {%- endif -%}
    {%- endif -%}
    '''
    override = r'''{%- if messages[0].role == "system" and "/system_override" in messages[0].content -%}
        {{- custom_instructions.replace("/system_override", "").rstrip() + "<|im_end|>\n" -}}
    {%- else -%}
    {{- "## Metadata\n\n" -}}'''
    return replaced(published("HuggingFaceTB-SmolLM3-3B"),
                    ('{{- "## Metadata\\n\\n" -}}', override),
                    ('June 2025\\n" -}}', 'June 2025\\n" -}}{%- if date_string is defined -%}'
                                          '{{- "Today Date: " + date_string + "\\n" -}}{%- endif -%}'),
                    ('{{- "<|im_end|>\\n" -}}\n{# ───── main', tools + '{# ───── main'))


def qwen3_instruct():
    text = published("Qwen-Qwen3-0.6B")
    start = text.index("{%- set content = message.content %}")
    end = text.index("{%- if message.tool_calls %}")
    text = text[:start] + "{%- set content = message.content %}{{- '<|im_start|>assistant\\n' + content }}" + text[end:]
    return re.sub(r"\{%- if enable_thinking is defined.*?endif %\}", "", text, flags=re.S)


def qwen3_thinking():
    return re.sub(r"\{\{- '<\|im_start\|>assistant\\n' \}\}\s*\{%- if enable_thinking is defined.*?endif %\}",
                  r"{{- '<|im_start|>assistant\\n<think>\\n' }}", published("Qwen-Qwen3-0.6B"), flags=re.S)


def gemma4_small():
    large = published("google-gemma-4-31B-it")
    start = large.rindex("{%- if not enable_thinking | default(false) -%}")
    end = large.index("{%- endif -%}", start) + len("{%- endif -%}")
    return replaced(large[:start] + "{%- elif ns.prev_message_type == 'tool_response' and enable_thinking | default(false) -%}"
                    "{{- '<|channel>thought\\n' -}}" + large[end:])


# ---- normal form ---------------------------------------------------------------------------------------------------

PLAIN = ('You can call functions. To call one, answer with nothing but a JSON object of the form {"name": ..., '
         '"arguments": {...}}; for several calls, one such object per line. The results come in the next turn.'
         "\n\nFunctions:\n")
QWEN = ("# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function "
        "signatures within <tools></tools> XML tags:\n<tools>\n%s\n</tools>\n\nFor each function call, return a json "
        "object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": "
        "<function-name>, \"arguments\": <args-json-object>}\n</tool_call>")


def dumps(x):
    return json.dumps(x, ensure_ascii=False)


def join(a, b):
    return a + "\n\n" + b if a and b else a or b


def call_json(call):
    f = call["function"]
    return '{"name": "%s", "arguments": %s}' % (f["name"], dumps(f["arguments"]))


def as_plain_text(messages, tools):
    """Tools for families that have no form for them."""
    out = []
    for m in messages:
        if m.get("tool_calls"):
            m = {"role": m["role"], "content": join(m["content"], "\n".join(map(call_json, m["tool_calls"])))}
        elif m["role"] == "tool":
            m = {"role": "user", "content": "Result of %s:\n%s" % (m["name"], m["content"])}
        out.append(m)
    if tools:
        text = PLAIN + "\n".join(dumps(t["function"]) for t in tools)
        if out and out[0]["role"] == "system":
            out[0]["content"] = join(out[0]["content"], text)
        else:
            out.insert(0, {"role": "system", "content": text})
    return out


def as_qwen_text(messages, tools, default):
    """Qwen's form of tools, for ChatML families whose template has none."""
    out = []
    for i, m in enumerate(messages):
        if m.get("tool_calls"):
            calls = ["<tool_call>\n%s\n</tool_call>" % call_json(c) for c in m["tool_calls"]]
            m = {"role": m["role"], "content": "\n".join(([m["content"]] if m["content"] else []) + calls)}
        elif m["role"] == "tool":
            text = "<tool_response>\n%s\n</tool_response>" % m["content"]
            if messages[i - 1]["role"] == "tool":
                out[-1]["content"] += "\n" + text
                continue
            m = {"role": "user", "content": text}
        out.append(m)
    if tools:
        if out[0]["role"] != "system":
            out.insert(0, {"role": "system", "content": default or ""})
        own = out[0]["content"] + "\n\n" if messages[0]["role"] == "system" or default else ""
        out[0]["content"] = own + QWEN % "\n".join(map(dumps, tools))
    return out


NAMES = {"developer": "system", "model": "assistant"}


def heard(messages):
    """What a model sees that is shown neither system turns nor results nor what was said of them."""
    return [m for before, m in zip([{"role": ""}] + messages, messages)
            if m.get("tool_calls") or m["role"] == "user" or m["role"] == "assistant" and before["role"] != "tool"]


def normal(conversation, later_system=False, user_first=False, plain=False, deaf=False):
    given = copy.deepcopy(conversation["messages"])
    calls = [c for m in given for c in m.get("tool_calls", [])]
    ids = {}
    for i, c in enumerate(calls):
        ids[c["id"]] = c["id"] if re.fullmatch("[0-9A-Za-z]{9}", c["id"]) else "call%05d" % (i + 1)
        c["id"] = ids[c["id"]]
    out, system = [], None
    for m in given:
        m["role"] = NAMES.get(m["role"], m["role"])
        if m["role"] == "tool":
            m["tool_call_id"] = ids[m["tool_call_id"]]
        if m["role"] == "system" and not out:
            system = m["content"] if system is None else join(system, m["content"])
            continue
        if m["role"] == "system" and not later_system and not deaf:
            m["role"] = "user"
        out.append(m)
    if deaf:
        out, system = heard(out), None
    head = [] if system is None else [{"role": "system", "content": system}]
    if plain:
        out = as_plain_text(head + out, conversation.get("tools"))
        head = [out.pop(0)] if out[0]["role"] == "system" else []
    merged = []
    for m in out:
        if merged and merged[-1]["role"] == m["role"] != "tool":
            merged[-1]["content"] = join(merged[-1]["content"], m["content"])
            if m.get("tool_calls"):
                merged[-1]["tool_calls"] = merged[-1].get("tool_calls", []) + m["tool_calls"]
        else:
            merged.append(m)
    if user_first and (not merged or merged[0]["role"] != "user"):
        merged.insert(0, {"role": "user", "content": ""})
    return head + merged


# ---- formats -----------------------------------------------------------------------------------------------------

def llama3_parallel(messages):
    """The template allows one call per turn; more are joined by "; " in the place of one."""
    later = {}
    for m in messages:
        if len(m.get("tool_calls", [])) > 1:
            mark = "@@%d@@" % len(later)
            later['{"name": "%s", "parameters": {}}' % mark] = "; ".join(
                '{"name": "%s", "parameters": %s}' % (c["function"]["name"], dumps(c["function"]["arguments"]))
                for c in m["tool_calls"])
            m["tool_calls"] = [{"function": {"name": mark, "arguments": {}}}]
    return later


def smollm3_calls(messages):
    """The template is silent on past calls; they are written as the model writes them."""
    for m in messages:
        if m.get("tool_calls"):
            calls = ["<tool_call>\n%s\n</tool_call>" % call_json(c) for c in m.pop("tool_calls")]
            m["content"] = "\n".join(([m["content"]] if m["content"] else []) + calls)


QWEN_2_SYSTEM = "You are a helpful assistant."
SMOLLM_2_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

FORMATS = {  # name: (template or what gives it, bos, eos, options of normal(), variables)
    "sotto-starter": (starter, "<bos>", "<eos>", dict(deaf=True), {}),
    "gemma": (GEMMA_3, "<bos>", "<eos>", dict(user_first=True, plain=True), {}),
    "gemma4": (gemma4_small, "<bos>", "<eos>", dict(later_system=True), {}),
    "gemma4-large": (lambda: published("google-gemma-4-31B-it"), "<bos>", "<eos>", dict(later_system=True), {}),
    "llama2": (LLAMA_2, "<s>", "</s>", dict(user_first=True, plain=True), {}),
    "llama3": (lambda: published("meta-llama-Llama-3.1-8B-Instruct"), "<|begin_of_text|>", "", dict(later_system=True), {}),
    "llama3.0": (LLAMA_3_0, "<|begin_of_text|>", "", dict(later_system=True, plain=True), {}),
    "mistral": (MISTRAL_V3, "<s>", "</s>", dict(user_first=True), {}),
    "mistral-v1": (MISTRAL_V1, "<s>", "</s>", dict(user_first=True, plain=True), {}),
    "chatml": (CHATML, "", "", dict(later_system=True), {}),
    "qwen2": (CHATML, "", "", dict(later_system=True), {"default_system": QWEN_2_SYSTEM}),
    "smollm2": (CHATML, "", "", dict(later_system=True), {"default_system": SMOLLM_2_SYSTEM}),
    "qwen2.5": (lambda: published("Qwen-Qwen2.5-7B-Instruct"), "", "", dict(later_system=True), {}),
    "qwen3": (lambda: published("Qwen-Qwen3-0.6B"), "", "", dict(later_system=True), {}),
    "qwen3-instruct": (qwen3_instruct, "", "", dict(later_system=True), {}),
    "qwen3-thinking": (qwen3_thinking, "", "", dict(later_system=True), {}),
    "smollm3": (smollm3, "", "", {}, {"ends_system": False}),
    "smollm3-closed": (smollm3, "", "", {}, {"ends_system": True}),
}

# Sibling templates that must print the same wherever they do not raise.
SIBLINGS = {"gemma": ["google-gemma-2-2b-it"], "llama3": ["meta-llama-Llama-3.2-3B-Instruct"],
            "smollm3-closed": ["HuggingFaceTB-SmolLM3-3B"]}


def continued(text, last, eos_after_space):
    """As transformers' continue_final_message: everything after the last content is cut off.

    Llama 2's template puts a space behind the content that it has trimmed, which is not the content's own.
    """
    at = text.rindex(last.strip())
    keep = last.lstrip() if text[at:at + len(last.lstrip())] == last.lstrip() and not eos_after_space else last.strip()
    return text[:at + len(keep)]


def render(template, messages, conversation, bos, eos, variables):
    more = dict(variables)
    if "date" in conversation:
        more["date_string"] = conversation["date"]
    proceed = conversation.get("continue_last", False)
    text = compile_template(template).render(
        messages=messages, tools=conversation.get("tools"), add_generation_prompt=not proceed, bos_token=bos,
        eos_token=eos, enable_thinking=conversation.get("thinking", False),
        strftime_now=lambda _: "26 Jul 2024", **more)
    return continued(text, messages[-1]["content"], template == LLAMA_2) if proceed else text


def expected(name, conversation):
    template, bos, eos, options, variables = FORMATS[name]
    template = template() if callable(template) else template
    tools = conversation.get("tools")
    if name == "llama3" and tools:
        options = dict(options, user_first=True)
    messages = normal(conversation, **options)
    later = llama3_parallel(messages) if name == "llama3" else {}
    if name in ("chatml", "qwen2", "smollm2"):
        messages = as_qwen_text(messages, tools, variables.get("default_system"))
    if name.startswith("smollm3"):
        smollm3_calls(messages)
    text = render(template, messages, conversation, bos, eos, variables)
    if name == "sotto-starter" and not conversation.get("continue_last"):  # the template leaves out the same by itself
        given = [dict(m, role=NAMES.get(m["role"], m["role"])) for m in conversation["messages"]]
        if len(heard(given)) == len(messages):
            assert text == render(template, given, conversation, bos, eos, variables), conversation
    for mark, calls in later.items():
        assert mark in text
        text = text.replace(mark, calls)
    if not (name == "smollm3-closed" and (tools or "override" in dumps(messages) or "date" in conversation)):
        for sibling in SIBLINGS.get(name, []):
            try:
                twin = render(published(sibling), messages, conversation, bos, eos, variables)
            except Exception as e:  # the template refuses this conversation
                assert "raise" in str(e) or "support" in str(e) or "alternate" in str(e), (sibling, e)
                continue
            assert later or twin == text, (name, conversation["name"], twin, text)
    return text


def main():
    with open(os.path.join(TESTS, "conversations.json"), encoding="utf-8") as f:
        conversations = json.load(f)
    for name in sys.argv[2:] or FORMATS:
        texts = {c["name"]: expected(name, c) for c in conversations}
        with open(os.path.join(TESTS, name + ".json"), "w", encoding="utf-8") as f:
            json.dump(texts, f, ensure_ascii=False, indent=0)
            f.write("\n")
        print(name, len(texts))


main()
