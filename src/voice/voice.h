/* voice: the spoken turn. state.c says what happens when; voice.c hears and decides; think.c and speak.c work beside it
 * in threads of their own; route.c brings files and devices.
 *
 * What threads share is in one struct under one mutex, which is held for moments. Only the thinker touches dialog,
 * toolbox and history, only the speaker the synthesis, only the thread that feeds everything else. */
#ifndef SOTTO_VOICE_INTERNAL_H
#define SOTTO_VOICE_INTERNAL_H

#include <sotto/voice.h>

#include "audio/audio.h"
#include "base/base.h"
#include "os/os.h"
#include "speech/speech.h"

/* ---- states and events (state.c) ------------------------------------------------------------------------- */

typedef enum sotto_voice_cause {
    SOTTO_CAUSE_SUSPECT,     /* somebody may be speaking into an answer */
    SOTTO_CAUSE_START,       /* somebody begins to speak */
    SOTTO_CAUSE_SPECULATIVE, /* a short silence */
    SOTTO_CAUSE_RESUME,      /* and no end */
    SOTTO_CAUSE_END,         /* the utterance is over */
    SOTTO_CAUSE_WORDS,       /* who speaks into an answer says something */
    SOTTO_CAUSE_NOTHING,     /* it had no words, or could not be understood, or nobody spoke */
    SOTTO_CAUSE_AUDIO,       /* of the answer is there to be played */
    SOTTO_CAUSE_ANSWERED,    /* all of it has been */
    SOTTO_CAUSE_DUE,         /* a timer */
    SOTTO_CAUSE_HUSH,        /* be quiet */
    SOTTO_CAUSE_FAILED,      /* there will be no answer */
    SOTTO_CAUSES
} sotto_voice_cause;
/* Do what the table says for the state that the voice is in; a pair that is not in it means nothing. */
sotto_status sotto_voice_dispatch(sotto_voice *v, sotto_voice_cause cause, sotto_error *err);
/* Whether an answer to all that has been understood so far has been begun early. */
bool sotto_voice_has_begun(const sotto_voice *v);

/* ---- what is left of sotto's own voice (residual.c) -------------------------------------------------------- */

enum { SOTTO_RESIDUAL_BANDS = 5 };
typedef struct sotto_residual_band {
    float gain, turn, damp;               /* its filter, */
    float of_echo[2][4], of_rest[2][4];   /* and what that remembers */
    float echo_db, left_db, room_db;      /* the echo; what is left of one, against it; the room */
} sotto_residual_band;
typedef struct sotto_residual {
    sotto_residual_band bands[SOTTO_RESIDUAL_BANDS];
    float   played_db;  /* held while its echo lasts */
    int32_t n_held, n_played, n_silent;
    float   evidence_db, wrong_db;
    bool    suspected;  /* the last frames may be a person's, */
    bool    person;     /* and the last one is */
} sotto_residual;
void sotto_residual_reset(sotto_residual *r);
/* For every frame: what was played (NULL: nothing), the echo that was taken out of what was heard, the rest, and
 * whether that is voiced. */
void sotto_residual_feed(sotto_residual *r, const int16_t *played, const int16_t *echo, const int16_t *rest,
                         bool voiced);
void sotto_residual_was_wrong(sotto_residual *r); /* it was no person */

/* ---- what the threads share ------------------------------------------------------------------------------ */

typedef enum sotto_job_kind {
    SOTTO_JOB_PREFILL, /* text: how the next turn begins */
    SOTTO_JOB_ANSWER,  /* text: the turn */
    SOTTO_JOB_UNDO,    /* the last answer has not been */
    SOTTO_JOB_KEEP,    /* it has, as far as n_heard */
    SOTTO_JOB_DUE,     /* is anything? */
    SOTTO_JOBS_MAX = 8
} sotto_job_kind;

typedef struct sotto_job {
    sotto_job_kind kind;
    char          *text;
    size_t         n_heard; /* bytes of the answer; SIZE_MAX: all */
} sotto_job;

/* Something that a worker has to tell; sent on by the thread that feeds. */
typedef struct sotto_mail {
    sotto_voice_event_type type;
    char   *text, *name, *arguments, *result;
    int32_t n;
    bool    interrupted;
    struct sotto_mail *next;
} sotto_mail;

typedef struct sotto_clause_job {
    char  *spoken;
    size_t n_text;
} sotto_clause_job;

typedef struct sotto_sound_mark {
    size_t end;    /* samples of the answer after which a clause has been said */
    size_t n_text; /* bytes of the answer said by then */
} sotto_sound_mark;

enum { SOTTO_CLAUSES_MAX = 64, SOTTO_MARKS_MAX = 4096 };

