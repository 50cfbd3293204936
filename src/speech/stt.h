/* What an engine of speech to text is, for the table in stt.c. Internal to speech. */
#ifndef SOTTO_SPEECH_STT_H
#define SOTTO_SPEECH_STT_H

#include "speech/speech.h"

/* The functions are those of sotto_stt with the engine's own state; feed, partial and final come only between start and
 * final. What an engine returns as text is its own until its next call. */
typedef struct sotto_stt_engine {
    const char *name;
    sotto_status (*open)(void **out, const sotto_stt_options *opt, sotto_error *err);
    void (*close)(void *state);
    sotto_status (*start)(void *state, sotto_error *err);
    sotto_status (*again)(void *state, sotto_error *err); /* start, but the last utterance */
    sotto_status (*feed)(void *state, const int16_t *pcm, size_t n, sotto_error *err);
    const char *(*partial)(void *state); /* NULL: out of memory */
    sotto_status (*final)(void *state, const char **text, float *confidence, sotto_error *err);
} sotto_stt_engine;

extern const sotto_stt_engine sotto_stt_pocketsphinx, sotto_stt_replay;

/* A recogniser's hypothesis as everything behind it expects words: lower case, without marks, variants of pronunciation
 * ("read(2)") and what is no word ("<sil>", "[NOISE]", "++UM++"). Replaces *out. */
bool sotto_stt_words(sotto_buf *out, const char *hypothesis);

/* How a word is said, in ARPAbet as the acoustic model has it ("K AO F IY"), by dictionary or by rules. Appends; false:
 * out of memory, or nothing of it can be said. */
bool sotto_pronounce(sotto_buf *out, const char *word);

/* Whether a file is a language model in ARPA format that can be handed to pocketsphinx's reader, whose old version
 * trusts what it reads. */
sotto_status sotto_arpa_check(const char *path, sotto_error *err);
sotto_status sotto_arpa_check_text(const char *name, const char *text, size_t n, sotto_error *err);

#endif
