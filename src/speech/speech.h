/* speech: what is said, as text; text, as what is said. Nothing here knows of models, conversations or devices: samples
 * (int16, mono) and UTF-8 go in and out.
 *
 * One thread at a time uses an object. */
#ifndef SOTTO_SPEECH_H
#define SOTTO_SPEECH_H

#include "base/base.h"

enum { SOTTO_SPEECH_RATE = 16000, SOTTO_SPEECH_FRAME = SOTTO_SPEECH_RATE / 100 }; /* what is listened to: 10 ms */

/* ---- voice activity (vad.c) ------------------------------------------------------------------------------ */

/* Whether a frame is somebody speaking: the energies of a few bands against statistics of the room's and the speaker's,
 * both of which follow the level. A pure function of the frames so far. */
typedef struct sotto_vad sotto_vad;
typedef struct sotto_vad_frame {
    bool  voiced;
    float level_db; /* of the frame, dBFS */
    float noise_db; /* of the room, dBFS */
    float snr_db;   /* of the last speech against the room; 0 until there was any */
} sotto_vad_frame;
sotto_status    sotto_vad_open(sotto_vad **out, sotto_error *err);
void            sotto_vad_close(sotto_vad *v); /* NULL allowed, as in every close here */
sotto_vad_frame sotto_vad_feed(sotto_vad *v, const int16_t pcm[SOTTO_SPEECH_FRAME]);
/* Below so much of snr_db the room is too loud: at 20 dB pocketsphinx gets every third word wrong, at 10 nearly all. */
enum { SOTTO_SNR_TOO_LOW_DB = 15 };

/* ---- end of an utterance (endpoint.c) -------------------------------------------------------------------- */

typedef struct sotto_endpoint_options {
    int32_t start_ms;       /* of voice, within twice as long, that begin an utterance */
    int32_t speculative_ms; /* of silence after which an answer may be prepared */
    int32_t complete_ms, unsure_ms, incomplete_ms; /* of silence that ends it, by what was said */
    int32_t longest_ms;     /* of an utterance; then it ends in any case */
} sotto_endpoint_options;
sotto_endpoint_options sotto_endpoint_options_default(void); /* 90, 200, 250, 500, 1200, 15000 */

typedef enum sotto_completeness { SOTTO_UNSURE, SOTTO_COMPLETE, SOTTO_INCOMPLETE } sotto_completeness;
/* Whether words as a recogniser writes them are a whole request ("what time is it"), plainly go on ("set a timer for",
 * "and", "um"), or may be either. */
sotto_completeness sotto_completeness_of(const char *text);

typedef enum sotto_endpoint_event {
    SOTTO_ENDPOINT_NONE,
    SOTTO_ENDPOINT_START,       /* somebody has begun to speak, about `since_ms` ago */
    SOTTO_ENDPOINT_SPECULATIVE, /* silent for speculative_ms */
    SOTTO_ENDPOINT_CLOSING,     /* the end may be near: the time for what must be done by then */
    SOTTO_ENDPOINT_RESUME,      /* and speaking again */
    SOTTO_ENDPOINT_END          /* of the utterance */
} sotto_endpoint_event;
typedef struct sotto_endpoint {
    sotto_endpoint_options options;
    bool    speaking;   /* between START and END */
    bool    speculated, closing;
    int32_t speech_ms;  /* since the start */
    int32_t silence_ms; /* since the last voice; a voiced frame or two alone are none */
    int32_t since_ms;
    bool    cut;        /* the last utterance reached longest_ms: another one begins only after a silence */
    uint64_t recent;    /* voiced frames, a bit each */
} sotto_endpoint;
void                 sotto_endpoint_reset(sotto_endpoint *e, const sotto_endpoint_options *opt); /* NULL: the default */
/* `completeness`: of what has been recognised so far. */
sotto_endpoint_event sotto_endpoint_feed(sotto_endpoint *e, bool voiced, sotto_completeness completeness);

/* ---- speech to text (stt.c: the table; stt_*.c) ---------------------------------------------------------- */

