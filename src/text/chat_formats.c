/* The table of chat formats: what each family writes around turns, and how its template is recognised.
 * Sources: the chat templates that the families publish with their models. */
#include "text/chat.h"

/* ---- tools --------------------------------------------------------------------------------------------- */

#define CALL_MARKS {.anywhere = true, .open = {"<tool_call>"}, .close = "</tool_call>", \
                    .think = {"<think>", "</think>"}}
#define CALL_JSON "{\"name\": \""
#define CALL_FORM "<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>"
#define CALL_INTRO "For each function call, return a json object with function name and arguments within " \
                   "<tool_call></tool_call> XML tags:\n"

/* Families that were not taught any form: said in plain words. */
static const sotto_chat_tools plain_tools = {
    .plain = true,
    .form = {.open = {"{", "```json\n{", "```tool_code\n{", "```tool_call\n{", "```\n{"}, .between = "```"},
    .declare_before = "You can call functions. To call one, answer with nothing but a JSON object of the form "
                      "{\"name\": ..., \"arguments\": {...}}; for several calls, one such object per line. "
                      "The results come in the next turn.\n\nFunctions:\n",
    .declare_between = "\n",
    .call_name = CALL_JSON, .call_arguments = "\", \"arguments\": ", .call_after = "}", .calls_between = "\n",
    .result_before = "Result of ", .result_after = ":\n",
};

static const sotto_chat_tools qwen_tools = {
    .form = CALL_MARKS,
    .declare_before = "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
                      "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n",
    .declare_between = "\n",
    .declare_after = "\n</tools>\n\n" CALL_INTRO CALL_FORM,
    .call_name = "<tool_call>\n" CALL_JSON, .call_arguments = "\", \"arguments\": ", .call_after = "}\n</tool_call>",
    .calls_between = "\n",
    .results_before = "<|im_start|>user",
    .result_before = "\n<tool_response>\n", .result_after = "\n</tool_response>",
    .results_after = "<|im_end|>\n",
};

static const sotto_chat_tools smollm3_tools = {
    .form = CALL_MARKS,
    .style = SOTTO_JSON_PYTHON,
    .declare_before = "### Tools\n\nYou may call one or more functions to assist with the user query.\n"
                      "You are provided with function signatures within <tools></tools> XML tags:\n\n<tools>\n",
    .declare_between = "\n",
    .declare_after = "\n</tools>\n\n" CALL_INTRO CALL_FORM "\n\n",
    .call_name = "<tool_call>\n" CALL_JSON, .call_arguments = "\", \"arguments\": ", .call_after = "}\n</tool_call>",
    .calls_between = "\n",
    .result_before = "<|im_start|>user\n", .result_after = "<|im_end|>\n",
};

static const sotto_chat_tools llama3_tools = {
    .form = {.open = {"{", "<|python_tag|>"}, .between = ";"},
    .style = SOTTO_JSON_INDENT,
    .declare_before = "Given the following functions, please respond with a JSON for a function call with its proper "
                      "arguments that best answers the given prompt.\n\nRespond in the format {\"name\": function "
                      "name, \"parameters\": dictionary of argument name and its value}.Do not use variables.\n\n",
    .declare_between = "\n\n",
    .declare_after = "\n\n",
    .drops_content = true,
    .call_name = CALL_JSON, .call_arguments = "\", \"parameters\": ", .call_after = "}", .calls_between = "; ",
    .result_quoted = true,
    .result_before = "<|start_header_id|>ipython<|end_header_id|>\n\n", .result_after = "<|eot_id|>",
};

static const sotto_chat_tools mistral_tools = {
    .form = {.anywhere = true, .list = true, .control = true, .open = {"[TOOL_CALLS]"}},
    .declare_before = "[AVAILABLE_TOOLS] [", .declare_between = ", ", .declare_after = "][/AVAILABLE_TOOLS]",
    .drops_content = true,
    .calls_header = "",
    .calls_before = "[TOOL_CALLS] [",
    .call_name = CALL_JSON, .call_arguments = "\", \"arguments\": ", .call_id = ", \"id\": \"", .call_after = "\"}",
    .calls_between = ", ", .calls_after = "]",
    .result_before = "[TOOL_RESULTS] {\"content\": ", .result_id = ", \"call_id\": \"",
    .result_after = "\"}[/TOOL_RESULTS]",
};

static const sotto_chat_tools gemma4_tools = { /* the rest is in chat_gemma4.c */
    .form = {.notation = SOTTO_CALL_GEMMA4, .anywhere = true, .control = true, .open = {"<|tool_call>"},
             .close = "<tool_call|>"},
};

