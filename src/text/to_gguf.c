/* Writing a tokenizer's keys into a GGUF file, in the form in which llama.cpp's converter writes them. */
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum gguf_form { FORM_LLAMA, FORM_GPT2, FORM_GEMMA4 } gguf_form;
static const char *const form_names[] = {"llama", "gpt2", "gemma4"};

static gguf_form choose_form(const sotto_tokenizer *t, const sotto_checkpoint *c) {
    const char *model_type = json_string_value(json_object_get(c->config, "model_type"));
    if (t->byte_level) return FORM_GPT2;
    return model_type && strncmp(model_type, "gemma4", 6) == 0 && !t->has_scores ? FORM_GEMMA4 : FORM_LLAMA;
}

/* ---- pieces -------------------------------------------------------------------------------------------- */

static bool has_marker(sotto_str s) {
    for (size_t i = 0; i + 3 <= s.n; i++)
        if (memcmp(s.p + i, SOTTO_SPACE_MARKER, 3) == 0) return true;
    return false;
}

/* The text of a token: holes of the numbering and rows beyond it are named padding, and user-defined pieces of a
 * "llama" model have real spaces, because llama.cpp looks for them before it makes markers of the spaces. */
static sotto_str gguf_text(const sotto_tokenizer *t, gguf_form form, int32_t id, sotto_arena *arena) {
    sotto_str piece = sotto_tokenizer_piece(t, id);
    bool      exists = id < t->n_vocab && t->flags[id];
    bool      spaces = exists && form == FORM_LLAMA && sotto_tokenizer_type(t, id) == SOTTO_TOKEN_USER_DEFINED &&
                  has_marker(piece);
    if (exists && !spaces) return piece;
    char *text = sotto_arena_alloc(arena, piece.n + 24);
    if (!text) return (sotto_str){NULL, 0};
    if (!exists) return (sotto_str){text, (size_t)snprintf(text, 24, "[PAD%d]", id)};
    size_t n = 0;
    for (size_t i = 0; i < piece.n; n++) {
        bool here = piece.n - i >= 3 && memcmp(piece.p + i, SOTTO_SPACE_MARKER, 3) == 0;
        text[n] = here ? ' ' : piece.p[i];
        i += here ? 3 : 1;
    }
    return (sotto_str){text, n};
}

/* llama.cpp shows these as text, so that its parser of chats can read them; the converter has them user-defined. */
static bool is_visible_mark(sotto_str s) {
    static const char *const marks[] = {"<|channel>",       "<channel|>",       "<|tool_call>", "<tool_call|>",
                                        "<|tool_response>", "<tool_response|>", "<|\"|>"};
    for (size_t i = 0; i < SOTTO_COUNT(marks); i++)
        if (sotto_str_is(s, marks[i])) return true;
    return false;
}

static int32_t gguf_type(const sotto_tokenizer *t, gguf_form form, int32_t id) {
    sotto_token_type type = sotto_tokenizer_type(t, id);
    sotto_str        piece = sotto_tokenizer_piece(t, id);
    if (form != FORM_GEMMA4) return type;
    if (type == SOTTO_TOKEN_CONTROL && is_visible_mark(piece)) return SOTTO_TOKEN_USER_DEFINED;
    /* Runs of spaces come of merges there: the merging needs them spelled with markers. */
    return type == SOTTO_TOKEN_USER_DEFINED && has_marker(piece) ? SOTTO_TOKEN_NORMAL : type;
}

static float gguf_score(const sotto_tokenizer *t, int32_t id) {
    return id < t->n_vocab && t->flags[id] ? t->scores[id] : -10000.0f;
}

