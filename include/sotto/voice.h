/* A spoken conversation: what is heard is answered aloud, and can be interrupted. Beside sotto.h, dialog.h and
 * history.h; the rules of sotto.h hold.
 *
 * A voice takes sound in frames of 10 ms and gives sound. One thread feeds it, and on that thread everything is decided
 * and told: a table of states and events says what happens next (src/voice/state.c). Two threads of its own work beside
 * it: one thinks (the dialog), one speaks (the synthesis).
 *
 *   feed -> echo canceller -> voice activity -> recogniser -> end of speech -> dialog -> clauses -> synthesis -> read
 *
 * While somebody still speaks, the words that are already sure are prefilled; after a short silence an answer is begun,
 * and neither heard nor acted upon before it is certain that the utterance has ended; if it has not, or the final words
 * differ, it is thrown away. Sources: the stages and their latencies, Skantze 2021 (turn-taking in conversational
 * systems); words that are sure, Macháček et al. 2023 (LocalAgreement). */
#ifndef SOTTO_VOICE_H
#define SOTTO_VOICE_H

#include <sotto/history.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SOTTO_VOICE_RATE = 16000, SOTTO_VOICE_FRAME = SOTTO_VOICE_RATE / 100 };

typedef struct sotto_voice sotto_voice;

typedef enum sotto_voice_state {
    SOTTO_VOICE_IDLE,
    SOTTO_VOICE_LISTENING,   /* somebody speaks */
    SOTTO_VOICE_THINKING,    /* the utterance has ended, nothing of the answer has been heard */
    SOTTO_VOICE_SPEAKING,
    SOTTO_VOICE_INTERRUPTED  /* somebody seems to speak into the answer, which is held until it is clear */
} sotto_voice_state;

/* ---- what happens ---------------------------------------------------------------------------------------- */

typedef enum sotto_voice_event_type {
    SOTTO_VOICE_STATE,        /* state, before, text: the event that led from one to the other */
    SOTTO_VOICE_LEVEL,        /* ten times a second: level_db, noise_db */
    SOTTO_VOICE_WAKE,         /* the wake phrase */
    SOTTO_VOICE_SPEECH_START,
    SOTTO_VOICE_PARTIAL,      /* text: heard so far; agreed: bytes of it that are sure */
    SOTTO_VOICE_TRANSCRIPT,   /* text: what was said, confidence */
    SOTTO_VOICE_NOTHING,      /* an utterance without words */
    SOTTO_VOICE_TOO_LOUD,     /* nothing could be understood for noise; text: what is said about it */
    SOTTO_VOICE_TOKEN,        /* text: a piece of the answer */
    SOTTO_VOICE_TOOL,         /* name, arguments, result (NULL: chosen, not executed) */
    SOTTO_VOICE_AUDIO_START,  /* the first sample of an answer is played */
    SOTTO_VOICE_TAKEN_BACK,   /* the speaker was not finished: the turn goes on, its answer has left no trace */
    SOTTO_VOICE_CUT,          /* somebody may be speaking into the answer, or does: drop what is still to be played. If
                                 nobody is, it can be read again */
    SOTTO_VOICE_DONE,         /* a turn is over, and in the history. said, answer, latency */
    SOTTO_VOICE_DUE,          /* text: a timer or reminder */
    SOTTO_VOICE_SLID,         /* n: tokens that the model has forgotten */
    SOTTO_VOICE_FAILED        /* text: why there is no answer, or why it is not kept */
} sotto_voice_event_type;

/* When the stages of an answer were done, in ms after the end of speech, that is after the last voiced frame. Stages
 * overlap, and an answer may be known before the utterance has ended. -1: it did not happen. */
typedef struct sotto_voice_latency {
    double speculated;  /* the answer was begun, for what it was worth */
    double committed;   /* the utterance was held to be over */
    double recognized;  /* its words were final */
    double prefilled;   /* the prompt was computed */
    double first_text;  /* the first clause was known */
    double first_audio; /* its first samples were made */
    double audio_start; /* and played */
    bool   held;        /* the answer that was begun early is the one that was given */
    double saved;       /* ms by which it came sooner */
    int32_t n_prefilled, n_prompt; /* tokens of the prompt: in the cache before the end of speech, and all */
} sotto_voice_latency;

/* Strings are lent during the call. */
typedef struct sotto_voice_event {
    sotto_voice_event_type type;
    double                 t_ms; /* since the first frame: by the clock, or with `lockstep` by the frames fed */
    sotto_voice_state      state, before;
    const char            *text;
    size_t                 agreed;
    float                  confidence, level_db, noise_db;
    const char            *name, *arguments, *result;
    const char            *said, *answer; /* DONE: what is in the history */
    bool                   interrupted;
    int32_t                n;
    const sotto_voice_latency *latency;
} sotto_voice_event;
typedef void (*sotto_voice_fn)(void *user, const sotto_voice_event *event);
SOTTO_API const char *sotto_voice_event_name(sotto_voice_event_type type); /* "speech_start", as in JSON */
SOTTO_API const char *sotto_voice_state_name(sotto_voice_state state);
/* The table of states and events as text, a line for each pair that means something. */
SOTTO_API sotto_status sotto_voice_table(sotto_bytes *out, sotto_error *err);

