/* Guessing how a text goes on by looking up where its last tokens have stood before: what followed them there.
 * Answers repeat their prompts, code its names, lists their form; no second model is needed.
 *
 * The guesses are computed together with the token before them, in one pass, and what the sampler then chooses decides
 * which of them come true: the answer is that of one pass for each token, whatever is guessed.
 * Sources: Saxena 2023 (prompt lookup decoding), Leviathan et al. 2023 (verifying guesses in one pass). */
#ifndef SOTTO_LOOKUP_H
#define SOTTO_LOOKUP_H

#include "runtime/session.h"

enum { SOTTO_LOOKUP_NGRAM_MIN = 2, SOTTO_LOOKUP_NGRAM_MAX = 4 };

typedef struct sotto_lookup {
    double  cost; /* of a guess, by that of a pass without; 0: guesses are free */
    double  came_true[SOTTO_LOOKUP_NGRAM_MAX + 1]; /* the share lately, by the length of the match */
    int32_t guesses[SOTTO_AHEAD_MAX];
    int32_t n, at, length; /* guesses that are not yet decided: [at, n); the match that they follow */
} sotto_lookup;

void    sotto_lookup_init(sotto_lookup *l, double cost);
/* What may follow ids[0..n) and `next`: how many guesses are worth computing, at most `most`. */
int32_t sotto_lookup_guess(sotto_lookup *l, const int32_t *ids, size_t n, int32_t next, int32_t most);
/* The token that came; guesses are judged by it, whether they were computed or not. */
void    sotto_lookup_see(sotto_lookup *l, int32_t token);

#endif
