/* The session's inside, shared by session.c and session_file.c. */
#ifndef SOTTO_SESSION_H
#define SOTTO_SESSION_H

#include "runtime/runtime.h"

struct sotto_session {
    sotto_model          *model;
    sotto_session_options options; /* context and batch resolved */
    sotto_kv              kv;        /* of the native engine, as is the workspace */
    sotto_workspace      *workspace;
    sotto_program_state  *state;     /* of that of packages */
    int32_t              *tokens;    /* [context]; the first n are evaluated */
    int32_t               n;
    float                *logits;    /* [n_vocab] */
    bool                  has_logits;
    bool                  slid;      /* tokens were dropped: the cache is no longer that of a fresh session */
    size_t                kept, computed; /* of the last sync */
    const sotto_observer *observer;       /* of what is computed for this session; NULL: none */
    const volatile int   *cancel;         /* may be NULL */
};

/* Restore from the bytes of a session file; the session is unchanged unless the result is SOTTO_OK. A fuzzer turns
 * `verify` off, or it would never get past the checksum. */
sotto_status sotto_session_parse(sotto_session *s, const uint8_t *bytes, size_t n, bool verify, sotto_error *err);

#endif