typedef struct sotto_voice_shared {
    sotto_mutex     mutex;
    sotto_condition changed;
    bool            quit;
    double          now_ms; /* with lockstep; else see sotto_voice_now */

    /* thinker */
    sotto_job    jobs[SOTTO_JOBS_MAX]; /* the first is being done while `thinking` */
    size_t       n_jobs;
    bool         thinking, at_gate; /* at_gate: waiting for `committed` */
    bool         committed;         /* calls may be executed */
    bool         settled;           /* the turn can no longer be taken back */
    bool         answering;         /* an answer is asked for and not complete */
    bool         failed;            /* it came to nothing */
    volatile int cancel;            /* prefill or answer */
    sotto_buf    answer;            /* its text so far */
    sotto_mail  *mail, **mail_end;
    sotto_voice_latency latency; /* of the turn; times by the clock of sotto_voice_now */

    /* speaker */
    sotto_clause_job clauses[SOTTO_CLAUSES_MAX]; /* the first is being said while `speaking` */
    size_t           n_clauses;
    bool             speaking, full; /* full: far enough ahead of the player */
    uint32_t         generation;     /* what is made for an older one is thrown away */
    sotto_buf        sound;          /* int16 samples of the answer, at the voice's rate */
    size_t           n_read;         /* of them, in samples */
    size_t           begun_at;       /* where playing has begun, or gone on */
    sotto_sound_mark marks[SOTTO_MARKS_MAX];
    size_t           n_marks;
    bool             play;   /* sound may be read */
    int32_t          volume; /* percent */
    size_t           unplayed;
} sotto_voice_shared;

enum { SOTTO_PREROLL_FRAMES = 50 };

struct sotto_voice {
    sotto_voice_options options;
    sotto_voice_shared  shared;
    sotto_thread       *thinker, *speaker;
    sotto_tts          *tts; /* the speaker's */
    sotto_speakable    *speakable; /* the thinker's */
    size_t              n_before; /* the thinker's: turns of the dialog before the one that is being answered */
    bool                held; /* the thinker's: the toolbox is */
    bool                executed; /* the thinker's: calls of this answer */

    /* of the thread that feeds */
    sotto_voice_state  state;
    uint64_t           n_frames, began_ns;
    sotto_echo        *echo;
    sotto_vad         *vad;
    sotto_endpoint     endpoint;
    sotto_vad_frame    heard;
    sotto_residual     residual;
    sotto_stt         *stt;
    sotto_wake        *wake;
    sotto_agreement    agreement;
    int16_t            preroll[SOTTO_PREROLL_FRAMES][SOTTO_SPEECH_FRAME]; /* ring */
    bool               open; /* an utterance is being recognised */
    bool               closed; /* its last words are known, unless it goes on */
    float              confidence; /* in them */
    sotto_buf          sound; /* of it, in case it goes on */
    bool               pushed;
    sotto_completeness completeness; /* of the partial */
    sotto_buf          partial, prefilled;
    sotto_buf          before;     /* what was said before this utterance and belongs to the same turn */
    sotto_buf          speculated; /* the text for which an answer has been begun; empty: none */
    sotto_buf          said;       /* the text of the turn that is being answered */
    bool               announcing; /* what is spoken is no answer: nothing to keep */
    bool               cut;        /* the loudspeaker is to be quiet at once */
    double             voice_ms; /* when a voice was last heard */
    double             held_ms;    /* since when the answer is held because somebody may be speaking */
    double             speech_start_ms, speech_end_ms, audio_start_ms, awake_until_ms, loud_until_ms;
    sotto_voice_stats  stats;
};

/* ---- voice.c --------------------------------------------------------------------------------------------- */

double sotto_voice_now(const sotto_voice *v); /* ms; the mutex need not be held but with lockstep by the workers */
void   sotto_voice_tell(sotto_voice *v, sotto_voice_event *event); /* fills in t_ms and state */
sotto_status sotto_voice_listen_begin(sotto_voice *v, sotto_error *err);
void         sotto_voice_listen_end(sotto_voice *v);

/* ---- think.c --------------------------------------------------------------------------------------------- */

sotto_status sotto_think_open(sotto_voice *v, sotto_error *err);
void         sotto_think_close(sotto_voice *v);
sotto_status sotto_think_post(sotto_voice *v, sotto_job_kind kind, const char *text, size_t n_heard, sotto_error *err);
void         sotto_think_commit(sotto_voice *v); /* what is being answered is what was said */
void         sotto_think_settle(sotto_voice *v); /* and will not be taken back */
void         sotto_think_cancel(sotto_voice *v); /* prefills and answers that are under way or waiting */
bool         sotto_think_busy(sotto_voice *v); /* at work, or its mail not taken */
void         sotto_think_wait(sotto_voice *v); /* until it has done all */
/* The thinker's mail, first come first; NULL: none. sotto_mail_free. */
sotto_mail  *sotto_mail_take(sotto_voice *v);
void         sotto_mail_free(sotto_mail *m);

/* ---- speak.c --------------------------------------------------------------------------------------------- */

sotto_status sotto_speak_open(sotto_voice *v, sotto_error *err);
void         sotto_speak_close(sotto_voice *v);
void         sotto_speak_clear(sotto_voice *v); /* stop, and forget all */
/* Another clause; the mutex is held. Waits while too many wait already; false: cancelled, or out of memory. */
bool         sotto_speak_say_locked(sotto_voice *v, const sotto_clause *clause);
bool         sotto_speak_ready(sotto_voice *v);   /* there is sound to be played */
bool         sotto_speak_all_made(sotto_voice *v); /* of every clause so far */
bool         sotto_speak_all_read(sotto_voice *v);
void         sotto_speak_play(sotto_voice *v, bool on); /* off: back to what has really been heard */
size_t       sotto_speak_heard(sotto_voice *v); /* bytes of the answer */

#endif
