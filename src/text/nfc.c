/* Canonical composition (NFC). utf8proc knows the characters; the ordering of combining marks is done here,
 * because utf8proc orders them by exchanging neighbours, which takes quadratic time on long runs of marks. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <utf8proc.h>

/* Below this every character is its own composition and combines with nothing. */
enum { FIRST_COMBINING = 0x300 };

static bool is_plain(sotto_str text) {
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] >= 0xcc) return false; /* U+0300 is CC 80 */
    return true;
}

static int class_of(int32_t cp) { return cp < FIRST_COMBINING ? 0 : utf8proc_get_property(cp)->combining_class; }

/* Order runs of combining marks by their class, stably: a counting sort of each run through `spare`. */
static void order_marks(int32_t *cps, size_t n, int32_t *spare) {
    for (size_t i = 0; i < n;) {
        size_t end = i, start[257] = {0};
        while (end < n && class_of(cps[end]) != 0) end++;
        if (end - i > 1) {
            for (size_t k = i; k < end; k++) start[class_of(cps[k]) + 1]++;
            for (size_t c = 1; c < 257; c++) start[c] += start[c - 1];
            for (size_t k = i; k < end; k++) spare[start[class_of(cps[k])]++] = cps[k];
            memcpy(cps + i, spare, (end - i) * sizeof *cps);
        }
        i = SOTTO_MAX(end, i + 1);
    }
}

static bool append_composed(int32_t *cps, size_t n, sotto_buf *out) {
    utf8proc_ssize_t count =
        utf8proc_normalize_utf32(cps, (utf8proc_ssize_t)n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        char   utf8[4];
        size_t len = sotto_utf8_encode((uint32_t)cps[i], utf8);
        if (!sotto_buf_append(out, utf8, len)) return false;
    }
    return count >= 0;
}

bool sotto_nfc(sotto_str text, sotto_buf *out) {
    if (is_plain(text)) return sotto_buf_append(out, text.p, text.n);
    enum { DECOMPOSED_MAX = 4 }; /* code points of the longest canonical decomposition */
    size_t n_bytes, n = 0, most = 0;
    for (size_t i = 0; i < text.n; i++) most += ((unsigned char)text.p[i] & 0xc0) != 0x80 ? DECOMPOSED_MAX : 0;
    int32_t *cps = sotto_size_mul(most, 2 * sizeof *cps, &n_bytes) ? malloc(n_bytes) : NULL;
    if (!cps) return false;
    for (size_t i = 0; i < text.n;) {
        uint32_t cp;
        int      boundary = 0;
        i += sotto_utf8_decode(text.p + i, text.n - i, &cp);
        utf8proc_ssize_t k = utf8proc_decompose_char((utf8proc_int32_t)cp, cps + n, DECOMPOSED_MAX,
                                                     UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
        if (k < 1 || k > DECOMPOSED_MAX) { /* not expected of canonical decompositions: keep the character */
            cps[n] = (int32_t)cp;
            k = 1;
        }
        n += (size_t)k;
    }
    order_marks(cps, n, cps + most);
    bool ok = append_composed(cps, n, out);
    free(cps);
    return ok;
}