/* ---- the voice ------------------------------------------------------------------------------------------- */

typedef struct sotto_voice_options {
    sotto_dialog  *dialog;       /* must live as long, and is the voice's alone; its toolbox too */
    sotto_toolbox *toolbox;      /* the dialog's; what is due is said. NULL: none */
    sotto_history *history;      /* where finished turns are kept. NULL: nowhere */
    int64_t        conversation; /* of the history */
    sotto_voice_fn event;        /* NULL: nobody listens */
    void          *event_user;

    const char *recognizer, *recognizer_model, *language_model, *words; /* NULL: the defaults; see --help */
    float       language_model_weight; /* < 0: the default */
    const char *wake;                  /* a phrase that must be said first; NULL: none */
    bool        push_to_talk;          /* only sotto_voice_push begins an utterance */
    int32_t     start_ms, speculative_ms, complete_ms, unsure_ms, incomplete_ms, longest_ms;
    float       lowest_snr_db;         /* below, the room is too loud */

    const char *voice; /* "flite:slt"; NULL: the default */
    float       speed;
    bool        barge_in;    /* speech interrupts an answer; else nothing is heard while one is spoken */
    bool        echo_cancel; /* `played` is taken out of `heard` */
    bool        speculate;   /* begin before it is certain */
    bool        step_by_step; /* no stage begins before the one before it has ended: what most others do, to compare */
    bool        lockstep;    /* time is what is fed: each frame waits until all work is done. For files and tests */
} sotto_voice_options;
SOTTO_API sotto_voice_options sotto_voice_options_default(void);
SOTTO_API const char *sotto_voice_recognizer_at(size_t i); /* NULL past the end */
SOTTO_API const char *sotto_voice_voice_at(size_t i);      /* NULL past the end */

SOTTO_API sotto_status sotto_voice_open(sotto_voice **out, const sotto_voice_options *opt, sotto_error *err);
SOTTO_API void         sotto_voice_close(sotto_voice *v); /* finished first, if it is not */

/* The next 10 ms of the microphone, and what the loudspeaker played in the same 10 ms (NULL: nothing). */
SOTTO_API sotto_status sotto_voice_feed(sotto_voice *v, const int16_t heard[SOTTO_VOICE_FRAME],
                                        const int16_t played[SOTTO_VOICE_FRAME], sotto_error *err);
/* What is to be played next, at sotto_voice_rate; the number of samples, fewer than n where there are no more now. Any
 * one thread. */
SOTTO_API size_t  sotto_voice_read(sotto_voice *v, int16_t *pcm, size_t n);
SOTTO_API int32_t sotto_voice_rate(const sotto_voice *v);
/* Samples that were read and have not been heard yet: what an interruption takes off from the answer. */
SOTTO_API void    sotto_voice_set_unplayed(sotto_voice *v, size_t n);
/* Push to talk: begin an utterance, which interrupts an answer, or end it. */
SOTTO_API sotto_status sotto_voice_push(sotto_voice *v, bool down, sotto_error *err);
/* Be quiet: an answer ends here, as if somebody had spoken into it. */
SOTTO_API sotto_status sotto_voice_hush(sotto_voice *v, sotto_error *err);
/* Nothing more comes: a turn that is not over is kept as far as it was heard, and all that has happened is told. */
SOTTO_API sotto_status sotto_voice_finish(sotto_voice *v, sotto_error *err);
SOTTO_API sotto_voice_state sotto_voice_get_state(const sotto_voice *v);

typedef struct sotto_voice_stats {
    int32_t n_turns, n_interrupted, n_taken_back, n_nothing, n_too_loud;
    int32_t n_speculated, n_held; /* answers begun early, and those that could be given */
    double  saved_ms;             /* by them, in all */
} sotto_voice_stats;
SOTTO_API void sotto_voice_get_stats(const sotto_voice *v, sotto_voice_stats *out);

/* ---- from where, to where -------------------------------------------------------------------------------- */

typedef struct sotto_voice_route {
    const char *input;         /* a sound file, "-": stdin; NULL: the microphone */
    int32_t     raw_rate;      /* stdin is headerless int16 of this rate; 0: a WAV file */
    const char *output;        /* a WAV or FLAC file, "-": stdout; NULL: the loudspeaker */
    const char *input_device, *output_device; /* part of a name; NULL: the system's */
    bool        silent;        /* the answers are not played at all */
    bool        realtime;      /* a file is fed at the pace of the clock; not with `lockstep` */
    bool        timeline;      /* the output file has the pauses, too, from the first frame on */
    bool      (*tick)(void *user); /* after each frame; false ends. NULL: goes on */
    void       *tick_user;
} sotto_voice_route;
SOTTO_API sotto_voice_route sotto_voice_route_default(void);
/* Feed and play until the input ends and all is said, or `tick` ends it, or a device vanishes (IO). */
SOTTO_API sotto_status sotto_voice_run(sotto_voice *v, const sotto_voice_route *route, sotto_error *err);
/* The sound devices as JSON: [{"name","input","output","default_input","default_output"}]. */
SOTTO_API sotto_status sotto_voice_devices(sotto_bytes *json, sotto_error *err);

#ifdef __cplusplus
}
#endif
#endif
