/* calls: tool calls in an answer, found while it is written, read, and held against the tools' schemas. */
#ifndef SOTTO_TEXT_CALLS_H
#define SOTTO_TEXT_CALLS_H

#include "text/text.h"

/* ---- grammars ------------------------------------------------------------------------------------------ */

/* Append the GBNF grammar of calls of these tools. `whole`: of an answer that is nothing but calls; else of calls one
 * after the other, each as sotto_call_reader_in_call sees it and with its closing mark, so that a call can be held to
 * it once it is certain. `only`: one call of this tool; may be NULL. Control tokens are token terminals.
 * INVALID: no tools, or none of that name. UNSUPPORTED: a schema that the notation or a grammar cannot say. */
sotto_status sotto_calls_grammar(const sotto_chat_format *f, const char *tools, const char *only, bool whole,
                                 sotto_buf *out, sotto_error *err);

/* ---- reading ------------------------------------------------------------------------------------------- */

/* Takes an answer in pieces of any size and gives back its text without the calls; text that may be the beginning of
 * a call is held until that is known. White space around calls belongs to them. Of plain text no push allocates. */
typedef struct sotto_call_reader sotto_call_reader;

/* `tools` as in sotto_chat_params. */
sotto_status sotto_call_reader_open(sotto_call_reader **out, const sotto_chat_format *f, const char *tools,
                                    sotto_error *err);
void         sotto_call_reader_close(sotto_call_reader *r);
/* More of the answer, valid UTF-8 and in whole characters; what is to be shown is appended. false: out of memory. */
bool         sotto_call_reader_push(sotto_call_reader *r, sotto_str text, sotto_buf *shown);
/* A control token, which is shown only where it has no meaning for calls and it is `visible`. */
bool         sotto_call_reader_push_control(sotto_call_reader *r, sotto_str piece, bool visible, sotto_buf *shown);
/* The answer is over: held text is shown, and a call that is not finished becomes one with an error. */
bool         sotto_call_reader_end(sotto_call_reader *r, sotto_buf *shown);
bool         sotto_call_reader_has_tools(const sotto_call_reader *r);
/* All calls so far; they stay where they are until close. */
const sotto_tool_call *sotto_call_reader_calls(const sotto_call_reader *r, size_t *n);
/* True while a call is being written for certain; *text is what there is of it, its opening mark not included. */
bool         sotto_call_reader_in_call(const sotto_call_reader *r, sotto_str *text);

#endif
