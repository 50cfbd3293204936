/* text: from text to tokens and back, and from a conversation to the text that a model was trained on. */
#ifndef SOTTO_TEXT_H
#define SOTTO_TEXT_H

#include <sotto/chat.h>

#include "format/format.h"

/* A growable array of token ids. Initialise with {0}. */
typedef struct sotto_token_buf {
    int32_t *ids;
    size_t   n, cap;
} sotto_token_buf;
bool sotto_token_buf_append(sotto_token_buf *b, int32_t id); /* false: out of memory */
void sotto_token_buf_free(sotto_token_buf *b);

/* ---- tokenizer ----------------------------------------------------------------------------------------- */

/* Read-only once open; share between threads. Sources: Kudo & Richardson 2018 and sentencepiece's model.proto
 * (SentencePiece-BPE), Sennrich et al. 2016 (BPE), Radford et al. 2019 (byte-level BPE), Hugging Face
 * tokenizers' JSON. */
typedef struct sotto_tokenizer sotto_tokenizer;

typedef enum sotto_token_type { /* numbering of GGUF's tokenizer.ggml.token_type */
    SOTTO_TOKEN_NORMAL = 1, SOTTO_TOKEN_UNKNOWN, SOTTO_TOKEN_CONTROL, SOTTO_TOKEN_USER_DEFINED, SOTTO_TOKEN_UNUSED,
    SOTTO_TOKEN_BYTE
} sotto_token_type;

/* From what the checkpoint has: a GGUF's tokenizer.* keys, or tokenizer.json, else tokenizer.model, in the folder. A
 * GGUF's texts stay in the file: close the tokenizer before the checkpoint. */
sotto_status sotto_tokenizer_open(sotto_tokenizer **out, const sotto_checkpoint *c, sotto_error *err);
void         sotto_tokenizer_close(sotto_tokenizer *t);

int32_t sotto_tokenizer_n_vocab(const sotto_tokenizer *t);
int32_t sotto_tokenizer_bos(const sotto_tokenizer *t); /* -1: none */
int32_t sotto_tokenizer_eos(const sotto_tokenizer *t); /* -1: none */
bool    sotto_tokenizer_adds_bos(const sotto_tokenizer *t);
/* True for every token that ends a turn or a text (eos, eot, and those listed in generation_config). */
bool    sotto_tokenizer_is_eog(const sotto_tokenizer *t, int32_t id);
sotto_token_type sotto_tokenizer_type(const sotto_tokenizer *t, int32_t id);
/* The piece as stored in the vocabulary (with its space marker, "<0x0A>", or byte-level characters). */
sotto_str sotto_tokenizer_piece(const sotto_tokenizer *t, int32_t id);
/* The id of a piece by its text as stored, or -1. */
int32_t   sotto_tokenizer_find(const sotto_tokenizer *t, const char *piece);

/* Append the tokens of a text. Control tokens written in the text are recognised only with `special`; without it
 * they are split like any other text, so what a user types never becomes one. User-defined pieces are always
 * recognised. Invalid UTF-8: every maximal invalid sequence becomes U+FFFD before splitting.
 * `first` tells that this is the beginning of a text (a SentencePiece model may then add its dummy prefix), `after`
 * that it follows a token (where some models add it too). */
typedef struct sotto_encode_options {
    bool special;
    bool bos;   /* add BOS, if this model's texts begin with one (sotto_tokenizer_adds_bos) */
    bool first; /* beginning of a text */
    bool after; /* the text follows a token that the caller has emitted itself */
} sotto_encode_options;
sotto_status sotto_tokenizer_encode(const sotto_tokenizer *t, sotto_str text, sotto_encode_options opt,
                                    sotto_token_buf *out, sotto_error *err);

/* Append the bytes that a token stands for; control tokens give nothing unless `special`. One token may be an
 * incomplete UTF-8 sequence; sotto_decoder puts them together. */
bool sotto_tokenizer_decode(const sotto_tokenizer *t, int32_t id, bool special, sotto_buf *out);

/* Streaming decode: bytes come out as soon as they are whole UTF-8; an invalid sequence comes out as U+FFFD.
 * Initialise with {.tokenizer = t}. */
