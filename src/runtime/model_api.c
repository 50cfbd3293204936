/* Opening a model, and what it says of itself. */
#include "runtime/engine.h"

#include <stdlib.h>

enum { THREADS_MAX = 256 };

sotto_model_options sotto_model_options_default(void) { return (sotto_model_options){0}; }

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

sotto_status sotto_threads_resolve(int32_t *threads, sotto_error *err) {
    if (*threads == 0) *threads = sotto_cpu_physical_cores();
    if (*threads >= 1 && *threads <= THREADS_MAX) return SOTTO_OK;
    return sotto_fail(err, SOTTO_INVALID, "%d threads: choose 1 to %d", (int)*threads, (int)THREADS_MAX);
}

sotto_status sotto_model_open_engine(sotto_model *m, const char *path, const sotto_model_options *o, bool look_only,
                                     sotto_error *err) {
    sotto_model_options full = *o;
    SOTTO_TRY(sotto_threads_resolve(&full.threads, err));
    m->engine = sotto_package_is(path) ? &sotto_engine_package : &sotto_engine_native;
    return m->engine->open(m, path, &full, look_only, err);
}

static sotto_status open_parts(sotto_model *m, const char *path, const sotto_model_options *o, sotto_error *err) {
    SOTTO_TRY(sotto_model_open_engine(m, path, o, false, err));
    SOTTO_TRY(sotto_tokenizer_open(&m->tokenizer, m->checkpoint, err));
    return choose_chat_format(m, o->chat_format, err);
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
    sotto_vocabulary_close(atomic_load(&m->vocabulary));
    sotto_tokenizer_close(m->tokenizer);
    if (m->engine) m->engine->close(m);
    sotto_checkpoint_close(m->checkpoint);
    free(m);
}

void sotto_model_get_info(const sotto_model *m, sotto_model_info *out) {
    *out = m->info;
    out->chat_format = m->chat_format ? sotto_chat_format_name(m->chat_format) : NULL;
    out->hears_results = !m->chat_format || sotto_chat_format_hears_results(m->chat_format);
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
