/* What the inputs of each matrix weigh: mean squares by column, collected while a model computes a text. An error in a
 * weight costs as much as its input is large, so a quantiser that knows this spends its errors where they are cheap. */
#include "runtime/runtime.h"

#include <stdlib.h>

typedef struct column_sums {
    const sotto_matrix *matrix;
    char                name[64]; /* of the matrix in GGUF */
    double             *squares;  /* [matrix->cols] */
    uint64_t            n_tokens;
} column_sums;

struct sotto_importance {
    sotto_observer observer;
    column_sums   *items;
    size_t         n;
    sotto_arena    arena;
};

/* On the thread that computes, between parallel parts. */
static void see(void *user, const sotto_matrix *w, const float *x, size_t stride, int32_t n_tokens) {
    sotto_importance *importance = user;
    column_sums      *s = importance->items, *end = s + importance->n;
    while (s < end && s->matrix != w) s++;
    if (s == end) return;
    for (int32_t t = 0; t < n_tokens; t++, x += stride)
        for (int32_t i = 0; i < w->cols; i++) s->squares[i] += (double)x[i] * (double)x[i];
    s->n_tokens += (uint64_t)n_tokens;
}

/* The head is told of as such; where it is tied its weights are the embedding, and so is its name. */
static bool find_next(const sotto_transformer *t, sotto_role_iter *it, column_sums *out) {
    sotto_role role;
    size_t     slot;
    while (sotto_role_next(&t->config, it, &role, &slot)) {
        if (role.kind != SOTTO_ROLE_MATRIX && role.kind != SOTTO_ROLE_EMBEDDING) continue;
        const uint8_t      *base = it->layer == 0 ? (const uint8_t *)t : (const uint8_t *)&t->layers[it->layer - 1];
        const sotto_matrix *m = (const sotto_matrix *)(const void *)(base + slot);
        *out = (column_sums){.matrix = m == &t->embed && t->config.tied ? &t->head : m};
        memcpy(out->name, role.gguf, sizeof out->name);
        return true;
    }
    return false;
}

sotto_status sotto_importance_open(sotto_importance **out, const sotto_transformer *t, sotto_error *err) {
    *out = NULL;
    sotto_importance *importance = calloc(1, sizeof *importance);
    if (!importance) return sotto_fail_memory(err, "the importance of inputs");
    importance->observer = (sotto_observer){see, importance};
    importance->items =
        sotto_arena_array(&importance->arena, 8 + 16 * (size_t)t->config.n_layers, sizeof *importance->items);
    bool            ok = importance->items != NULL;
    sotto_role_iter it = {0};
    column_sums     next;
    while (ok && find_next(t, &it, &next)) {
        next.squares = sotto_arena_array(&importance->arena, (size_t)next.matrix->cols, sizeof(double));
        importance->items[importance->n++] = next;
        ok = next.squares != NULL;
    }
    if (ok) {
        *out = importance;
        return SOTTO_OK;
    }
    sotto_importance_close(importance);
    return sotto_fail_memory(err, "the importance of inputs");
}

const sotto_observer *sotto_importance_observer(const sotto_importance *i) { return &i->observer; }

static sotto_status write_means(sotto_gguf_writer *w, const column_sums *s, sotto_error *err) {
    float values[256];
    for (int32_t i = 0; i < s->matrix->cols; i += (int32_t)SOTTO_COUNT(values)) {
        int32_t n = SOTTO_MIN((int32_t)SOTTO_COUNT(values), s->matrix->cols - i);
        for (int32_t k = 0; k < n; k++) values[k] = (float)(s->squares[i + k] / (double)s->n_tokens);
        SOTTO_TRY(sotto_gguf_write(w, values, (size_t)n * sizeof *values, err));
    }
    return SOTTO_OK;
}

/* Matrices that were never multiplied with, an embedding that is not the head, have nothing to say. */
static sotto_status write_all(const sotto_importance *importance, sotto_gguf_writer *w, sotto_error *err) {
    SOTTO_TRY(sotto_gguf_put_str(w, "general.type", sotto_str_from("importance"), err));
    for (size_t i = 0; i < importance->n; i++) {
        int64_t dim = importance->items[i].matrix->cols;
        if (importance->items[i].n_tokens)
            SOTTO_TRY(sotto_gguf_put_tensor(w, importance->items[i].name, SOTTO_F32, 1, &dim, err));
    }
    SOTTO_TRY(sotto_gguf_begin_data(w, err));
    for (size_t i = 0; i < importance->n; i++)
        if (importance->items[i].n_tokens) SOTTO_TRY(write_means(w, &importance->items[i], err));
    return SOTTO_OK;
}

sotto_status sotto_importance_write(const sotto_importance *importance, const char *path, sotto_error *err) {
    sotto_gguf_writer *w;
    SOTTO_TRY(sotto_gguf_writer_open(&w, path, err));
    sotto_status status = write_all(importance, w, err);
    if (status == SOTTO_OK) return sotto_gguf_commit(w, err);
    sotto_gguf_writer_close(w);
    return status;
}

void sotto_importance_close(sotto_importance *i) {
    if (!i) return;
    sotto_arena_free(&i->arena);
    free(i);
}
