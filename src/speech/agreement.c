/* Which words of a recogniser's changing partial text will stay: those on which its last n versions agree. */
#include "speech/speech.h"

void sotto_agreement_reset(sotto_agreement *a, int32_t n) {
    a->n = SOTTO_MIN(SOTTO_MAX(n, 1), SOTTO_AGREEMENT_MAX);
    a->count = 0;
    sotto_buf_clear(&a->agreed);
}

void sotto_agreement_free(sotto_agreement *a) {
    for (size_t i = 0; i < SOTTO_AGREEMENT_MAX; i++) sotto_buf_free(&a->partials[i]);
    sotto_buf_free(&a->agreed);
    *a = (sotto_agreement){0};
}

/* Bytes of the words that a and b both begin with. */
static size_t common_words(const char *a, const char *b) {
    size_t n = 0, words = 0;
    for (;; n++) {
        bool end = (a[n] == ' ' || !a[n]) && (b[n] == ' ' || !b[n]);
        if (end) words = n;
        if (a[n] != b[n] || !a[n]) return words;
    }
}

const char *sotto_agreement_feed(sotto_agreement *a, const char *partial) {
    sotto_buf *newest = &a->partials[a->count % a->n];
    sotto_buf_clear(newest);
    if (!sotto_buf_puts(newest, partial) || !sotto_buf_puts(&a->agreed, "")) return NULL;
    a->count = a->count < 2 * a->n ? a->count + 1 : a->n + 1; /* the place of the next stays right */
    size_t held = common_words(a->agreed.data, partial);
    size_t n = a->count < a->n ? 0 : strlen(partial);
    for (int32_t i = 0; i < a->n && n > 0; i++) {
        size_t same = common_words(a->partials[i].data, partial);
        n = SOTTO_MIN(n, same);
    }
    /* What was agreed on and is not contradicted stays: a partial that is shorter for once contradicts nothing. */
    if (n <= held && held == a->agreed.len) return a->agreed.data;
    if (n <= held && partial[held] == '\0') return a->agreed.data;
    n = SOTTO_MAX(n, held);
    sotto_buf_clear(&a->agreed);
    return sotto_buf_append(&a->agreed, partial, n) ? a->agreed.data : NULL;
}
