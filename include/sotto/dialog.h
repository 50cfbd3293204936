/* A conversation and its next turn: what a person says is answered, with as many answers of the model as its calls of
 * tools need. Beside sotto.h and tools.h; the rules of sotto.h hold, and one thread at a time uses a dialog.
 *
 * Every time the whole conversation is rendered and the session brought to it by sotto_session_sync, which keeps the
 * common prefix; so only what is new is computed, whatever was taken back, edited or loaded in between. */
#ifndef SOTTO_DIALOG_H
#define SOTTO_DIALOG_H

#include <sotto/tools.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sotto_dialog sotto_dialog;

typedef struct sotto_dialog_options {
    const char                   *system;   /* system prompt; NULL: none */
    const sotto_generate_options *generate; /* NULL: defaults. `turns`, `n_turns`, `tools` and `cancel` are the
                                               dialog's; `keep` may grow; `tool_choice` holds for the first answer in a
                                               turn. What it points at must live as long */
    const char                   *tools;    /* JSON, as in sotto_chat_params; NULL: none. Must live as long */
    sotto_toolbox                *toolbox;  /* executes the calls; NULL: they are only chosen. Must live as long */
    bool                          thinking;
} sotto_dialog_options;
SOTTO_API sotto_dialog_options sotto_dialog_options_default(void);
/* The session must live as long, and is the dialog's alone. */
SOTTO_API sotto_status sotto_dialog_open(sotto_dialog **out, sotto_session *session, const sotto_dialog_options *opt,
                                         sotto_error *err);
SOTTO_API void         sotto_dialog_close(sotto_dialog *d);
/* Options for the answers from now on; the turns stay. */
SOTTO_API sotto_status sotto_dialog_configure(sotto_dialog *d, const sotto_dialog_options *opt, sotto_error *err);
SOTTO_API const char  *sotto_dialog_system(const sotto_dialog *d); /* NULL: none */

/* ---- turns ----------------------------------------------------------------------------------------------- */

/* The turns so far, without the system prompt; lent until the dialog changes. */
SOTTO_API const sotto_chat_turn *sotto_dialog_turns(const sotto_dialog *d, size_t *n);
SOTTO_API size_t                 sotto_dialog_first_seen(const sotto_dialog *d); /* sliding has hidden those before */
/* A copy of a turn of a user, a model or a tool, at the end. */
SOTTO_API sotto_status sotto_dialog_add(sotto_dialog *d, const sotto_chat_turn *turn, sotto_error *err);
/* Only the first n turns stay. */
SOTTO_API void         sotto_dialog_cut(sotto_dialog *d, size_t n);
/* The text of the model's last turn becomes this: what of it was heard. INVALID: there is no such turn. */
SOTTO_API sotto_status sotto_dialog_amend(sotto_dialog *d, const char *text, sotto_error *err);

/* ---- answers --------------------------------------------------------------------------------------------- */

/* What happens while an answer comes; each may be NULL. On the caller's thread. */
typedef struct sotto_dialog_events {
    void *user;
    void (*prompt)(void *user, size_t n_prompt, size_t n_cached); /* has been computed */
    void (*piece)(void *user, const sotto_piece *piece);          /* a step of the model, as it is */
    void (*text)(void *user, const char *text, size_t n);         /* of the answer, to be shown or spoken: the model's,
                                                                     or the tools' sentences in its place */
    bool (*before_calls)(void *user); /* calls are about to be executed; it may wait. False: they are not, and the
                                         answer ends as CANCELLED */
    void (*called)(void *user, const char *name, const char *arguments, const sotto_tool_result *result); /* a call has
                                                                     been executed; result NULL: it has been chosen */
    void (*dropped)(void *user, int32_t n_tokens); /* sliding has dropped the oldest tokens */
} sotto_dialog_events;

typedef struct sotto_dialog_answer {
    sotto_finish finish; /* CANCELLED: the turns that were added are there, the last one as far as it came, without
                            calls that were not executed */
    size_t       n_prompt, n_cached, n_tokens; /* of the last answer of the model in this turn, as what follows */
    double       prefill_ms, first_token_ms, decode_ms; /* the first token's since the prompt began to be computed */
    int32_t      n_dropped; /* by sliding while it was drawn */
    size_t       n_proposed, n_accepted; /* guesses that were computed, and that came true: sotto_lookup_use */
} sotto_dialog_answer;

/* Compute what is sure of the next user turn: `said` is how it begins, "" that nothing is known yet. Nothing is added,
 * and the answer to come is the same, bit for bit. `cancel` as in sotto_generate_options, looked at between batches:
 * CANCELLED. Too long for the context: CONTEXT_FULL; where sliding is on, nothing is done. */
SOTTO_API sotto_status sotto_dialog_prefill(sotto_dialog *d, const char *said, const volatile int *cancel,
                                            sotto_error *err);
/* Add `said` as a user turn (NULL: the last turn is one already, or a tool's) and answer it; all turns of the answer
 * are added. On an error the dialog is as before, but not what tools have done. LIMIT: the model calls tools on and on.
 * The first space of an answer, which belongs to some chat formats, is left out of its text. */
SOTTO_API sotto_status sotto_dialog_answer_turn(sotto_dialog *d, const char *said, const sotto_dialog_events *events,
                                                const volatile int *cancel, sotto_dialog_answer *out, sotto_error *err);

#ifdef __cplusplus
}
#endif
#endif
