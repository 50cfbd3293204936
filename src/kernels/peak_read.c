/* The ceiling of reading: sums of words, fewer instructions than any product needs for its bytes. */
#include "kernels/kernels.h"

#include "kernels/simd/isa.h"

enum { STREAMS = 4, LINE_WORDS = 8 };

/* The sums are as many as a line has words, so that no addition waits for another. */
static INLINE void add_line(uint64_t sum[LINE_WORDS], const uint64_t *p, bool ahead) {
    if (ahead) prefetch((const uint8_t *)p, PREFETCH_AHEAD, LINE_WORDS * sizeof *p);
    UNROLL for (int i = 0; i < LINE_WORDS; i++) sum[i] += p[i];
}

uint64_t sotto_peak_read(const void *p, size_t n, int way) {
    const uint64_t *words = p;
    const size_t    n_words = n / sizeof *words, part = n_words / STREAMS;
    const bool      ahead = way & 1;
    uint64_t        sum[LINE_WORDS] = {0}, all = 0;
    if (way & 2)
        for (size_t i = 0; i < part; i += LINE_WORDS)
            for (size_t s = 0; s < STREAMS; s++) add_line(sum, words + s * part + i, ahead);
    else
        for (size_t i = 0; i < n_words; i += LINE_WORDS) add_line(sum, words + i, ahead);
    for (int i = 0; i < LINE_WORDS; i++) all += sum[i];
    return all;
}
