/* Aligned blocks and arenas. */
#include "base/base.h"

#include <stdlib.h>

void *sotto_aligned_alloc(size_t n_bytes) {
    size_t total;
    if (!sotto_size_align(n_bytes ? n_bytes : 1, 64, &total)) return NULL;
    void *p = aligned_alloc(64, total);
    if (p) memset(p, 0, total);
    return p;
}

void sotto_aligned_free(void *p) { free(p); }

/* Chunks double up to a megabyte; a request larger than the next chunk gets one of its own size. */
struct sotto_arena_chunk {
    struct sotto_arena_chunk *next;
    size_t                    used, cap;
    _Alignas(16) unsigned char bytes[];
};

enum { ARENA_CHUNK_MIN = 4096, ARENA_CHUNK_MAX = 1 << 20 };

void *sotto_arena_alloc(sotto_arena *a, size_t n_bytes) {
    size_t n;
    if (!sotto_size_align(n_bytes ? n_bytes : 1, 16, &n)) return NULL;
    struct sotto_arena_chunk *c = a->head;
    if (!c || c->cap - c->used < n) {
        size_t cap = c ? SOTTO_MIN(c->cap * 2, (size_t)ARENA_CHUNK_MAX) : (size_t)ARENA_CHUNK_MIN;
        size_t total;
        cap = SOTTO_MAX(cap, n);
        if (!sotto_size_add(sizeof *c, cap, &total) || !(c = calloc(1, total))) return NULL;
        c->cap = cap;
        c->next = a->head;
        a->head = c;
        a->n_bytes += total;
    }
    void *p = c->bytes + c->used;
    c->used += n;
    return p;
}

void *sotto_arena_array(sotto_arena *a, size_t count, size_t size) {
    size_t total;
    return sotto_size_mul(count, size, &total) ? sotto_arena_alloc(a, total) : NULL;
}

char *sotto_arena_text(sotto_arena *a, const char *text, size_t n) {
    size_t total;
    char  *copy = sotto_size_add(n, 1, &total) ? sotto_arena_alloc(a, total) : NULL;
    if (copy && n) memcpy(copy, text, n);
    return copy;
}

void sotto_arena_free(sotto_arena *a) {
    for (struct sotto_arena_chunk *c = a->head, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    *a = (sotto_arena){0};
}
