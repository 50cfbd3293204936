/* base: memory, strings, maps and error reports for every other part. Includes the C library only.
 *
 * Convention for everything here: NULL or false means out of memory (or over the stated maximum), and the
 * caller reports it. Nothing prints, nothing aborts. */
#ifndef SOTTO_BASE_H
#define SOTTO_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sotto/error.h>

/* ---- errors -------------------------------------------------------------------------------------------- */

/* Fill `err` (may be NULL) and return `status`, so that a failure is one line: return sotto_fail(err, ...). */
sotto_status sotto_fail(sotto_error *err, sotto_status status, const char *fmt, ...) SOTTO_PRINTF(3, 4);
/* The same with the byte offset of the fault in a file. */
sotto_status sotto_fail_at(sotto_error *err, sotto_status status, uint64_t offset, const char *fmt, ...)
    SOTTO_PRINTF(4, 5);
/* Out of memory, naming what it was for. */
sotto_status sotto_fail_memory(sotto_error *err, const char *what);
/* Put "prefix: " before the message that a callee has already written; returns err->status. */
sotto_status sotto_fail_prefix(sotto_error *err, sotto_status status, const char *fmt, ...) SOTTO_PRINTF(3, 4);

/* Forward a failure that is already reported. */
#define SOTTO_TRY(expr)                                                                                      \
    do {                                                                                                     \
        sotto_status try_status_ = (expr);                                                                   \
        if (try_status_ != SOTTO_OK) return try_status_;                                                     \
    } while (0)

/* ---- sizes that come from outside ---------------------------------------------------------------------- */

/* a+b, a*b and a rounded up to a multiple of `align` (a power of two); false when the result overflows. */
static inline bool sotto_size_add(size_t a, size_t b, size_t *out) {
    *out = a + b;
    return *out >= a;
}
static inline bool sotto_size_mul(size_t a, size_t b, size_t *out) {
    *out = a * b;
    return a == 0 || *out / a == b;
}
static inline bool sotto_size_align(size_t a, size_t align, size_t *out) {
    bool ok = sotto_size_add(a, align - 1, out);
    *out &= ~(align - 1);
    return ok;
}

/* A flag that another thread, or a signal handler, sets for this one to see soon; nothing else follows from it. */
static inline bool sotto_flag_is_set(const volatile int *flag) {
    return flag && __atomic_load_n(flag, __ATOMIC_RELAXED);
}
static inline void sotto_flag_set(volatile int *flag, int value) { __atomic_store_n(flag, value, __ATOMIC_RELAXED); }

#define SOTTO_MIN(a, b) ((a) < (b) ? (a) : (b))
#define SOTTO_MAX(a, b) ((a) > (b) ? (a) : (b))
#define SOTTO_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- memory -------------------------------------------------------------------------------------------- */

/* 64-byte aligned, zeroed; released with sotto_aligned_free. */
void *sotto_aligned_alloc(size_t n_bytes);
void  sotto_aligned_free(void *p);

/* An arena: many allocations, one lifetime. Initialise with {0}. Single-threaded. */
typedef struct sotto_arena {
    struct sotto_arena_chunk *head;
    size_t                    n_bytes; /* allocated in all */
} sotto_arena;

void *sotto_arena_alloc(sotto_arena *a, size_t n_bytes);               /* 16-byte aligned, zeroed */
void *sotto_arena_array(sotto_arena *a, size_t count, size_t size);    /* checked multiplication */
char *sotto_arena_text(sotto_arena *a, const char *text, size_t n);    /* copy, NUL added */
void  sotto_arena_free(sotto_arena *a);                                /* everything; the arena is {0} again */

/* ---- text ---------------------------------------------------------------------------------------------- */

/* Bytes that are lent; not NUL-terminated. */
typedef struct sotto_str {
    const char *p;
    size_t      n;
} sotto_str;

static inline sotto_str sotto_str_from(const char *text) {
    return (sotto_str){text ? text : "", text ? strlen(text) : 0};
}
static inline bool sotto_str_eq(sotto_str a, sotto_str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool sotto_str_is(sotto_str a, const char *text) { return sotto_str_eq(a, sotto_str_from(text)); }
bool sotto_str_starts(sotto_str a, const char *prefix);
bool sotto_str_ends(sotto_str a, const char *suffix);

/* A growable byte buffer with a maximum. A failed append sets `failed` and later appends do nothing, so a
 * chain of appends is checked once at the end. `data` is NUL-terminated whenever it is not NULL. */
typedef struct sotto_buf {
    char  *data;
    size_t len, cap, max; /* max 0: SIZE_MAX/2 */
    bool   failed;
} sotto_buf;

bool      sotto_buf_reserve(sotto_buf *b, size_t extra);
bool      sotto_buf_append(sotto_buf *b, const void *data, size_t n);
bool      sotto_buf_puts(sotto_buf *b, const char *text);
bool      sotto_buf_putc(sotto_buf *b, char c);
bool      sotto_buf_printf(sotto_buf *b, const char *fmt, ...) SOTTO_PRINTF(2, 3);
void      sotto_buf_clear(sotto_buf *b); /* keeps the memory, resets `failed` */
void      sotto_buf_free(sotto_buf *b);
sotto_str sotto_buf_str(const sotto_buf *b);

/* UTF-8. Decode one code point at s[0..n): its length in bytes and *cp; an invalid sequence gives *cp =
 * 0xFFFD and the length of its maximal valid prefix (at least 1), as Unicode recommends; n == 0 gives 0. */
size_t sotto_utf8_decode(const char *s, size_t n, uint32_t *cp);
size_t sotto_utf8_encode(uint32_t cp, char out[4]);
bool   sotto_utf8_valid(const char *s, size_t n);
bool   sotto_buf_append_utf8(sotto_buf *b, const char *s, size_t n); /* U+FFFD for every invalid sequence */
/* The bytes at the end of s[0..n) that begin a sequence still incomplete (0..3): what a stream holds back. */
size_t sotto_utf8_incomplete(const char *s, size_t n);

/* ---- map: bytes -> int32 ------------------------------------------------------------------------------- */

/* Open addressing; keys are lent, not copied. Initialise with {0}. The hash is seeded per process, so a file
 * cannot choose its collisions. */
typedef struct sotto_map {
    struct sotto_map_slot *slots;
    size_t                 count, cap;
} sotto_map;

bool     sotto_map_reserve(sotto_map *m, size_t count);
/* 1 when added, 0 when the key was there (its value is kept), -1 when out of memory. */
int      sotto_map_add(sotto_map *m, sotto_str key, int32_t value);
int32_t  sotto_map_get(const sotto_map *m, sotto_str key); /* -1 when absent: values must be >= 0 */
void     sotto_map_free(sotto_map *m);
/* The next number of a splitmix64 generator (Steele et al. 2014): seeds others, or makes data that need not be good. */
static inline uint64_t sotto_splitmix64(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Not cryptographic. The same for the same bytes and seed on every run; chain by passing a result as seed. */
uint64_t sotto_hash(const void *data, size_t n, uint64_t seed);

#endif