static const sotto_chat_tools starter_tools = {
    .deaf = true,
    .form = {.notation = SOTTO_CALL_STARTER, .list = true, .open = {"["}},
    .call_search = 200,
    .drops_content = true,
    .write_calls = sotto_chat_starter_calls,
    .calls_between = ", ",
};

/* ---- formats ------------------------------------------------------------------------------------------- */

#define CHATML_TURNS {{"<|im_start|>system\n", "<|im_end|>\n"}, {"<|im_start|>user\n", "<|im_end|>\n"}, \
                      {"<|im_start|>assistant\n", "<|im_end|>\n"}, {NULL, NULL}}
#define CHATML_FLAGS SOTTO_CHAT_SYSTEM_LATER | SOTTO_CHAT_TOOLS_IN_SYSTEM
#define CHATML_STOP {"<|im_end|>", "<|endoftext|>"}

#define LLAMA3_HEADER(role) "<|start_header_id|>" role "<|end_header_id|>\n\n"
#define LLAMA3_TURNS {{LLAMA3_HEADER("system"), "<|eot_id|>"}, {LLAMA3_HEADER("user"), "<|eot_id|>"}, \
                      {LLAMA3_HEADER("assistant"), "<|eot_id|>"}, {NULL, NULL}}
#define LLAMA3_STOP {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"}

#define GEMMA4_TURNS {{"<|turn>system\n", "<turn|>\n"}, {"<|turn>user\n", "<turn|>\n"}, \
                      {"<|turn>model\n", "<turn|>\n"}, {NULL, NULL}}

#define TRIM_ALL SOTTO_CHAT_TRIM_SYSTEM | SOTTO_CHAT_TRIM_USER | SOTTO_CHAT_TRIM_ASSISTANT

