/* The KV cache: positions in address space, memory by the page. See model.h for the idea.
 *
 * Head-major: the positions of one KV head are contiguous, so attention streams through them, and giving the pages
 * of old positions back is one call per head. */
#include "model/model.h"

#include <stdlib.h>

/* Tokens of the last turn beyond which a window layer no longer keeps what an edit of that turn would need. */
enum { KV_SLACK_TOKENS = 4096, KV_HEAD_ALIGN = 1 << 14 /* the largest page size in use */ };

static bool layer_sizes(const sotto_layer_config *l, sotto_dtype dtype, int32_t context, size_t *stride, size_t *head) {
    size_t bytes;
    return sotto_dtype_row_bytes(dtype, (uint64_t)l->head_dim, stride) &&
           sotto_size_mul(*stride, (size_t)context, &bytes) && sotto_size_align(bytes, KV_HEAD_ALIGN, head);
}

sotto_status sotto_kv_open(sotto_kv *kv, const sotto_config *c, sotto_dtype dtype, int32_t context, sotto_error *err) {
    *kv = (sotto_kv){.config = c, .dtype = dtype, .context = context};
    if (!(kv->layers = calloc((size_t)c->n_layers, sizeof *kv->layers)))
        return sotto_fail_memory(err, "the KV cache's table");
    size_t total = 0;
    for (int32_t i = 0; i < c->n_layers; i++) {
        sotto_kv_layer *l = &kv->layers[i];
        size_t          heads;
        if (!layer_sizes(&c->layers[i], dtype, context, &l->stride, &l->head_bytes)) {
            sotto_kv_close(kv);
            return sotto_fail(err, SOTTO_INVALID, "heads of %d cannot be cached as %s: choose another cache type",
                              (int)c->layers[i].head_dim, sotto_dtype_get(dtype)->name);
        }
        if (!sotto_layer_owns_kv(c, i)) continue;
        if (!sotto_size_mul(l->head_bytes, 2 * (size_t)c->layers[i].n_kv_heads, &heads) ||
            !sotto_size_add(total, heads, &total)) {
            sotto_kv_close(kv);
            return sotto_fail(err, SOTTO_INVALID, "a KV cache for %d tokens exceeds the address space", (int)context);
        }
    }
    sotto_status status = sotto_vm_reserve((void **)&kv->memory, total, err);
    if (status != SOTTO_OK) {
        sotto_kv_close(kv);
        return status;
    }
    kv->n_bytes = total;
    uint8_t *p = kv->memory;
    for (int32_t i = 0; i < c->n_layers; i++) {
        sotto_kv_layer *l = &kv->layers[i];
        if (!sotto_layer_owns_kv(c, i)) continue;
        size_t side = l->head_bytes * (size_t)c->layers[i].n_kv_heads;
        l->k = p;
        l->v = p + side;
        p += 2 * side;
    }
    return SOTTO_OK;
}

void sotto_kv_close(sotto_kv *kv) {
    if (kv->memory) sotto_vm_release(kv->memory, kv->n_bytes);
    free(kv->layers);
    *kv = (sotto_kv){0};
}

uint64_t sotto_kv_bytes(const sotto_config *c, sotto_dtype dtype, int32_t context, int32_t slack) {
    uint64_t total = 0;
    for (int32_t i = 0; i < c->n_layers; i++) {
        const sotto_layer_config *l = &c->layers[i];
        int32_t                   kept = context;
        size_t                    stride, head;
        if (l->window) kept = (int32_t)SOTTO_MIN((int64_t)context, (int64_t)l->window + KV_SLACK_TOKENS + slack);
        if (!sotto_layer_owns_kv(c, i) || !layer_sizes(l, dtype, kept, &stride, &head)) continue;
        total += 2 * (uint64_t)l->n_kv_heads * head;
    }
    return total;
}

uint64_t sotto_kv_read_bytes(const sotto_config *c, sotto_dtype dtype, int32_t depth) {
    uint64_t total = 0;
    for (int32_t i = 0; i < c->n_layers; i++) {
        const sotto_layer_config *l = &c->layers[i];
        size_t                    stride;
        if (!sotto_dtype_row_bytes(dtype, (uint64_t)l->head_dim, &stride)) continue;
        total += 2 * (uint64_t)l->n_kv_heads * stride * (uint64_t)(l->window ? SOTTO_MIN(depth, l->window) : depth);
    }
    return total;
}

/* Call discard for the pages of positions [from, to) in every head of a layer. */
static void discard(const sotto_kv *kv, int32_t layer, int32_t from, int32_t to) {
    const sotto_kv_layer *l = &kv->layers[layer];
    for (int32_t h = 0; h < kv->config->layers[layer].n_kv_heads; h++) {
        size_t offset = (size_t)h * l->head_bytes + (size_t)from * l->stride, n = (size_t)(to - from) * l->stride;
        sotto_vm_discard(l->k + offset, n);
        sotto_vm_discard(l->v + offset, n);
    }
}

