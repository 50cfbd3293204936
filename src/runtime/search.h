/* The likeliest call, as a whole.
 *
 * Token by token the likeliest does not always make the likeliest whole: of two tokens that are about as likely one
 * may be followed by what is nearly certain, and the other by nothing that is. So a call is first written as greedy
 * decoding has it; then other tokens are tried, at the last place first, as long as the call up to them is likelier
 * than the best whole one so far. As no token makes a call likelier, what is left in the end is the likeliest call. One
 * that has half of the probability, as most have, takes not a single pass more.
 *
 * Source: Stahlberg and Byrne 2019 (exact inference by depth-first search with a bound). */
#ifndef SOTTO_SEARCH_H
#define SOTTO_SEARCH_H

#include "runtime/session.h"

enum {
    SOTTO_SEARCH_TOKENS_MAX = 256, /* of a call; longer ones are not looked for */
    SOTTO_SEARCH_CHOICES_MAX = 8,  /* of tokens at a place; others of less than a thousandth are not tried either */
};

typedef struct sotto_search sotto_search;

/* `budget`: tokens that may be computed after the first call; when it is used up, the best so far counts. */
sotto_status sotto_search_open(sotto_search **out, sotto_session *s, int32_t budget, sotto_error *err);
void         sotto_search_close(sotto_search *s);
/* Look for the rest of a call that is at this place of its grammar, of at most n_max tokens. The session, which has
 * logits, and the constraint are left as they were, but for the logits: without them the session holds back (see
 * sotto_session_hold_back) what it has computed of the call that was found. With `logits`, or where no whole call was
 * found, they are there, and nothing is held back. */
sotto_status sotto_search_run(sotto_search *s, sotto_constraint *c, size_t n_max, bool logits,
                              const volatile int *cancel, sotto_error *err);
/* The tokens that were found, one by one; -1: no more. */
int32_t sotto_search_next(sotto_search *s);
size_t  sotto_search_passes(const sotto_search *s); /* of the model, in all runs */

#endif
