/* Everything about a model's files as one JSON document; no weights are loaded. What a file lacks, or what
 * sotto does not know about it, is null, and "problems" says why; so unknown models can be looked at too.
 *
 *   {"format","path","files","file_bytes","family","name","description","config":{...},"tokenizer":{...},"chat_format",
 *    "sampling":{...},"types":{"q4_0":{"tensors","bytes","params"},...},"tensors":[{"name","dtype","shape","bytes"}],
 *    "metadata":{...},"memory":{...},"problems":[...]}
 *
 * json_pack takes the references that it is given, and fails as a whole when one of them is NULL: memory. */
#include "runtime/engine.h"

#include <stdlib.h>

enum { SHOWN_ITEMS = 64 }; /* longer arrays (a vocabulary) are told by their length */

static json_t *text(sotto_str s) {
    sotto_buf b = {0};
    json_t   *json = sotto_buf_append_utf8(&b, s.p, s.n) ? json_stringn(b.data ? b.data : "", b.len) : NULL;
    sotto_buf_free(&b);
    return json;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static uint64_t count_elements(const sotto_tensor *t) {
    uint64_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= (uint64_t)t->dim[i];
    return n;
}

/* Shapes are written as [rows, columns], in the order of Python. */
static json_t *tensors_json(const sotto_checkpoint *c) {
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_tensors; i++) {
        const sotto_tensor *t = &c->tensors[i];
        json_t             *shape = json_array();
        for (int d = t->n_dims; d-- > 0;) (void)json_array_append_new(shape, json_integer(t->dim[d]));
        json_t *one =
            json_pack("{s:o, s:s, s:o, s:I}", "name", text(t->name), "dtype", sotto_dtype_get(t->dtype)->name,
                      "shape", shape, "bytes", (json_int_t)t->n_bytes);
        if (json_array_append_new(list, one) != 0) return json_decref(list), NULL;
    }
    return list;
}

static json_t *types_json(const sotto_checkpoint *c) {
    struct { uint64_t tensors, bytes, params; } sums[SOTTO_DTYPE_COUNT] = {0};
    json_t *types = json_object();
    for (size_t i = 0; i < c->n_tensors; i++) {
        const sotto_tensor *t = &c->tensors[i];
        sums[t->dtype].tensors++;
        sums[t->dtype].bytes += t->n_bytes;
        sums[t->dtype].params += count_elements(t);
    }
    for (int d = 0; d < SOTTO_DTYPE_COUNT; d++) {
        if (!sums[d].tensors) continue;
        json_t *one = json_pack("{s:I, s:I, s:I}", "tensors", (json_int_t)sums[d].tensors, "bytes",
                                (json_int_t)sums[d].bytes, "params", (json_int_t)sums[d].params);
        if (json_object_set_new(types, sotto_dtype_get((sotto_dtype)d)->name, one) != 0)
            return json_decref(types), NULL;
    }
    return types;
}

/* ---- metadata ------------------------------------------------------------------------------------------ */

static json_t *item_json(sotto_gguf_type type, const sotto_gguf_value *v, size_t i) {
    int64_t   whole = 0;
    double    number = 0;
    sotto_str string = {0};
    bool      flag = false;
    switch (type) {
    case SOTTO_GGUF_STRING: return sotto_gguf_item_str(v, i, &string) ? text(string) : json_null();
    case SOTTO_GGUF_F32:
    case SOTTO_GGUF_F64: {
        json_t *real = sotto_gguf_item_f64(v, i, &number) ? json_real(number) : NULL;
        return real ? real : json_null(); /* NaN and infinity have no JSON */
    }
    case SOTTO_GGUF_BOOL: return sotto_gguf_item_bool(v, i, &flag) ? json_boolean(flag) : json_null();
    default: return sotto_gguf_item_i64(v, i, &whole) ? json_integer(whole) : json_null();
    }
}

static json_t *value_json(const sotto_gguf_value *v) {
    if (!sotto_gguf_is_array(v)) return item_json(sotto_gguf_type_of(v), v, 0);
    size_t n = sotto_gguf_count(v);
    if (n > SHOWN_ITEMS) return json_pack("{s:I}", "items", (json_int_t)n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, item_json(sotto_gguf_item_type_of(v), v, i)) != 0)
            return json_decref(list), NULL;
    return list;
}