typedef struct sotto_stt sotto_stt;
typedef struct sotto_stt_options {
    const char *engine; /* sotto_stt_name_at; NULL: the first */
    const char *model;  /* pocketsphinx: folder of the acoustic model; replay: its file. NULL: where Debian has it */
    const char *lm;     /* pocketsphinx: ARPA file mixed with the stock language model; NULL: sotto's own, if it is
                           found where sotto is installed or built; "": none */
    float       lm_weight; /* of `lm`, 0..1 */
    const char *words;  /* a file of words to add, a line each: "word", or "word PH ON ES" in ARPAbet; NULL: none.
                           One without phones is said as flite would say it */
} sotto_stt_options;
sotto_stt_options sotto_stt_options_default(void);
const char       *sotto_stt_name_at(size_t i); /* NULL past the end */
sotto_status      sotto_stt_open(sotto_stt **out, const sotto_stt_options *opt, sotto_error *err);
void              sotto_stt_close(sotto_stt *s);
sotto_status      sotto_stt_start(sotto_stt *s, sotto_error *err); /* an utterance; one that is open is dropped */
sotto_status      sotto_stt_feed(sotto_stt *s, const int16_t *pcm, size_t n, sotto_error *err);
/* What is heard so far: lower case, no marks, numbers as words. Lent until the next call. */
const char       *sotto_stt_partial(sotto_stt *s);
/* The end of the utterance, and what was said. *confidence: 0..1, 1 where the engine has none. */
sotto_status      sotto_stt_final(sotto_stt *s, const char **text, float *confidence, sotto_error *err);
/* It was not the end: begin the same utterance again, to be fed from its beginning. */
sotto_status      sotto_stt_again(sotto_stt *s, sotto_error *err);

/* The words on which the last `n` partials agree, from the beginning (Macháček et al. 2023, LocalAgreement-n), and
 * never fewer than were agreed on before unless `partial` contradicts them. */
enum { SOTTO_AGREEMENT_MAX = 8 };
typedef struct sotto_agreement {
    int32_t   n; /* of partials that must agree, at most SOTTO_AGREEMENT_MAX */
    int32_t   count;
    sotto_buf partials[SOTTO_AGREEMENT_MAX];
    sotto_buf agreed;
} sotto_agreement;
void        sotto_agreement_reset(sotto_agreement *a, int32_t n);
const char *sotto_agreement_feed(sotto_agreement *a, const char *partial); /* NULL: out of memory */
void        sotto_agreement_free(sotto_agreement *a);

/* Waits for a phrase (pocketsphinx's keyphrase search). */
typedef struct sotto_wake sotto_wake;
sotto_status sotto_wake_open(sotto_wake **out, const char *phrase, const sotto_stt_options *opt, sotto_error *err);
void         sotto_wake_close(sotto_wake *w);
bool         sotto_wake_feed(sotto_wake *w, const int16_t *pcm, size_t n); /* it has just been said */

/* ---- what can be spoken (speakable.c, say_number.c, ...) ------------------------------------------------- */

/* An answer as it streams out of a model, made into clauses to be spoken one by one: Markdown, code, links and emoji
 * are taken out; numbers, units, dates, times, currency and abbreviations become words. The first clause comes as early
 * as it can, later ones are sentences, or clauses of long ones. */
typedef struct sotto_speakable sotto_speakable;
sotto_status sotto_speakable_open(sotto_speakable **out, sotto_error *err);
void         sotto_speakable_close(sotto_speakable *s);
void         sotto_speakable_reset(sotto_speakable *s);
sotto_status sotto_speakable_feed(sotto_speakable *s, const char *text, size_t n, sotto_error *err);
void         sotto_speakable_end(sotto_speakable *s); /* no more text comes */
typedef struct sotto_clause {
    const char *spoken;  /* words for sotto_tts_speak; lent until the next call */
    size_t      n_text;  /* bytes of the text fed so far that are said once this clause has been: what the history keeps
                            of an answer that is interrupted */
} sotto_clause;
bool         sotto_speakable_next(sotto_speakable *s, sotto_clause *out); /* false: wants more text, or all is said */
/* A whole text at once; appends to *out. */
sotto_status sotto_speakable_text(const char *text, size_t n, sotto_buf *out, sotto_error *err);

/* ---- text to speech (tts.c: the table; tts_*.c) ---------------------------------------------------------- */

typedef struct sotto_tts sotto_tts;
typedef struct sotto_tts_options {
    const char *voice; /* "flite:slt", "hts", "espeak:en-us": an engine of sotto_tts_name_at and perhaps a voice of it;
                          NULL: the first */
    float       speed; /* 1: as the voice has it; 0.5..2 */
} sotto_tts_options;
sotto_tts_options sotto_tts_options_default(void);
const char       *sotto_tts_name_at(size_t i); /* all "engine:voice"; NULL past the end */
sotto_status      sotto_tts_open(sotto_tts **out, const sotto_tts_options *opt, sotto_error *err);
void              sotto_tts_close(sotto_tts *t);
int32_t           sotto_tts_rate(const sotto_tts *t); /* 16000, 24000 or 32000 samples a second */
/* Called with samples as they are made; false ends the call with CANCELLED. */
typedef bool (*sotto_tts_fn)(void *user, const int16_t *pcm, size_t n);
sotto_status      sotto_tts_speak(sotto_tts *t, const char *text, sotto_tts_fn fn, void *user, sotto_error *err);

#endif
