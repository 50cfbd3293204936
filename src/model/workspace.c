/* Sizing and carving the scratch memory of a session. */
#include "model/workspace.h"

#include <stdlib.h>

/* Carves a block: the first pass only counts (base NULL), the second hands out. */
typedef struct carver {
    uint8_t *base;
    size_t   used;
    bool     overflow;
} carver;

static void *carve(carver *c, size_t count, size_t size) {
    size_t n, at = c->used;
    c->overflow |= !sotto_size_mul(count, size, &n) || !sotto_size_align(n, 64, &n) || !sotto_size_add(at, n, &c->used);
    return c->base ? c->base + at : NULL;
}

static void carve_rows(carver *c, sotto_rows *r, int32_t batch, int32_t cols) {
    r->stride = ((size_t)cols + 15) & ~(size_t)15;
    r->data = carve(c, (size_t)batch * r->stride, sizeof(float));
}

typedef struct widths {
    int32_t q, kv, ff, heads, head_dim, activation; /* the largest of any layer */
} widths;

static widths widest(const sotto_config *c) {
    widths w = {.activation = SOTTO_MAX(c->n_embd, c->per_layer_embd)};
    for (int32_t i = 0; i < c->n_layers; i++) {
        const sotto_layer_config *l = &c->layers[i];
        w.q = SOTTO_MAX(w.q, sotto_layer_q_dim(l));
        w.kv = SOTTO_MAX(w.kv, sotto_layer_kv_dim(l));
        w.ff = SOTTO_MAX(w.ff, l->n_ff);
        w.heads = SOTTO_MAX(w.heads, l->n_heads);
        w.head_dim = SOTTO_MAX(w.head_dim, l->head_dim);
    }
    w.activation = SOTTO_MAX(w.activation, SOTTO_MAX(w.q, w.ff));
    return w;
}

static void carve_all(carver *c, sotto_workspace *w, const sotto_config *cfg, int32_t batch, int32_t context,
                      int32_t n_workers) {
    widths d = widest(cfg);
    carve_rows(c, &w->x, batch, cfg->n_embd);
    carve_rows(c, &w->branch, batch, cfg->n_embd);
    carve_rows(c, &w->norm, batch, cfg->n_embd);
    carve_rows(c, &w->q, batch, d.q);
    carve_rows(c, &w->k, batch, d.kv);
    carve_rows(c, &w->v, batch, d.kv);
    carve_rows(c, &w->attn, batch, d.q);
    carve_rows(c, &w->gate, batch, SOTTO_MAX(d.ff, cfg->per_layer_embd));
    carve_rows(c, &w->up, batch, SOTTO_MAX(d.ff, cfg->per_layer_embd));
    if (cfg->per_layer_embd) carve_rows(c, &w->per_layer, batch, cfg->n_layers * cfg->per_layer_embd);
    for (int r = 0; r < SOTTO_ROPE_COUNT; r++) {
        carve_rows(c, &w->cosines[r], batch, cfg->ropes[r].head_dim / 2);
        carve_rows(c, &w->sines[r], batch, cfg->ropes[r].head_dim / 2);
    }
    w->q8_stride = sotto_q8_row_bytes(d.activation);
    w->q8 = carve(c, (size_t)batch, w->q8_stride);
    w->attn_rows = SOTTO_MAX(d.heads, (int32_t)SOTTO_ATTN_ROWS);
    w->attn_scratch = carve(c, (size_t)n_workers, sizeof *w->attn_scratch);
    for (int32_t i = 0; i < n_workers; i++) {
        sotto_attn_scratch s = {0};
        size_t             rows = (size_t)w->attn_rows, cells = rows * (size_t)d.head_dim;
        s.q = carve(c, cells, sizeof(float));
        s.part = carve(c, cells, sizeof(float));
        s.sum = carve(c, cells, sizeof(float));
        s.m = carve(c, rows, sizeof(float));
        s.l = carve(c, rows, sizeof(float));
        s.m_sum = carve(c, rows, sizeof(float));
        s.l_sum = carve(c, rows, sizeof(float));
        s.begin = carve(c, rows, sizeof(int32_t));
        s.end = carve(c, rows, sizeof(int32_t));
        if (c->base) w->attn_scratch[i] = s;
    }
    w->part_rows = d.heads * ((context + SOTTO_ATTN_SPAN - 1) / SOTTO_ATTN_SPAN);
    w->part_acc = carve(c, (size_t)w->part_rows * (size_t)d.head_dim, sizeof(float));
    w->part_ml = carve(c, (size_t)w->part_rows * 2, sizeof(float));
    w->batch = batch;
    w->n_workers = n_workers;
}

uint64_t sotto_workspace_bytes(const sotto_config *c, int32_t batch, int32_t context, int32_t n_workers) {
    carver          counter = {0};
    sotto_workspace w = {0};
    carve_all(&counter, &w, c, batch, context, n_workers);
    return counter.overflow ? UINT64_MAX : counter.used;
}

sotto_status sotto_workspace_open(sotto_workspace **out, const sotto_transformer *t, int32_t batch, int32_t context,
                                  int32_t n_workers, sotto_error *err) {
    uint64_t n = sotto_workspace_bytes(&t->config, batch, context, n_workers);
    if (n > SIZE_MAX / 2)
        return sotto_fail(err, SOTTO_INVALID,
                          "scratch memory for %d tokens at once exceeds the address space: choose a smaller "
                          "batch",
                          (int)batch);
    sotto_workspace *w = calloc(1, sizeof *w);
    if (!w) return sotto_fail_memory(err, "scratch memory");
    sotto_status status = sotto_vm_reserve(&w->memory, (size_t)n, err);
    if (status != SOTTO_OK) {
        free(w);
        return status;
    }
    w->n_bytes = n;
    carver c = {.base = w->memory};
    carve_all(&c, w, &t->config, batch, context, n_workers);
    *out = w;
    return SOTTO_OK;
}

void sotto_workspace_close(sotto_workspace *w) {
    if (!w) return;
    sotto_vm_release(w->memory, (size_t)w->n_bytes);
    free(w);
}