bool sotto_kv_rewind(sotto_kv *kv, int32_t n) {
    for (int32_t i = 0; i < kv->config->n_layers; i++) {
        int32_t window = kv->config->layers[i].window;
        if (n > 0 && window > 0 && n - window + 1 < kv->layers[i].floor) return false;
    }
    if (n < kv->n) {
        for (int32_t i = 0; i < kv->config->n_layers; i++) {
            sotto_kv_layer *l = &kv->layers[i];
            if (n == 0) l->floor = 0;
            if (l->k) discard(kv, i, n, kv->n);
        }
    }
    kv->n = n;
    kv->mark = SOTTO_MIN(kv->mark, n);
    return true;
}

void sotto_kv_set_mark(sotto_kv *kv, int32_t mark) {
    kv->mark = SOTTO_MAX(mark, kv->n - KV_SLACK_TOKENS);
    for (int32_t i = 0; i < kv->config->n_layers; i++) {
        sotto_kv_layer *l = &kv->layers[i];
        int32_t         window = kv->config->layers[i].window, floor = kv->mark - window + 1;
        if (!l->k || window == 0 || floor <= l->floor) continue;
        discard(kv, i, l->floor, floor);
        l->floor = floor;
    }
}

/* Rotate the keys of positions [from, to) of a layer by `delta` positions. */
static void rotate(const sotto_kv *kv, const sotto_kernels *k, int32_t layer, int32_t from, int32_t to, int32_t delta) {
    const sotto_config       *c = kv->config;
    const sotto_layer_config *lc = &c->layers[layer];
    if (lc->rope < 0) return;
    float cosines[SOTTO_ATTN_HEAD_DIM_MAX / 2], sines[SOTTO_ATTN_HEAD_DIM_MAX / 2],
        row[SOTTO_ATTN_HEAD_DIM_MAX];
    const int32_t  n_pairs = lc->head_dim / 2;
    sotto_rope_angles(&c->ropes[lc->rope], delta, cosines, sines);
    for (int32_t h = 0; h < lc->n_kv_heads; h++) {
        uint8_t *p = kv->layers[layer].k + (size_t)h * kv->layers[layer].head_bytes;
        for (int32_t i = from; i < to; i++) {
            uint8_t *bytes = p + (size_t)i * kv->layers[layer].stride;
            k->to_f32(kv->dtype, bytes, row, lc->head_dim);
            k->rope(row, cosines, sines, n_pairs, c->rope_interleaved);
            k->from_f32(kv->dtype, row, bytes, lc->head_dim);
        }
    }
}

sotto_status sotto_kv_drop(sotto_kv *kv, const sotto_kernels *k, int32_t begin, int32_t end, sotto_error *err) {
    if (begin < 0 || begin > end || end > kv->n)
        return sotto_fail(err, SOTTO_INVALID, "cannot drop the tokens %d to %d of %d", (int)begin, (int)end,
                          (int)kv->n);
    int32_t delta = end - begin;
    for (int32_t i = 0; i < kv->config->n_layers && delta > 0; i++) {
        sotto_kv_layer *l = &kv->layers[i];
        if (!l->k) continue;
        int32_t from = SOTTO_MAX(end, l->floor);
        for (int32_t h = 0; h < kv->config->layers[i].n_kv_heads && from < kv->n; h++) {
            size_t offset = (size_t)h * l->head_bytes + (size_t)from * l->stride,
                   n = (size_t)(kv->n - from) * l->stride;
            memmove(l->k + offset - (size_t)delta * l->stride, l->k + offset, n);
            memmove(l->v + offset - (size_t)delta * l->stride, l->v + offset, n);
        }
        if (l->floor > end)
            l->floor -= delta;
        else if (l->floor > begin)
            l->floor = begin;
        if (from < kv->n) rotate(kv, k, i, from - delta, kv->n - delta, -delta);
        discard(kv, i, kv->n - delta, kv->n);
    }
    kv->n -= delta;
    kv->mark = kv->mark >= end ? kv->mark - delta : SOTTO_MIN(kv->mark, begin);
    return SOTTO_OK;
}

sotto_status sotto_kv_each_run(sotto_kv *kv, sotto_kv_run_fn fn, void *user, sotto_error *err) {
    for (int32_t i = 0; i < kv->config->n_layers; i++) {
        sotto_kv_layer *l = &kv->layers[i];
        int32_t         from = SOTTO_MIN(l->floor, kv->n);
        if (!l->k || from == kv->n) continue;
        for (int32_t h = 0; h < kv->config->layers[i].n_kv_heads; h++) {
            size_t offset = (size_t)h * l->head_bytes + (size_t)from * l->stride,
                   n = (size_t)(kv->n - from) * l->stride;
            SOTTO_TRY(fn(user, l->k + offset, n, err));
            SOTTO_TRY(fn(user, l->v + offset, n, err));
        }
    }
    return SOTTO_OK;
}
