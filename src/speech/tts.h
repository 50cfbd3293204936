/* What is behind the table of voices: tts.c asks, an engine (tts_*.c) speaks. */
#ifndef SOTTO_TTS_H
#define SOTTO_TTS_H

#include "speech/speech.h"

/* Where samples go. `stopped`: the receiver wants no more; it stays so. */
typedef struct sotto_tts_out {
    sotto_tts_fn fn;
    void        *user;
    bool         stopped;
} sotto_tts_out;
bool sotto_tts_give(sotto_tts_out *out, const int16_t *pcm, size_t n); /* false: stopped */

typedef struct sotto_tts_engine {
    const char        *name;
    const char *const *voices; /* NULL at the end; the first is the default */
    bool               others; /* voices beyond those are passed to it as well */
    bool               ascii;  /* it knows no other letters */
    sotto_status (*open)(void **out, int32_t *rate, const char *voice, float speed, sotto_error *err);
    void         (*close)(void *engine);
    /* At most SOTTO_TTS_PIECE bytes that hold a letter or a digit. SOTTO_OK also when the receiver stopped it. */
    sotto_status (*speak)(void *engine, const char *text, sotto_tts_out *out, sotto_error *err);
} sotto_tts_engine;

enum { SOTTO_TTS_PIECE = 400 }; /* bytes: a long text is spoken in pieces, which bounds the memory that engines take */

extern const sotto_tts_engine sotto_tts_flite, sotto_tts_hts, sotto_tts_espeak;

/* ---- flite's text analysis, also for HTS (tts_flite.c, hts_label.c) ------------------------------------- */

/* flite keeps its voices and counts references to values in globals without a lock: whoever uses it holds this one. */
void sotto_flite_lock(void);
void sotto_flite_unlock(void);
/* Full-context labels of a text, one for each phone; NULL: out of memory. They lie in the arena. */
char **sotto_hts_labels(sotto_arena *a, const char *text, size_t *n);

#endif