static sotto_status put_pieces(const sotto_tokenizer *t, gguf_form form, int32_t n_vocab, sotto_gguf_writer *w,
                               sotto_arena *arena, sotto_error *err) {
    size_t     n = (size_t)n_vocab;
    sotto_str *texts = sotto_arena_array(arena, n, sizeof *texts);
    float     *scores = sotto_arena_array(arena, n, sizeof *scores);
    int32_t   *types = sotto_arena_array(arena, n, sizeof *types);
    if (!texts || !scores || !types) return sotto_fail_memory(err, "the tokenizer's keys");
    for (int32_t id = 0; id < n_vocab; id++) {
        texts[id] = gguf_text(t, form, id, arena);
        if (!texts[id].p) return sotto_fail_memory(err, "the tokenizer's keys");
        scores[id] = gguf_score(t, id);
        types[id] = gguf_type(t, form, id);
    }
    SOTTO_TRY(sotto_gguf_put_str_array(w, "tokenizer.ggml.tokens", texts, n, err));
    if (form != FORM_GPT2) SOTTO_TRY(sotto_gguf_put_f32_array(w, "tokenizer.ggml.scores", scores, n, err));
    return sotto_gguf_put_i32_array(w, "tokenizer.ggml.token_type", types, n, err);
}

/* ---- merges -------------------------------------------------------------------------------------------- */

/* A piece of a merge with its spaces as GPT-2's byte alphabet has them: a space divides the two pieces. */
static void append_merge_piece(sotto_buf *out, sotto_str piece) {
    for (size_t i = 0; i < piece.n; i++) {
        if (piece.p[i] == ' ')
            sotto_buf_puts(out, "\xc4\xa0");
        else
            sotto_buf_putc(out, piece.p[i]);
    }
}

static sotto_str merge_text(const sotto_tokenizer *t, const sotto_merge *m, sotto_buf *scratch,
                            sotto_arena *arena) {
    sotto_buf_clear(scratch);
    append_merge_piece(scratch, sotto_tokenizer_piece(t, m->left));
    sotto_buf_putc(scratch, ' ');
    append_merge_piece(scratch, sotto_tokenizer_piece(t, m->right));
    char *text = scratch->failed ? NULL : sotto_arena_text(arena, scratch->data, scratch->len);
    return (sotto_str){text, scratch->len};
}

