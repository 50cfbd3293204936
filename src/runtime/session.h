/* The session's inside, shared by session.c and session_file.c. */
#ifndef SOTTO_SESSION_H
#define SOTTO_SESSION_H

#include "runtime/runtime.h"

/* Guessed tokens that can be computed ahead: a pass of eight tokens with the one that they follow. */
enum { SOTTO_AHEAD_MAX = 7 };

struct sotto_session {
    sotto_model          *model;
    sotto_session_options options; /* context and batch resolved */
    sotto_kv              kv;        /* of the native engine, as is the workspace */
    sotto_workspace      *workspace;
    sotto_plain          *plain;     /* of a variant: its attention, and where its cache is copied to */
    uint8_t              *outside;
    sotto_program_state  *state;     /* of that of packages */
    int32_t              *tokens;    /* [context]; the first n are evaluated */
    int32_t               n;
    int32_t               ahead;     /* guessed tokens after these n whose keys and values the engine holds, too... */
    float                *ahead_logits; /* ...and the logits after each token of their pass: [.. + 1][n_vocab] */
    int32_t               ahead_row; /* that of the first of them; -1: there are none of these */
    float                *logits;    /* [n_vocab] */
    bool                  has_logits;
    bool                  slid;      /* tokens were dropped: the cache is no longer that of a fresh session */
    size_t                kept, computed; /* of the last sync */
    const sotto_observer *observer;       /* of what is computed for this session; NULL: none */
    const volatile int   *cancel;         /* may be NULL */
};

/* Append one token, and compute guesses of what follows it in the same pass, as many as there is room for. All that the
 * session holds and says is what it would be without them. */
sotto_status sotto_session_append_guessing(sotto_session *s, int32_t token, const int32_t *guesses, int32_t n,
                                           sotto_error *err);
/* Append a token if it is the next one that was guessed: nothing is computed. */
bool         sotto_session_take_guess(sotto_session *s, int32_t token);
/* Go back to n tokens, and count those after them as guesses that were computed, without their logits: neither here nor
 * after any of them has the session logits. */
void         sotto_session_hold_back(sotto_session *s, size_t n);
/* Go back to n tokens, after which these were the logits. */
sotto_status sotto_session_restore_logits(sotto_session *s, size_t n, const float *logits, sotto_error *err);

/* Restore from the bytes of a session file; the session is unchanged unless the result is SOTTO_OK. A fuzzer turns
 * `verify` off, or it would never get past the checksum. */
sotto_status sotto_session_parse(sotto_session *s, const uint8_t *bytes, size_t n, bool verify, sotto_error *err);

#endif