const sotto_chat_format sotto_chat_formats[] = {
    { /* The model that is trained in tools/train: a Gemma with tools of its own. */
        .name = "sotto-starter",
        .has = {"{# sotto-starter #}"},
        .flags = SOTTO_CHAT_TRIM_USER | SOTTO_CHAT_TRIM_ASSISTANT,
        .bos = "<bos>",
        .turn = {{NULL, NULL}, {"<start_of_turn>user\n ", "<end_of_turn>\n"},
                 {"<start_of_turn>model\n", "<end_of_turn>\n"}},
        .tools = &starter_tools,
        .stop = {"<end_of_turn>"},
        .write_system = sotto_chat_starter_system,
    },
    { /* Gemma 1, 2, 3 and 3n. No system role: the text goes before the first user's. */
        .name = "gemma",
        .has = {"<start_of_turn>", "<end_of_turn>", "model"},
        .has_not = {"<|", "<start_function", "tools"},
        .flags = SOTTO_CHAT_USER_FIRST | SOTTO_CHAT_SYSTEM_IN_FIRST | SOTTO_CHAT_TRIM_USER | SOTTO_CHAT_TRIM_ASSISTANT,
        .bos = "<bos>",
        .turn = {{NULL, NULL}, {"<start_of_turn>user\n", "<end_of_turn>\n"},
                 {"<start_of_turn>model\n", "<end_of_turn>\n"}},
        .system_in_user = {"", "\n\n"},
        .tools = &plain_tools,
        .stop = {"<end_of_turn>"},
    },
    { /* Gemma 4 E2B and E4B. */
        .name = "gemma4",
        .has = {"<|turn>", "<turn|>", "<|tool_call>call:"},
        .has_not = {"thought\\n<channel|>"},
        .flags = TRIM_ALL | SOTTO_CHAT_SYSTEM_LATER,
        .bos = "<bos>",
        .turn = GEMMA4_TURNS,
        .tools = &gemma4_tools,
        .stop = {"<turn|>", "<|tool_response>"},
        .write = sotto_chat_gemma4_write,
        .variant = SOTTO_GEMMA4_THINKS_ON,
    },
    { /* The larger Gemma 4 models: without thinking, an empty thought is put in front of the answer. */
        .name = "gemma4-large",
        .has = {"<|turn>", "<turn|>", "<|tool_call>call:", "thought\\n<channel|>"},
        .flags = TRIM_ALL | SOTTO_CHAT_SYSTEM_LATER,
        .bos = "<bos>",
        .turn = GEMMA4_TURNS,
        .answer = {"<|channel>thought\n<channel|>", ""},
        .tools = &gemma4_tools,
        .stop = {"<turn|>", "<|tool_response>"},
        .write = sotto_chat_gemma4_write,
    },
    {
        .name = "llama2",
        .has = {"<<SYS>>", "bos_token + '[INST] '", " [/INST]", "system_message = false", "content.strip()"},
        .has_not = {"true == true"},
        .flags = SOTTO_CHAT_USER_FIRST | SOTTO_CHAT_SYSTEM_IN_FIRST | SOTTO_CHAT_TRIM_USER |
                 SOTTO_CHAT_TRIM_ASSISTANT | SOTTO_CHAT_TRIM_WITH_SYSTEM | SOTTO_CHAT_BARE_ANSWER,
        .turn = {{NULL, NULL}, {"<s>[INST] ", " [/INST]"}, {" ", " </s>"}},
        .system_in_user = {"<<SYS>>\n", "\n<</SYS>>\n\n"},
        .tools = &plain_tools,
        .stop = {"</s>"},
    },
    { /* Llama 3.1, 3.2, 3.3. */
        .name = "llama3",
        .has = {"<|start_header_id|>", "<|eot_id|>", "Cutting Knowledge Date: December 2023", "tools_in_user_message"},
        .flags = TRIM_ALL | SOTTO_CHAT_SYSTEM_LATER | SOTTO_CHAT_TOOLS_IN_FIRST,
        .bos = "<|begin_of_text|>",
        .turn = LLAMA3_TURNS,
        .tools = &llama3_tools,
        .stop = LLAMA3_STOP,
        .write_system = sotto_chat_llama3_system,
    },
    { /* The first Llama 3: no preamble, no tools. */
        .name = "llama3.0",
        .has = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "bos_token", "trim"},
        .has_not = {"tools", "Knowledge", "<|im_start|>", "<think>", "You are", "functions", "<|reserved_special"},
        .flags = TRIM_ALL | SOTTO_CHAT_SYSTEM_LATER,
        .bos = "<|begin_of_text|>",
        .turn = LLAMA3_TURNS,
        .tools = &plain_tools,
        .stop = LLAMA3_STOP,
    },
    { /* Mistral 7B Instruct v0.3. The system text goes into the last user turn. */
        .name = "mistral",
        .has = {"\"[INST] \"", "\"[/INST]\"", "[AVAILABLE_TOOLS] [", "[TOOL_CALLS] ["},
        .has_not = {"[SYSTEM_PROMPT]"},
        .flags = SOTTO_CHAT_USER_FIRST | SOTTO_CHAT_SYSTEM_IN_LAST | SOTTO_CHAT_TOOLS_BEFORE_LAST |
                 SOTTO_CHAT_TRIM_ASSISTANT | SOTTO_CHAT_BARE_ANSWER,
        .bos = "<s>",
        .turn = {{NULL, NULL}, {"[INST] ", "[/INST]"}, {" ", "</s>"}},
        .system_in_user = {"", "\n\n"},
        .tools = &mistral_tools,
        .stop = {"</s>"},
    },
    { /* Mistral 7B Instruct v0.1 and v0.2. */
        .name = "mistral-v1",
        .has = {"[INST] ", " [/INST]", "eos_token", "raise_exception"},
        .has_not = {"<<SYS>>", "tools", "[SYSTEM_PROMPT]", "<|"},
        .flags = SOTTO_CHAT_USER_FIRST | SOTTO_CHAT_SYSTEM_IN_FIRST | SOTTO_CHAT_BARE_ANSWER,
        .bos = "<s>",
        .turn = {{NULL, NULL}, {" [INST] ", " [/INST]"}, {" ", "</s>"}},
        .system_in_user = {"", "\n\n"},
        .tools = &plain_tools,
        .stop = {"</s>"},
    },
    {
        .name = "smollm3",
        .has = {"<|im_start|>", "Knowledge Cutoff Date: June 2025", "Reasoning Mode: ", "xml_tools"},
        .turn = CHATML_TURNS,
        .system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face.",
        .answer = {"<think>\n\n</think>\n", ""},
        .tools = &smollm3_tools,
        .stop = CHATML_STOP,
        .write_system = sotto_chat_smollm3_system,
        .write_content = sotto_chat_smollm3_content,
    },
    { /* The same as some converters corrected it: the system turn always ends. */
        .name = "smollm3-closed",
        .has = {"<|im_start|>", "Knowledge Cutoff Date: June 2025", "Reasoning Mode: "},
        .turn = CHATML_TURNS,
        .system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face.",
        .answer = {"<think>\n\n</think>\n", ""},
        .tools = &smollm3_tools,
        .stop = CHATML_STOP,
        .write_system = sotto_chat_smollm3_system,
        .write_content = sotto_chat_smollm3_content,
        .variant = SOTTO_SMOLLM3_ENDS_SYSTEM,
    },
    {
        .name = "smollm2",
        .has = {"<|im_start|>", "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>"},
        .flags = CHATML_FLAGS,
        .turn = CHATML_TURNS,
        .system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
        .tools = &qwen_tools,
        .stop = CHATML_STOP,
    },
    {
        .name = "qwen2.5",
        .has = {"<|im_start|>", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.", "<tool_call>"},
        .has_not = {"<think>", "<|vision_start|>"},
        .flags = CHATML_FLAGS,
        .turn = CHATML_TURNS,
        .system = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
        .tools = &qwen_tools,
        .stop = CHATML_STOP,
    },
    { /* Qwen 3, which thinks unless told otherwise. */
        .name = "qwen3",
        .has = {"<|im_start|>", "last_query_index", "enable_thinking is false", "<think>\\n\\n</think>\\n\\n",
                "<args-json-object>"},
        .has_not = {"<function=", "<|vision_start|>", "bos_token"},
        .flags = CHATML_FLAGS,
        .turn = CHATML_TURNS,
        .answer = {"<think>\n\n</think>\n\n", ""},
        .tools = &qwen_tools,
        .stop = CHATML_STOP,
        .write_content = sotto_chat_qwen3_content,
    },
    { /* Qwen 3 "Thinking": it always thinks. */
        .name = "qwen3-thinking",
        .has = {"<|im_start|>", "last_query_index", "<|im_start|>assistant\\n<think>\\n'",
                "<args-json-object>"},
        .has_not = {"<function=", "<|vision_start|>", "enable_thinking", "bos_token"},
        .flags = CHATML_FLAGS,
        .turn = CHATML_TURNS,
        .answer = {"<think>\n", "<think>\n"},
        .tools = &qwen_tools,
        .stop = CHATML_STOP,
        .write_content = sotto_chat_qwen3_content,
    },
    { /* Qwen 3 "Instruct": it never thinks. */
        .name = "qwen3-instruct",
        .has = {"<|im_start|>", "# Tools\\n\\nYou may call one or more functions",
                "<args-json-object>", "<tool_response>"},
        .has_not = {"<think>", "system\\nYou are", "'You are", "<function=", "<|vision_start|>", "bos_token"},
        .flags = CHATML_FLAGS,
        .turn = CHATML_TURNS,
        .tools = &qwen_tools,
        .stop = CHATML_STOP,
    },
    {
        .name = "qwen2",
        .has = {"<|im_start|>", "<|im_start|>system\\nYou are a helpful assistant.<|im_end|>", "loop.first"},
        .has_not = {"tool", "<think>", "<|vision_start|>", "bos_token"},
        .flags = CHATML_FLAGS,
        .turn = CHATML_TURNS,
        .system = "You are a helpful assistant.",
        .tools = &qwen_tools,
        .stop = CHATML_STOP,
    },
    { /* ChatML without anything of one model. */
        .name = "chatml",
        .has = {"<|im_start|>", "<|im_end|>", "<|im_start|>assistant"},
        .has_not = {"tool", "<think>", "You are", "bos_token", "<|im_sep|>", "<|vision", "Qwen", "<image"},
        .flags = CHATML_FLAGS,
        .turn = CHATML_TURNS,
        .tools = &qwen_tools,
        .stop = CHATML_STOP,
    },
};
const size_t sotto_chat_format_count = SOTTO_COUNT(sotto_chat_formats);

/* ---- looking up ---------------------------------------------------------------------------------------- */

const sotto_chat_format *sotto_chat_format_named(const char *name) {
    for (size_t i = 0; name && i < sotto_chat_format_count; i++)
        if (strcmp(sotto_chat_formats[i].name, name) == 0) return &sotto_chat_formats[i];
    return NULL;
}

const char *sotto_chat_format_name(const sotto_chat_format *f) { return f->name; }

bool sotto_chat_format_hears_results(const sotto_chat_format *f) { return !f->tools->deaf; }

int32_t sotto_chat_format_call_search(const sotto_chat_format *f) { return f->tools->call_search; }

const char *sotto_chat_format_list(size_t i) {
    return i < sotto_chat_format_count ? sotto_chat_formats[i].name : NULL;
}

const char *sotto_chat_format_stop(const sotto_chat_format *f, size_t i) {
    return i < SOTTO_COUNT(f->stop) ? f->stop[i] : NULL;
}
