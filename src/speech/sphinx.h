/* pocketsphinx as sotto uses it: one set of functions over its two generations, 5prealpha (Debian 12) and 5.x, which
 * SOTTO_POCKETSPHINX5 tells apart. Internal to speech. */
#ifndef SOTTO_SPEECH_SPHINX_H
#define SOTTO_SPEECH_SPHINX_H

#include <pocketsphinx.h>

#include "speech/speech.h"

typedef struct sotto_sphinx {
    ps_decoder_t *decoder;
    void         *config;
    char         *model, *dictionary, *lm; /* paths */
    bool          started;                 /* an utterance is open */
} sotto_sphinx;

/* A decoder without a search. `model`: the folder of the acoustic model, or NULL for where systems have it; "NAME" has
 * beside it "cmudict-NAME.dict" and "NAME.lm.bin". `threshold`: of a keyphrase search, else 0. */
sotto_status sotto_sphinx_open(sotto_sphinx *s, const char *model, double threshold, sotto_error *err);
void         sotto_sphinx_close(sotto_sphinx *s);
/* The one search: the stock language model alone or mixed with that of an ARPA file, and then with words... */
sotto_status sotto_sphinx_use_lm(sotto_sphinx *s, const char *arpa, float weight, const char *words, sotto_error *err);
/* ... or waiting for a phrase. */
sotto_status sotto_sphinx_use_phrase(sotto_sphinx *s, const char *phrase, sotto_error *err);
/* Begin an utterance; one that is open is ended. */
sotto_status sotto_sphinx_start(sotto_sphinx *s, sotto_error *err);
sotto_status sotto_sphinx_feed(sotto_sphinx *s, const int16_t *pcm, size_t n, sotto_error *err);
sotto_status sotto_sphinx_end(sotto_sphinx *s, sotto_error *err);

/* Words that the dictionary must have: those of a file, which each of `lms` gets too, or one. */
sotto_status sotto_sphinx_add_file(sotto_sphinx *s, const char *path, ngram_model_t **lms, size_t n_lms,
                                   sotto_error *err);
sotto_status sotto_sphinx_add_word(sotto_sphinx *s, const char *word, const char *phones, sotto_error *err);

#endif
