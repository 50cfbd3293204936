/* A text that a model wrote, made speakable: as a whole and byte by byte it is the same clauses, and what a voice is
 * given has no digits and no signs. */
#include "speech/speech.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_spoken(const char *p) {
    for (; *p; p++)
        if (!(((unsigned)(*p | 32) - 'a') < 26 || (*p & 0x80) || strchr(" ',.?!", *p))) __builtin_trap();
}

static void clauses(const char *text, size_t n, size_t step, sotto_buf *out) {
    sotto_speakable *s = NULL;
    sotto_clause     c;
    if (sotto_speakable_open(&s, NULL) != SOTTO_OK) return;
    for (size_t at = 0; at < n; at += step) {
        (void)sotto_speakable_feed(s, text + at, SOTTO_MIN(step, n - at), NULL);
        if (at + step >= n) sotto_speakable_end(s);
        while (sotto_speakable_next(s, &c)) {
            if (c.n_text > SOTTO_MIN(at + step, n)) __builtin_trap();
            check_spoken(c.spoken);
            (void)sotto_buf_printf(out, "%zu %s\n", c.n_text, c.spoken);
        }
    }
    sotto_speakable_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sotto_buf whole = {0}, bytes = {0};
    if (size == 0 || size > 1 << 16) return 0;
    clauses((const char *)data, size, size, &whole);
    clauses((const char *)data, size, 1, &bytes);
    if (!sotto_str_eq(sotto_buf_str(&whole), sotto_buf_str(&bytes))) __builtin_trap();
    sotto_buf_free(&whole);
    sotto_buf_free(&bytes);
    return 0;
}
