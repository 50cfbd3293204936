/* A hash map from bytes to int32: linear probing, at most two thirds full. */
#include "base/base.h"

#include <stdlib.h>

struct sotto_map_slot {
    sotto_str key;
    uint32_t  hash;
    int32_t   value; /* -1: empty */
};

uint64_t sotto_hash(const void *data, size_t n, uint64_t seed) {
    const unsigned char *p = data;
    uint64_t             h = 0xcbf29ce484222325u ^ seed, word;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * 0x9fb21c651e98df25u;
        h ^= h >> 32;
    }
    for (; n > 0; p++, n--) h = (h ^ *p) * 0x100000001b3u;
    /* The low bits are weak: mix as MurmurHash3's 64-bit finaliser does. */
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

/* The seed differs from run to run through the address layout (ASLR). */
static uint64_t seed(void) {
    static const char here;
    return (uint64_t)(uintptr_t)&here * 0x9e3779b97f4a7c15u;
}

static struct sotto_map_slot *find(const sotto_map *m, sotto_str key, uint32_t hash) {
    size_t i = hash & (m->cap - 1);
    while (m->slots[i].value >= 0 && !(m->slots[i].hash == hash && sotto_str_eq(m->slots[i].key, key)))
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

bool sotto_map_reserve(sotto_map *m, size_t count) {
    size_t cap = m->cap ? m->cap : 16, bytes;
    while (cap / 3 * 2 < count) {
        if (cap > SIZE_MAX / 4) return false;
        cap *= 2;
    }
    if (cap == m->cap) return true;
    sotto_map old = *m;
    if (!sotto_size_mul(cap, sizeof *m->slots, &bytes)) return false;
    struct sotto_map_slot *slots = malloc(bytes);
    if (!slots) return false;
    for (size_t i = 0; i < cap; i++) slots[i] = (struct sotto_map_slot){.value = -1};
    m->slots = slots;
    m->cap = cap;
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].value >= 0) *find(m, old.slots[i].key, old.slots[i].hash) = old.slots[i];
    free(old.slots);
    return true;
}

int sotto_map_add(sotto_map *m, sotto_str key, int32_t value) {
    if (!sotto_map_reserve(m, m->count + 1)) return -1;
    uint32_t               hash = (uint32_t)sotto_hash(key.p, key.n, seed());
    struct sotto_map_slot *slot = find(m, key, hash);
    if (slot->value >= 0) return 0;
    *slot = (struct sotto_map_slot){key, hash, value};
    m->count++;
    return 1;
}

int32_t sotto_map_get(const sotto_map *m, sotto_str key) {
    if (!m->cap) return -1;
    return find(m, key, (uint32_t)sotto_hash(key.p, key.n, seed()))->value;
}

void sotto_map_free(sotto_map *m) {
    free(m->slots);
    *m = (sotto_map){0};
}
