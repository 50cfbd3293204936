/* Waiting for a phrase, by pocketsphinx's keyphrase search. */
#include <stdlib.h>

#include "speech/sphinx.h"

/* How much likelier than anything else the phrase must be. For a phrase of about four syllables: of "hey computer" all
 * of 16 were heard at this, with one false alarm in five minutes of other speech. */
#define THRESHOLD 1e-25

enum { PHRASE_MAX = 80 };

struct sotto_wake {
    sotto_sphinx sphinx;
};

/* Lower case, one blank between words, each of which the dictionary gets. */
static sotto_status learn_phrase(sotto_sphinx *s, const char *phrase, char out[PHRASE_MAX], sotto_error *err) {
    size_t n = 0;
    if (strlen(phrase) >= PHRASE_MAX)
        return sotto_fail(err, SOTTO_INVALID, "\"%.80s...\" is too long a phrase to wait for: at most %d letters",
                          phrase, PHRASE_MAX - 1);
    while (*(phrase += strspn(phrase, " \t"))) {
        size_t word = n += n > 0, length = strcspn(phrase, " \t");
        for (size_t i = 0; i < length; i++)
            out[n++] = phrase[i] >= 'A' && phrase[i] <= 'Z' ? (char)(phrase[i] + 32) : phrase[i];
        out[n] = '\0';
        SOTTO_TRY(sotto_sphinx_add_word(s, out + word, NULL, err));
        if (word) out[word - 1] = ' ';
        phrase += length;
    }
    return n ? SOTTO_OK : sotto_fail(err, SOTTO_INVALID, "a phrase to wait for has at least one word");
}

static sotto_status load(sotto_wake *w, const char *phrase, const sotto_stt_options *opt, sotto_error *err) {
    char words[PHRASE_MAX];
    SOTTO_TRY(sotto_sphinx_open(&w->sphinx, opt ? opt->model : NULL, THRESHOLD, err));
    if (opt && opt->words) SOTTO_TRY(sotto_sphinx_add_file(&w->sphinx, opt->words, NULL, 0, err));
    SOTTO_TRY(learn_phrase(&w->sphinx, phrase, words, err));
    SOTTO_TRY(sotto_sphinx_use_phrase(&w->sphinx, words, err));
    return sotto_sphinx_start(&w->sphinx, err);
}

sotto_status sotto_wake_open(sotto_wake **out, const char *phrase, const sotto_stt_options *opt, sotto_error *err) {
    *out = NULL;
    sotto_wake *w = calloc(1, sizeof *w);
    if (!w) return sotto_fail_memory(err, "the wake word");
    sotto_status status = load(w, phrase, opt, err);
    if (status == SOTTO_OK) *out = w;
    else sotto_wake_close(w);
    return status;
}

void sotto_wake_close(sotto_wake *w) {
    if (!w) return;
    sotto_sphinx_close(&w->sphinx);
    free(w);
}

bool sotto_wake_feed(sotto_wake *w, const int16_t *pcm, size_t n) {
    if (!w->sphinx.started || sotto_sphinx_feed(&w->sphinx, pcm, n, NULL) != SOTTO_OK) return false;
    if (!ps_get_hyp(w->sphinx.decoder, NULL)) return false;
    (void)sotto_sphinx_start(&w->sphinx, NULL); /* forget what was found */
    return true;
}