typedef struct sotto_decoder {
    const sotto_tokenizer *tokenizer;
    bool                   special; /* show control tokens */
    bool                   started; /* the dummy prefix's space is removed from the first piece */
    char                   held[4]; /* an incomplete sequence */
    size_t                 n_held;
} sotto_decoder;
bool sotto_decoder_push(sotto_decoder *d, int32_t id, sotto_buf *out); /* false: out of memory */
bool sotto_decoder_flush(sotto_decoder *d, sotto_buf *out);
/* Whether a decoder that has not started removes a space from the first piece. */
bool sotto_tokenizer_trims(const sotto_tokenizer *t);

/* Write the tokenizer's keys (tokenizer.ggml.*, the chat template when there is one) in the form that llama.cpp
 * reads. n_vocab: rows of the embedding; missing tokens are padded with unused ones. */
sotto_status sotto_tokenizer_to_gguf(const sotto_tokenizer *t, const sotto_checkpoint *c, int32_t n_vocab,
                                     sotto_gguf_writer *w, sotto_error *err);

/* ---- chat formats -------------------------------------------------------------------------------------- */

/* What a render gives: the whole text (what the family's Jinja template would have printed, BOS text included)
 * and the spans it is made of. Template text is trusted: it may hold control tokens; people's text never does. */
typedef struct sotto_chat_span {
    size_t offset, n; /* in the text */
    bool   trusted;
} sotto_chat_span;
typedef struct sotto_chat_prompt {
    sotto_buf        text;
    sotto_chat_span *spans;
    size_t           n_spans, cap_spans;
} sotto_chat_prompt;
void sotto_chat_prompt_free(sotto_chat_prompt *p);

typedef struct sotto_chat_format sotto_chat_format; /* a row of one static table */
/* By name; NULL when unknown. "sotto-starter" (tools/train), "gemma" (1, 2, 3), "gemma4" (E2B, E4B), "gemma4-large",
 * "llama2", "llama3" (3.1 and later), "llama3.0", "mistral" (v0.3), "mistral-v1" (v0.1, v0.2), "chatml", "qwen2",
 * "qwen2.5", "qwen3", "qwen3-instruct", "qwen3-thinking", "smollm2", "smollm3", "smollm3-closed" (as some converters
 * corrected it). */
const sotto_chat_format *sotto_chat_format_named(const char *name);
const char *sotto_chat_format_name(const sotto_chat_format *f);
/* All names, in order; NULL past the end. For --help and error messages. */
const char *sotto_chat_format_list(size_t i);
/* Recognise a checkpoint's chat template by the marks that it contains (tokenizer.chat_template,
 * chat_template.jinja, tokenizer_config.json), else, without a template, by nothing: NOT_FOUND for a base model,
 * UNSUPPORTED for a template that is not known, both naming --chat-format as the way out. */
sotto_status sotto_chat_format_detect(const sotto_chat_format **out, const sotto_checkpoint *c, sotto_error *err);

/* Render a conversation and the header of the answer to come; *out is replaced. The order of turns is never an error:
 * adjacent turns of one role are merged with a blank line between, a system turn goes where the family wants it, an
 * empty user turn is put first where one is needed, tools become plain text where the family has no form for them
 * (chat_normal.c has the rules). Contents are trimmed where the family's template does. INVALID: malformed JSON, an
 * unknown role, continue_last without an assistant's turn at the end. LIMIT: more than 64 MiB. */
sotto_status sotto_chat_render(const sotto_chat_format *f, const sotto_chat_turn *turns, size_t n,
                               const sotto_chat_params *params, sotto_chat_prompt *out, sotto_error *err);
/* The tokens of a rendered prompt: template text with control tokens, people's text without. */
sotto_status sotto_chat_encode(const sotto_tokenizer *t, const sotto_chat_prompt *p, sotto_token_buf *out,
                               sotto_error *err);
/* False: the model is not shown what its tools gave. */
bool        sotto_chat_format_hears_results(const sotto_chat_format *f);
/* sotto_generate_options.call_search where the caller leaves it to the format. */
int32_t     sotto_chat_format_call_search(const sotto_chat_format *f);
/* Texts that end an answer in this format beside the end-of-generation tokens; NULL past the end. */
const char *sotto_chat_format_stop(const sotto_chat_format *f, size_t i);

#endif
