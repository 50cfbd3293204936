/* Opening a tokenizer from whatever a checkpoint has, and what is asked of an open one. */
#include "text/tokenizer.h"

#include <stdlib.h>

/* Control tokens are looked for in the text as it is, before anything is done to it. tokenizer.json says so token
 * by token; here it is said for a tokenizer.model. */
static sotto_status recognise_controls(sotto_tokenizer *t, sotto_error *err) {
    sotto_vocab_correct_types(t);
    for (int32_t id = 0; id < t->n_vocab; id++) {
        sotto_token_type type = sotto_tokenizer_type(t, id);
        if (type == SOTTO_TOKEN_CONTROL || type == SOTTO_TOKEN_UNKNOWN)
            SOTTO_TRY(sotto_trie_put(&t->raw, sotto_tokenizer_piece(t, id), id, err));
    }
    return SOTTO_OK;
}

static sotto_status complete(sotto_tokenizer *t, bool from_model, const json_t *tokenizer_config,
                             const json_t *generation_config, const json_t *config, sotto_error *err) {
    if (from_model) {
        /* Added tokens may lie beyond the model's own pieces, as far as their own file is long. */
        t->id_limit +=
            (int32_t)json_object_size(json_object_get(tokenizer_config, "added_tokens_decoder")) + 1024;
        SOTTO_TRY(sotto_added_from_config(t, tokenizer_config, err));
        SOTTO_TRY(recognise_controls(t, err));
    }
    sotto_roles_from_json(t, tokenizer_config, generation_config, config);
    sotto_tokenizer_finish(t);
    return SOTTO_OK;
}

sotto_status sotto_tokenizer_from_texts(sotto_tokenizer **out, sotto_str tokenizer_json,
                                        sotto_str tokenizer_model, const json_t *tokenizer_config,
                                        const json_t *generation_config, const json_t *config, sotto_error *err) {
    bool from_model = tokenizer_json.n == 0;
    SOTTO_TRY(from_model ? sotto_tokenizer_from_model(out, tokenizer_model, err)
                         : sotto_tokenizer_from_json(out, tokenizer_json, err));
    sotto_status status = complete(*out, from_model, tokenizer_config, generation_config, config, err);
    if (status != SOTTO_OK) {
        sotto_tokenizer_close(*out);
        *out = NULL;
    }
    return status;
}

/* A file of the folder: empty, and no error, when there is none. */
static sotto_status open_file(sotto_file *file, const char *folder, const char *name, sotto_error *err) {
    char        *path = sotto_path_join(folder, name);
    sotto_status status = SOTTO_OK;
    if (!path) return sotto_fail_memory(err, name);
    if (sotto_path_kind_of(path) == SOTTO_PATH_FILE) status = sotto_file_open(file, path, true, err);
    free(path);
    return status;
}

static sotto_str file_text(const sotto_file *f) {
    return (sotto_str){f->data ? (const char *)f->data : "", f->size};
}

static sotto_status open_folder(sotto_tokenizer **out, const sotto_checkpoint *c, sotto_error *err) {
    sotto_file   json = {0}, model = {0};
    sotto_status status = open_file(&json, c->path, "tokenizer.json", err);
    /* tokenizer.json is what transformers uses where there are both. */
    if (status == SOTTO_OK && !json.size) status = open_file(&model, c->path, "tokenizer.model", err);
    if (status == SOTTO_OK && !json.size && !model.size)
        status = sotto_fail(err, SOTTO_NOT_FOUND, "%s has no tokenizer: copy the model's tokenizer.json there",
                            c->path);
    if (status == SOTTO_OK)
        status = sotto_tokenizer_from_texts(out, file_text(&json), file_text(&model), c->tokenizer_config,
                                            c->generation_config, c->config, err);
    sotto_file_close(&json);
    sotto_file_close(&model);
    return status;
}

sotto_status sotto_tokenizer_open(sotto_tokenizer **out, const sotto_checkpoint *c, sotto_error *err) {
    *out = NULL;
    return c->gguf ? sotto_tokenizer_from_gguf(out, c->gguf, err) : open_folder(out, c, err);
}

int32_t sotto_tokenizer_n_vocab(const sotto_tokenizer *t) { return t->n_vocab; }
int32_t sotto_tokenizer_bos(const sotto_tokenizer *t) { return t->bos; }
int32_t sotto_tokenizer_eos(const sotto_tokenizer *t) { return t->eos; }
bool    sotto_tokenizer_adds_bos(const sotto_tokenizer *t) { return t->add_bos; }

bool sotto_tokenizer_is_eog(const sotto_tokenizer *t, int32_t id) {
    return id >= 0 && id < t->n_vocab && (t->flags[id] & SOTTO_TOKEN_EOG);
}

sotto_token_type sotto_tokenizer_type(const sotto_tokenizer *t, int32_t id) {
    int type = id >= 0 && id < t->n_vocab ? t->flags[id] & SOTTO_TOKEN_TYPE_MASK : 0;
    return type ? (sotto_token_type)type : SOTTO_TOKEN_UNUSED;
}

sotto_str sotto_tokenizer_piece(const sotto_tokenizer *t, int32_t id) {
    if (id < 0 || id >= t->n_vocab || !t->flags[id]) return (sotto_str){"", 0};
    return (sotto_str){t->texts.base + t->pieces[id].start, t->pieces[id].n};
}

int32_t sotto_tokenizer_find(const sotto_tokenizer *t, const char *piece) {
    return sotto_vocab_find(t, sotto_str_from(piece));
}
