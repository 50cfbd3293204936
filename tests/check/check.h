/* What the kernel checks share: the levels this CPU has, guarded buffers, and data both plain and nasty. */
#ifndef SOTTO_CHECK_H
#define SOTTO_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#endif
#include <sys/mman.h>
#include <unistd.h>

#include "kernels/kernels.h"
#include "os/os.h"
#include "tensor/blocks.h"
#include "test.h"

static uint64_t check_seed = 1;

/* ---- levels -------------------------------------------------------------------------------------------- */

static const char *const check_level_names[] = {"ref", "avx2", "avx512vnni", "neon", "dotprod", "i8mm"};

/* The tables of the levels that this CPU has, ref first. */
static sotto_kernels check_levels[SOTTO_COUNT(check_level_names)];
static int           check_n_levels;

static void check_find_levels(void) {
    for (size_t i = 0; i < SOTTO_COUNT(check_level_names); i++) {
        uint32_t flags;
        if (!sotto_kernels_level(check_level_names[i], &flags) || (flags & ~sotto_cpu_flags())) continue;
        sotto_kernels_init(&check_levels[check_n_levels++], flags);
    }
}

/* ---- guarded buffers ----------------------------------------------------------------------------------- */

/* `size` bytes that end where an inaccessible page begins, and begin after another one: reading or writing past
 * the end faults. With an alignment the end may fall short of the page by less than that. */
typedef struct check_buffer {
    uint8_t *p, *map;
    size_t   map_size;
} check_buffer;

static inline check_buffer check_alloc(size_t size, size_t align) {
    size_t       page = (size_t)sysconf(_SC_PAGESIZE), body = (size + page - 1) / page * page + page;
    check_buffer b = {.map_size = body + 2 * page};
    b.map = mmap(NULL, b.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b.map == MAP_FAILED || mprotect(b.map, page, PROT_NONE) || mprotect(b.map + page + body, page, PROT_NONE)) {
        perror("mmap");
        exit(1);
    }
    b.p = b.map + page + body - (size + align - 1) / align * align;
    return b;
}

static inline void check_free(check_buffer *b) { munmap(b->map, b->map_size); }

/* ---- data ---------------------------------------------------------------------------------------------- */

static inline int check_int(int lo, int hi) { /* in [lo, hi] */
    return lo + (int)(test_random(&check_seed) % (uint64_t)(hi - lo + 1));
}

typedef enum check_data {
    DATA_PLAIN,    /* like a model's */
    DATA_MAX,      /* extreme codes of one sign or the other, scale 1: the integer parts at their largest */
    DATA_INTEGER,  /* scales 1, so that every sum is an integer that float holds: results must be exact */
    DATA_ZERO,     /* zero scales */
    DATA_TINY,     /* subnormal scales */
    DATA_LARGE,    /* scales near the largest that half precision has */
    DATA_KINDS
} check_data;

static uint16_t random_scale(check_data kind) {
    uint16_t sign = (uint16_t)(check_int(0, 1) << 15);
    switch (kind) {
    case DATA_MAX:
    case DATA_INTEGER: return (uint16_t)(sign | 0x3c00);
    case DATA_ZERO: return check_int(0, 3) ? sign : 0x2000;
    case DATA_TINY: return (uint16_t)(sign | check_int(0, 0x3ff));
    case DATA_LARGE: return (uint16_t)(sign | check_int(0x7a00, 0x7bff));
    default: return (uint16_t)(sign | check_int(0x1800, 0x2c00));
    }
}

/* Fill a row of any weight dtype. */
static void check_fill_weights(sotto_dtype dtype, uint8_t *row, int cols, check_data kind) {
    if (!sotto_dtype_takes_q8(dtype)) {
        for (int i = 0; i < cols; i++) {
            float f = test_random_float(&check_seed);
            if (kind == DATA_INTEGER || kind == DATA_MAX) f = (float)check_int(-9, 9);
            if (kind == DATA_ZERO) f = 0;
            if (kind == DATA_TINY) f *= 0x1p-22f;
            if (kind == DATA_LARGE) f *= 60000;
            sotto_row_from_f32(dtype, &f, row + (size_t)i * sotto_dtype_get(dtype)->block_bytes, 1);
        }
        return;
    }
    const sotto_dtype_info *info = sotto_dtype_get(dtype);
    for (int i = 0; i < cols; i += (int)info->block_elems, row += info->block_bytes) {
        int extreme = check_int(0, 2);
        for (size_t j = 0; j < info->block_bytes; j++) {
            uint8_t byte = (uint8_t)test_random(&check_seed);
            if (kind == DATA_MAX && extreme == 1) byte = dtype == SOTTO_Q8_0 ? 0x80 : 0;
            if (kind == DATA_MAX && extreme == 2) byte = dtype == SOTTO_Q8_0 ? 0x7f : 0xff;
            row[j] = byte;
        }
        uint16_t d = random_scale(kind), m = random_scale(kind);
        memcpy(row + (dtype == SOTTO_Q6_K ? offsetof(sotto_block_q6_k, d) : 0), &d, 2);
        if (sotto_dtype_has_min(dtype)) memcpy(row + 2, &m, 2);
        if (dtype == SOTTO_Q6_K && (kind == DATA_INTEGER || kind == DATA_MAX)) {
            for (size_t j = 0; j < 16; j++)
                row[offsetof(sotto_block_q6_k, scales) + j] = (uint8_t)check_int(-3, 3);
        }
    }
}

/* Activations of one token. Beyond DATA_INTEGER kinds they have outliers, zeros and blocks of zeros. */
static void check_fill_floats(float *x, int n, check_data kind) {
    for (int i = 0; i < n; i++) {
        float f = test_random_float(&check_seed) * test_random_float(&check_seed);
        if (check_int(0, 63) == 0) f *= 100;
        if (check_int(0, 63) == 0) f = 0;
        if (i / 32 % 7 == 3) f = 0;
        if (kind == DATA_MAX) f = check_int(0, 1) ? 127 : -127;
        if (kind == DATA_INTEGER) f = i % 32 == 5 ? 127 : (float)check_int(-9, 9);
        if (kind == DATA_TINY) f *= 0x1p-20f;
        if (kind == DATA_LARGE) f *= 1000;
        x[i] = f;
    }
}

#endif
