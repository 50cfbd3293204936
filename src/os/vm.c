/* Address space that costs memory only where it is written. */
#include "os/system.h"

#include <sys/mman.h>

#if !defined(MAP_NORESERVE) /* systems that never reserve swap for private memory */
#define MAP_NORESERVE 0
#endif

static void *map_zeros(void *at, size_t n_bytes, int flags) {
    flags |= MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    return mmap(at, n_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
}

sotto_status sotto_vm_reserve(void **out, size_t n_bytes, sotto_error *err) {
    *out = NULL;
    if (n_bytes == 0) return SOTTO_OK;
    void *p = map_zeros(NULL, n_bytes, 0);
    if (p == MAP_FAILED)
        return sotto_fail(err, SOTTO_NO_MEMORY, "the system does not give %zu bytes of address space: %s",
                          n_bytes, strerror(errno));
    *out = p;
    return SOTTO_OK;
}

void sotto_vm_discard(void *p, size_t n_bytes) {
    void *begin = (void *)sotto_pages_inside((uintptr_t)p, &n_bytes);
    if (n_bytes == 0) return;
#if defined(__linux__)
    if (madvise(begin, n_bytes, MADV_DONTNEED) == 0) return;
#endif
    /* Elsewhere MADV_DONTNEED may keep the old bytes; a fresh mapping over the old one never does. */
    if (map_zeros(begin, n_bytes, MAP_FIXED) == MAP_FAILED) memset(begin, 0, n_bytes);
}

void sotto_vm_release(void *p, size_t n_bytes) {
    if (p) (void)munmap(p, n_bytes);
}