static sotto_status put_merges(const sotto_tokenizer *t, int32_t n_vocab, sotto_gguf_writer *w,
                               sotto_arena *arena, sotto_error *err) {
    size_t      n = 0;
    sotto_str  *texts = sotto_arena_array(arena, t->n_merges, sizeof *texts);
    sotto_buf   scratch = {0};
    sotto_merge m;
    bool        ok = texts != NULL;
    for (size_t i = 0; i < t->n_merges && ok; i++)
        if (sotto_merges_at(t, i, &m) && m.left < n_vocab && m.right < n_vocab && m.result < n_vocab)
            ok = (texts[n++] = merge_text(t, &m, &scratch, arena)).p != NULL;
    sotto_buf_free(&scratch);
    return ok ? sotto_gguf_put_str_array(w, "tokenizer.ggml.merges", texts, n, err)
              : sotto_fail_memory(err, "the tokenizer's merges");
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

static sotto_status put_ids(const sotto_tokenizer *t, int32_t n_vocab, const json_t *config, sotto_gguf_writer *w,
                            sotto_error *err) {
    const struct {
        const char *key;
        int32_t     id;
    } ids[] = {{"tokenizer.ggml.bos_token_id", t->bos},
               {"tokenizer.ggml.eos_token_id", t->eos},
               {"tokenizer.ggml.unknown_token_id", t->unk},
               {"tokenizer.ggml.padding_token_id", t->pad}};
    for (size_t i = 0; i < SOTTO_COUNT(ids); i++)
        if (ids[i].id >= 0 && ids[i].id < n_vocab)
            SOTTO_TRY(sotto_gguf_put_u32(w, ids[i].key, (uint32_t)ids[i].id, err));
    SOTTO_TRY(sotto_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", t->add_bos, err));
    const json_t *add_eos = json_object_get(config, "add_eos_token");
    if (json_is_boolean(add_eos))
        SOTTO_TRY(sotto_gguf_put_bool(w, "tokenizer.ggml.add_eos_token", json_is_true(add_eos), err));
    return SOTTO_OK;
}

static sotto_status put_text(sotto_gguf_writer *w, const char *key, const json_t *text, sotto_error *err) {
    return sotto_gguf_put_str(w, key, (sotto_str){json_string_value(text), json_string_length(text)}, err);
}

/* "chat_template": a text, or [{"name": "default", "template": ...}, {"name": "tool_use", ...}]. */
static sotto_status put_config_template(const json_t *template, sotto_gguf_writer *w, sotto_error *err) {
    if (json_is_string(template)) return put_text(w, "tokenizer.chat_template", template, err);
    for (size_t i = 0; i < json_array_size(template); i++) {
        const json_t *item = json_array_get(template, i), *text = json_object_get(item, "template");
        const char   *name = json_string_value(json_object_get(item, "name"));
        char          key[128];
        if (!name || !json_is_string(text)) continue;
        (void)snprintf(key, sizeof key, "tokenizer.chat_template.%.80s", name);
        SOTTO_TRY(put_text(w, strcmp(name, "default") == 0 ? "tokenizer.chat_template" : key, text, err));
    }
    return SOTTO_OK;
}

/* chat_template.jinja goes before the template in tokenizer_config.json. */
static sotto_status put_template(const sotto_checkpoint *c, sotto_gguf_writer *w, sotto_error *err) {
    char *path = sotto_path_join(c->path, "chat_template.jinja");
    if (!path) return sotto_fail_memory(err, "the chat template");
    sotto_file   file = {0};
    bool         exists = sotto_path_kind_of(path) == SOTTO_PATH_FILE;
    sotto_status status = exists ? sotto_file_open(&file, path, true, err) : SOTTO_OK;
    if (status == SOTTO_OK && exists) {
        sotto_str text = {file.data ? (const char *)file.data : "", file.size};
        status = sotto_utf8_valid(text.p, text.n) ? sotto_gguf_put_str(w, "tokenizer.chat_template", text, err)
                                                  : sotto_fail(err, SOTTO_FORMAT, "%s is not UTF-8", path);
    } else if (status == SOTTO_OK) {
        status = put_config_template(json_object_get(c->tokenizer_config, "chat_template"), w, err);
    }
    sotto_file_close(&file);
    free(path);
    return status;
}

static sotto_status copy_keys(const sotto_gguf *g, sotto_gguf_writer *w, sotto_error *err) {
    for (size_t i = 0; i < sotto_gguf_key_count(g); i++)
        if (sotto_str_starts(sotto_gguf_key(g, i), "tokenizer."))
            SOTTO_TRY(sotto_gguf_put_value(w, sotto_gguf_key(g, i), sotto_gguf_at(g, i), err));
    return SOTTO_OK;
}

sotto_status sotto_tokenizer_to_gguf(const sotto_tokenizer *t, const sotto_checkpoint *c, int32_t n_vocab,
                                     sotto_gguf_writer *w, sotto_error *err) {
    if (c->gguf) return copy_keys(c->gguf, w, err);
    if (n_vocab < 1) return sotto_fail(err, SOTTO_INVALID, "a model of %d tokens cannot be written", n_vocab);
    gguf_form   form = choose_form(t, c);
    sotto_arena arena = {0};
    SOTTO_TRY(sotto_gguf_put_str(w, "tokenizer.ggml.model", sotto_str_from(form_names[form]), err));
    const char *pre = form == FORM_GPT2 ? t->pre : form == FORM_LLAMA ? "default" : NULL;
    if (pre) SOTTO_TRY(sotto_gguf_put_str(w, "tokenizer.ggml.pre", sotto_str_from(pre), err));
    sotto_status status = put_pieces(t, form, n_vocab, w, &arena, err);
    if (status == SOTTO_OK && form != FORM_LLAMA) status = put_merges(t, n_vocab, w, &arena, err);
    sotto_arena_free(&arena);
    SOTTO_TRY(status);
    SOTTO_TRY(put_ids(t, n_vocab, c->tokenizer_config, w, err));
    if (form != FORM_GPT2)
        SOTTO_TRY(
            sotto_gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", t->prefix != SOTTO_PREFIX_NEVER, err));
    return put_template(c, w, err);
}
