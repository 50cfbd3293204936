/* chat: a dialog from the inside. Its turns are in dialog_turns.c, what of them the model sees in dialog_window.c, and
 * answers in dialog.c. */
#ifndef SOTTO_DIALOG_INSIDE_H
#define SOTTO_DIALOG_INSIDE_H

#include <sotto/dialog.h>

#include "base/base.h"

struct sotto_dialog {
    sotto_session         *session;
    const sotto_model     *model;
    sotto_dialog_options   options; /* `system` is a copy, `generate` points at the next field */
    sotto_generate_options generate;
    bool                   hears_results;
    sotto_chat_turn       *turns;  /* [n] the texts are the dialog's, the roles static */
    int32_t               *starts; /* [n] where the text of a user turn begins in the prompt; -1: not computed */
    size_t                 n, cap;
    size_t                 first; /* the oldest turn that the model still sees */
    bool                   slid;  /* the session has dropped tokens and went on */
};

/* NULL stays NULL; false: out of memory. */
bool sotto_dialog_copy(const char **to, const char *text);
/* The places of turns in the prompt are to be looked for again, from turn i on. */
void sotto_dialog_forget_starts(sotto_dialog *d, size_t i);
bool sotto_dialog_is(const sotto_chat_turn *turn, const char *role);

/* Where sliding may cut: see sotto_generate_options. The places lie in the tokens of a prompt. */
typedef struct sotto_dialog_window {
    int32_t  keep;
    int32_t *turns; /* [n_turns]; free() it */
    size_t   n_turns;
} sotto_dialog_window;

/* The tokens of the turns that the model sees, as far as turn `end`, in the place of those in *out. The last of them
 * has this text, unless it is NULL. */
sotto_status sotto_dialog_render(const sotto_dialog *d, size_t end, const char *text, sotto_tokens *out,
                                 sotto_error *err);
size_t       sotto_dialog_common(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b); /* prefix */
/* Whether a prompt leaves room for an answer. */
bool         sotto_dialog_has_room(const sotto_dialog *d, size_t n_prompt);
/* The prompt of the whole dialog. Where sliding is on and no room is left for an answer, the oldest turns are dropped
 * first, and *n_dropped says how many tokens that was. */
sotto_status sotto_dialog_prepare(sotto_dialog *d, sotto_tokens *prompt, sotto_dialog_window *window,
                                  int32_t *n_dropped, sotto_error *err);
/* The model has lost `n` tokens from the first seen user turn on: forget the turns that are wholly in them. */
void         sotto_dialog_forget_turns(sotto_dialog *d, int32_t n);
/* Bring the session to the prompt; *n_cached: what it had of it. `ahead`: the prompt may yet change. */
sotto_status sotto_dialog_compute(sotto_dialog *d, const sotto_tokens *prompt, bool ahead, const volatile int *cancel,
                                  size_t *n_cached, sotto_error *err);

#endif