static json_t *metadata_json(const sotto_checkpoint *c) {
    if (!c->gguf)
        return json_pack("{s:O?, s:O?}", "config", c->config, "generation_config", c->generation_config);
    json_t *all = json_object();
    for (size_t i = 0; i < sotto_gguf_key_count(c->gguf); i++) {
        sotto_buf key = {0};
        sotto_str name = sotto_gguf_key(c->gguf, i);
        bool      ok =
            sotto_buf_append_utf8(&key, name.p, name.n) &&
            json_object_set_new(all, key.data ? key.data : "", value_json(sotto_gguf_at(c->gguf, i))) == 0;
        sotto_buf_free(&key);
        if (!ok) return json_decref(all), NULL;
    }
    return all;
}

/* ---- what it means ------------------------------------------------------------------------------------- */

static json_t *config_json(const sotto_config *c) {
    const sotto_layer_config *l = &c->layers[0];
    int32_t                   n_window = 0, window = 0, n_shared = 0;
    for (int32_t i = 0; i < c->n_layers; i++) {
        n_window += c->layers[i].window > 0;
        window = SOTTO_MAX(window, c->layers[i].window);
        n_shared += c->layers[i].kv_layer != i;
    }
    return json_pack(
        "{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:f, s:f, s:f, s:f, s:f}",
        "n_layers", c->n_layers, "n_embd", c->n_embd, "n_vocab", c->n_vocab, "context_length",
        c->context_length, "n_heads", l->n_heads, "n_kv_heads", l->n_kv_heads, "head_dim", l->head_dim,
        "n_ff", l->n_ff, "window", window, "n_window_layers", n_window, "n_shared_kv_layers", n_shared,
        "per_layer_embd", c->per_layer_embd, "tied", c->tied, "rope_base",
        (double)c->ropes[SOTTO_ROPE_GLOBAL].base, "eps", (double)c->eps, "attn_scale", (double)c->attn_scale,
        "attn_softcap", (double)c->attn_softcap, "final_softcap", (double)c->final_softcap);
}

static json_t *token_or_null(int32_t id) { return id < 0 ? json_null() : json_integer(id); }

static json_t *tokenizer_json(const sotto_tokenizer *t) {
    json_t *ends = json_array();
    for (int32_t id = 0; id < sotto_tokenizer_n_vocab(t); id++)
        if (sotto_tokenizer_is_eog(t, id) && json_array_append_new(ends, json_integer(id)) != 0)
            return json_decref(ends), NULL;
    return json_pack("{s:i, s:o, s:o, s:o, s:b}", "n_vocab", sotto_tokenizer_n_vocab(t), "bos",
                     token_or_null(sotto_tokenizer_bos(t)), "eos", token_or_null(sotto_tokenizer_eos(t)),
                     "ends", ends, "adds_bos", sotto_tokenizer_adds_bos(t));
}

static json_t *sampling_json(const sotto_sampling *s) {
    return json_pack("{s:f, s:i, s:f, s:f, s:f, s:f}", "temperature", (double)s->temperature, "top_k",
                     s->top_k, "top_p", (double)s->top_p, "min_p", (double)s->min_p, "typical_p",
                     (double)s->typical_p, "repetition_penalty", (double)s->repetition_penalty);
}

static json_t *memory_json(const sotto_memory *m) {
    return json_pack("{s:i, s:I, s:I, s:I, s:I}", "context", m->context, "weights_bytes",
                     (json_int_t)m->weights_bytes, "cache_bytes", (json_int_t)m->cache_bytes, "scratch_bytes",
                     (json_int_t)m->scratch_bytes, "total_bytes", (json_int_t)m->total_bytes);
}

/* Put `value` under `key`, or null and the reason. False: out of memory. */
static bool put(json_t *doc, const char *key, sotto_status status, json_t *value, const sotto_error *why) {
    if (status == SOTTO_OK) return json_object_set_new(doc, key, value) == 0;
    return json_object_set_new(doc, key, json_null()) == 0 &&
           json_array_append_new(json_object_get(doc, "problems"), text(sotto_str_from(why->message))) == 0;
}

static bool put_config(json_t *doc, const sotto_checkpoint *c) {
    sotto_error  why;
    sotto_config config;
    sotto_arena  arena = {0};
    sotto_status status = sotto_config_load(&config, c, &arena, &why);
    bool         ok = put(doc, "config", status, status ? NULL : config_json(&config), &why);
    if (!status && ok)
        ok = json_object_set_new(doc, "family", json_string(config.family->name)) == 0 &&
             json_object_set_new(doc, "name", text(sotto_str_from(config.name))) == 0 &&
             json_object_set_new(doc, "description", text(sotto_str_from(config.description))) == 0;
    sotto_arena_free(&arena);
    return ok;
}

