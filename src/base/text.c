/* Strings, growable buffers and UTF-8. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

bool sotto_str_starts(sotto_str a, const char *prefix) {
    size_t n = strlen(prefix);
    return a.n >= n && memcmp(a.p, prefix, n) == 0;
}

bool sotto_str_ends(sotto_str a, const char *suffix) {
    size_t n = strlen(suffix);
    return a.n >= n && memcmp(a.p + (a.n - n), suffix, n) == 0;
}

bool sotto_buf_reserve(sotto_buf *b, size_t extra) {
    size_t max = b->max ? b->max : SIZE_MAX / 2;
    if (b->failed) return false;
    if (extra > max || b->len > max - extra) return !(b->failed = true);
    size_t need = b->len + extra + 1; /* the NUL */
    if (need <= b->cap) return true;
    size_t cap = SOTTO_MAX(b->cap + b->cap / 2, (size_t)64);
    cap = SOTTO_MAX(cap, need);
    char *data = realloc(b->data, cap);
    if (!data) return !(b->failed = true);
    b->data = data;
    b->cap = cap;
    b->data[b->len] = '\0';
    return true;
}

bool sotto_buf_append(sotto_buf *b, const void *data, size_t n) {
    if (!sotto_buf_reserve(b, n)) return false;
    if (n) memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = '\0';
    return true;
}

bool sotto_buf_puts(sotto_buf *b, const char *text) { return sotto_buf_append(b, text, strlen(text)); }
bool sotto_buf_putc(sotto_buf *b, char c) { return sotto_buf_append(b, &c, 1); }

bool sotto_buf_printf(sotto_buf *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    bool ok = n >= 0 && sotto_buf_reserve(b, (size_t)n);
    if (ok) {
        (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return ok;
}

void sotto_buf_clear(sotto_buf *b) {
    b->len = 0;
    b->failed = false;
    if (b->data) b->data[0] = '\0';
}

void sotto_buf_free(sotto_buf *b) {
    free(b->data);
    *b = (sotto_buf){.max = b->max};
}

sotto_str sotto_buf_str(const sotto_buf *b) { return (sotto_str){b->data ? b->data : "", b->len}; }

/* How many continuation bytes follow lead byte c, and the range of the first of them (Unicode table 3-7). */
static int utf8_lead(unsigned char c, unsigned char *lo, unsigned char *hi) {
    *lo = 0x80, *hi = 0xbf;
    if (c < 0x80) return 0;
    if (c >= 0xc2 && c <= 0xdf) return 1;
    if (c >= 0xe0 && c <= 0xef) {
        if (c == 0xe0) *lo = 0xa0;
        if (c == 0xed) *hi = 0x9f;
        return 2;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        if (c == 0xf0) *lo = 0x90;
        if (c == 0xf4) *hi = 0x8f;
        return 3;
    }
    return -1;
}

/* Bytes of the maximal well-formed prefix at s; *whole tells whether it is a whole code point. */
static size_t utf8_prefix(const char *s, size_t n, bool *whole) {
    unsigned char lo, hi;
    int           more = utf8_lead((unsigned char)s[0], &lo, &hi);
    size_t        len = 1;
    *whole = false;
    if (more < 0) return 1;
    for (; more > 0 && len < n; more--, len++) {
        unsigned char c = (unsigned char)s[len];
        if (c < lo || c > hi) return len;
        lo = 0x80, hi = 0xbf;
    }
    *whole = more == 0;
    return len;
}

size_t sotto_utf8_decode(const char *s, size_t n, uint32_t *cp) {
    *cp = 0xfffd;
    if (n == 0) return 0;
    bool   whole;
    size_t len = utf8_prefix(s, n, &whole);
    if (!whole) return len;
    static const unsigned char lead_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t                   c = (unsigned char)s[0] & lead_mask[len];
    for (size_t i = 1; i < len; i++) c = c << 6 | ((unsigned char)s[i] & 0x3f);
    *cp = c;
    return len;
}

size_t sotto_utf8_encode(uint32_t cp, char out[4]) {
    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) cp = 0xfffd;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t                     len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--, cp >>= 6) out[i] = (char)(0x80 | (cp & 0x3f));
    out[0] = (char)(lead[len] | cp);
    return len;
}

bool sotto_utf8_valid(const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        bool   whole;
        size_t len = utf8_prefix(s + i, n - i, &whole);
        if (!whole) return false;
        i += len;
    }
    return true;
}

size_t sotto_utf8_incomplete(const char *s, size_t n) {
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        unsigned char lo, hi, c = (unsigned char)s[n - back];
        if ((c & 0xc0) == 0x80) continue;
        bool whole;
        if (utf8_lead(c, &lo, &hi) <= 0) return 0;
        return utf8_prefix(s + n - back, back, &whole) == back && !whole ? back : 0;
    }
    return 0;
}

bool sotto_buf_append_utf8(sotto_buf *b, const char *s, size_t n) {
    while (n > 0) {
        uint32_t cp;
        char     bytes[4];
        size_t   used = sotto_utf8_decode(s, n, &cp);
        if (!sotto_buf_append(b, bytes, sotto_utf8_encode(cp, bytes))) return false;
        s += used;
        n -= used;
    }
    return true;
}

