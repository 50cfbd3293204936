/* A conversation, as the caller writes it down, and the calls in an answer. Part of sotto.h. */
#ifndef SOTTO_CHAT_H
#define SOTTO_CHAT_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One turn. role: "system" (or "developer"), "user", "assistant" (or "model"), "tool". The strings are lent. */
typedef struct sotto_chat_turn {
    const char *role;
    const char *content;    /* UTF-8; NULL: empty */
    const char *tool_calls; /* assistant: JSON [{"name":..., "arguments":{...}}], or OpenAI's form with
                               "function"; NULL */
    const char *tool_name;  /* tool: which tool's result this is; may be NULL */
    const char *tool_call_id; /* tool: the "id" of the call that this answers; NULL: results come in the calls' order */
} sotto_chat_turn;

typedef struct sotto_chat_params {
    const char *tools;         /* JSON [{"type":"function","function":{name,description,parameters}}]; NULL: none */
    bool        thinking;      /* let models that can think do so (Qwen 3, SmolLM 3, Gemma 4) */
    bool        continue_last; /* the last turn is an unfinished answer: no end marker, no new header */
    const char *date;          /* e.g. "26 Jul 2024", where a format shows one; NULL: the format's own default */
} sotto_chat_params;

/* A call in an answer. */
typedef struct sotto_tool_call {
    const char *name;      /* "" where none could be made out */
    const char *arguments; /* a JSON object */
    const char *error;     /* NULL: the tool exists and the arguments fit its schema; else a sentence for the model, and
                              the call must not be executed */
} sotto_tool_call;

#ifdef __cplusplus
}
#endif
#endif
