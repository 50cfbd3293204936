/* The ring: one thread writes, one reads, neither ever waits. Positions only grow; their difference is the fill, and
 * their low bits are the place in the memory, whose size is a power of two (Lamport 1983). */
#include <stdatomic.h>
#include <stdlib.h>

#include "audio/audio.h"

enum { CACHE_LINE = 64 };

struct sotto_ring {
    int16_t *pcm;
    size_t   mask;
    /* Each thread writes its own position only; on one line they would travel between the cores at every access. */
    _Alignas(CACHE_LINE) atomic_size_t written;
    _Alignas(CACHE_LINE) atomic_size_t taken;
};

sotto_status sotto_ring_open(sotto_ring **out, size_t n_samples, sotto_error *err) {
    size_t size = 1, n_bytes;
    *out = NULL;
    while (size < n_samples && size <= SIZE_MAX / 4) size *= 2;
    sotto_ring *r = sotto_aligned_alloc(sizeof *r);
    if (r && size >= n_samples && sotto_size_mul(size, sizeof *r->pcm, &n_bytes)) r->pcm = sotto_aligned_alloc(n_bytes);
    if (!r || !r->pcm) {
        sotto_ring_close(r);
        return sotto_fail_memory(err, "a ring of samples");
    }
    r->mask = size - 1;
    atomic_init(&r->written, 0);
    atomic_init(&r->taken, 0);
    *out = r;
    return SOTTO_OK;
}

void sotto_ring_close(sotto_ring *r) {
    if (!r) return;
    sotto_aligned_free(r->pcm);
    sotto_aligned_free(r);
}

/* The other's position with acquire: what it did before it published that is seen. One's own with relaxed. */
size_t sotto_ring_write(sotto_ring *r, const int16_t *pcm, size_t n) {
    size_t at = atomic_load_explicit(&r->written, memory_order_relaxed);
    size_t room = r->mask + 1 - (at - atomic_load_explicit(&r->taken, memory_order_acquire));
    n = SOTTO_MIN(n, room);
    size_t place = at & r->mask, first = SOTTO_MIN(n, r->mask + 1 - place);
    if (n > 0) memcpy(r->pcm + place, pcm, first * sizeof *pcm);
    if (n > first) memcpy(r->pcm, pcm + first, (n - first) * sizeof *pcm);
    atomic_store_explicit(&r->written, at + n, memory_order_release);
    return n;
}

size_t sotto_ring_read(sotto_ring *r, int16_t *pcm, size_t n) {
    size_t at = atomic_load_explicit(&r->taken, memory_order_relaxed);
    size_t fill = atomic_load_explicit(&r->written, memory_order_acquire) - at;
    n = SOTTO_MIN(n, fill);
    size_t place = at & r->mask, first = SOTTO_MIN(n, r->mask + 1 - place);
    if (pcm && n > 0) memcpy(pcm, r->pcm + place, first * sizeof *pcm);
    if (pcm && n > first) memcpy(pcm + first, r->pcm, (n - first) * sizeof *pcm);
    atomic_store_explicit(&r->taken, at + n, memory_order_release);
    return n;
}

/* From the thread that writes, or reads, the answer can only be too small, as the other goes on. `taken` comes first:
 * from a third thread the difference must not become negative. */
size_t sotto_ring_fill(const sotto_ring *r) {
    size_t taken = atomic_load_explicit(&r->taken, memory_order_acquire);
    size_t fill = atomic_load_explicit(&r->written, memory_order_acquire) - taken;
    return SOTTO_MIN(fill, r->mask + 1);
}

size_t sotto_ring_room(const sotto_ring *r) { return r->mask + 1 - sotto_ring_fill(r); }