static bool put_text(json_t *doc, const sotto_checkpoint *c) {
    sotto_error              why;
    sotto_tokenizer         *t = NULL;
    const sotto_chat_format *f = NULL;
    sotto_status             status = sotto_tokenizer_open(&t, c, &why);
    bool                     ok = put(doc, "tokenizer", status, status ? NULL : tokenizer_json(t), &why);
    sotto_tokenizer_close(t);
    status = sotto_chat_format_detect(&f, c, &why);
    return ok &&
           put(doc, "chat_format", status, status ? NULL : json_string(sotto_chat_format_name(f)), &why);
}

static bool put_memory(json_t *doc, const char *path) {
    sotto_error  why;
    sotto_memory m;
    sotto_status status = sotto_memory_estimate(path, NULL, &m, &why);
    return put(doc, "memory", status, status ? NULL : memory_json(&m), &why);
}

static json_t *inspect(sotto_checkpoint *c, const char *path) {
    struct sotto_model model = {.checkpoint = c}; /* as much of one as the sampling defaults look at */
    sotto_sampling     sampling = sotto_sampling_default(&model);
    json_t            *doc = json_pack("{s:s, s:o, s:I, s:I, s:n, s:n, s:n, s:o, s:o, s:o, s:o, s:[]}", "format",
                            c->gguf ? "gguf" : "huggingface", "path", text(sotto_str_from(path)), "files",
                                       (json_int_t)c->n_files, "file_bytes", (json_int_t)c->n_bytes, "family", "name",
                                       "description", "sampling", sampling_json(&sampling), "types", types_json(c),
                                       "tensors", tensors_json(c), "metadata", metadata_json(c), "problems");
    if (doc && put_config(doc, c) && put_text(doc, c) && put_memory(doc, path)) return doc;
    json_decref(doc);
    return NULL;
}

/* ---- packages ------------------------------------------------------------------------------------------ */

static bool put_package_config(json_t *doc, const char *path) {
    const sotto_model_options o = sotto_model_options_default();
    struct sotto_model       *m = calloc(1, sizeof *m);
    sotto_error               why;
    if (!m) return false;
    sotto_status            status = sotto_model_open_engine(m, path, &o, true, &why);
    const sotto_model_info *i = &m->info;
    bool ok = put(doc, "config", status, status ? NULL : json_pack("{s:i, s:i, s:i, s:i}", "n_layers", i->n_layers,
                                                                   "n_embd", i->n_embd, "n_vocab", i->n_vocab,
                                                                   "context_length", i->context_length), &why);
    if (!status && ok)
        ok = json_object_set_new(doc, "family", text(sotto_str_from(i->family))) == 0 &&
             json_object_set_new(doc, "name", text(sotto_str_from(i->name))) == 0;
    sotto_model_close(m);
    return ok;
}

static sotto_status inspect_package(json_t **doc, const char *path, sotto_error *err) {
    sotto_checkpoint *c;
    sotto_error       why;
    SOTTO_TRY(sotto_package_look(path, doc, &c, &why, err));
    bool ok = put_package_config(*doc, path) && put_memory(*doc, path) &&
              (c ? put_text(*doc, c) : put(*doc, "tokenizer", why.status, NULL, &why));
    sotto_checkpoint_close(c);
    if (ok) return SOTTO_OK;
    json_decref(*doc);
    *doc = NULL;
    return sotto_fail_memory(err, "the description of a package");
}

static sotto_status inspect_checkpoint(json_t **doc, const char *path, sotto_error *err) {
    sotto_checkpoint *c;
    SOTTO_TRY(sotto_checkpoint_open(&c, path, NULL, err));
    *doc = inspect(c, path);
    sotto_checkpoint_close(c);
    return *doc ? SOTTO_OK : sotto_fail_memory(err, "the description of a model");
}

sotto_status sotto_inspect(const char *path, sotto_bytes *json, sotto_error *err) {
    json_t *doc;
    SOTTO_TRY((sotto_package_is(path) ? inspect_package : inspect_checkpoint)(&doc, path, err));
    char *out = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(doc);
    if (!out) return sotto_fail_memory(err, "the description of a model");
    *json = (sotto_bytes){out, strlen(out)};
    return SOTTO_OK;
}
