/* Opening a model, and what it says of itself. */
#include "runtime/runtime.h"

#include <stdlib.h>

enum { THREADS_MAX = 256 };

sotto_model_options sotto_model_options_default(void) { return (sotto_model_options){0}; }

/* What a saved session must agree on: shapes, types, and a sample of every tensor's bytes. */
static uint64_t fingerprint(const sotto_checkpoint *c) {
    uint64_t h = sotto_hash(&c->n_tensors, sizeof c->n_tensors, 0);
    for (size_t i = 0; i < c->n_tensors; i++) {
        const sotto_tensor *t = &c->tensors[i];
        h = sotto_hash(t->name.p, t->name.n, h);
        h = sotto_hash(&t->dtype, sizeof t->dtype, h);
        h = sotto_hash(t->dim, sizeof t->dim, h);
        size_t n = SOTTO_MIN(t->n_bytes, (size_t)64);
        if (n > 0) h = sotto_hash((const uint8_t *)t->data + (t->n_bytes - n) / 2, n, h);
    }
    return h;
}

static sotto_status choose_kernels(sotto_model *m, const char *level, sotto_error *err) {
    uint32_t flags = sotto_cpu_flags(), allowed;
    if (level) {
        if (!sotto_kernels_level(level, &allowed))
            return sotto_fail(err, SOTTO_INVALID,
                              "kernel level \"%s\" does not exist (ref, avx2, avx512vnni, neon, dotprod and "
                              "i8mm do)",
                              level);
        flags &= allowed;
    }
    sotto_kernels_init(&m->kernels, flags);
    return SOTTO_OK;
}

static sotto_status choose_chat_format(sotto_model *m, const char *name, sotto_error *err) {
    if (!name) {
        /* A model without a known template is still good for plain completion: the reason is kept for later. */
        sotto_status status = sotto_chat_format_detect(&m->chat_format, m->checkpoint, &m->chat_format_error);
        if (status == SOTTO_UNSUPPORTED || status == SOTTO_NOT_FOUND) return SOTTO_OK;
        if (status != SOTTO_OK && err) *err = m->chat_format_error;
        return status;
    }
    if ((m->chat_format = sotto_chat_format_named(name))) return SOTTO_OK;
    sotto_buf names = {0};
    for (size_t i = 0; sotto_chat_format_list(i); i++)
        sotto_buf_printf(&names, "%s%s", i ? ", " : "", sotto_chat_format_list(i));
    sotto_status status = sotto_fail(err, SOTTO_INVALID, "chat format \"%.60s\" does not exist: choose %s", name,
                                     names.data ? names.data : "");
    sotto_buf_free(&names);
    return status;
}

static sotto_status open_parts(sotto_model *m, const char *path, const sotto_model_options *o, sotto_error *err) {
    int32_t threads = o->threads ? o->threads : sotto_cpu_physical_cores();
    if (threads < 1 || threads > THREADS_MAX)
        return sotto_fail(err, SOTTO_INVALID, "%d threads: choose 1 to %d", (int)threads, (int)THREADS_MAX);
    SOTTO_TRY(choose_kernels(m, o->cpu, err));
    SOTTO_TRY(sotto_checkpoint_open(&m->checkpoint, path, &(sotto_checkpoint_options){.no_map = o->no_map}, err));
    SOTTO_TRY(sotto_transformer_open(&m->transformer, m->checkpoint, err));
    SOTTO_TRY(sotto_tokenizer_open(&m->tokenizer, m->checkpoint, err));
    SOTTO_TRY(choose_chat_format(m, o->chat_format, err));
    SOTTO_TRY(sotto_pool_open(&m->pool, threads, err));
    m->fingerprint = fingerprint(m->checkpoint);
    return SOTTO_OK;
}

sotto_status sotto_model_open(sotto_model **out, const char *path, const sotto_model_options *opt, sotto_error *err) {
    const sotto_model_options o = opt ? *opt : sotto_model_options_default();
    sotto_model *m = calloc(1, sizeof *m);
    if (!m) return sotto_fail_memory(err, "a model");
    sotto_status status = open_parts(m, path, &o, err);
    if (status != SOTTO_OK) {
        sotto_model_close(m);
        return status;
    }
    *out = m;
    return SOTTO_OK;
}

void sotto_model_close(sotto_model *m) {
    if (!m) return;
    sotto_pool_close(m->pool);
    sotto_vocabulary_close(atomic_load(&m->vocabulary));
    sotto_tokenizer_close(m->tokenizer);
    sotto_transformer_close(m->transformer);
    sotto_checkpoint_close(m->checkpoint);
    free(m);
}

void sotto_model_get_info(const sotto_model *m, sotto_model_info *out) {
    const sotto_config *c = &m->transformer->config;
    *out = (sotto_model_info){
        .family = c->family->name,
        .name = c->name,
        .chat_format = m->chat_format ? sotto_chat_format_name(m->chat_format) : NULL,
        .kernels = m->kernels.name,
        .hears_results = !m->chat_format || sotto_chat_format_hears_results(m->chat_format),
        .threads = sotto_pool_threads(m->pool),
        .n_vocab = c->n_vocab, .n_layers = c->n_layers, .n_embd = c->n_embd, .context_length = c->context_length,
        .n_params = m->transformer->n_params,
        .file_bytes = m->checkpoint->n_bytes,
        .decode_bytes = m->transformer->decode_bytes,
        .prefill_macs = m->transformer->prefill_macs,
    };
}

void sotto_system_get(sotto_system *out) {
    sotto_kernels best;
    uint32_t      flags = sotto_cpu_flags();
    sotto_kernels_init(&best, flags);
    *out = (sotto_system){
        .version = SOTTO_VERSION,
        .cpu_name = sotto_cpu_name(),
        .kernels = best.name,
        .physical_cores = sotto_cpu_physical_cores(),
        .memory_bytes = sotto_memory_total_bytes(),
        .memory_available_bytes = sotto_memory_available_bytes(),
    };
    sotto_cpu_flags_text(flags, out->cpu_features, sizeof out->cpu_features);
}

uint64_t sotto_peak_rss_bytes(void) { return sotto_memory_peak_rss_bytes(); }
