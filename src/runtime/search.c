/* Depth-first search; see search.h. */
#include "runtime/search.h"

#include <math.h>
#include <stdlib.h>

#define LEAST_CHANCE 1e-3

/* A token at a place, and what the call up to it comes to. */
typedef struct choice {
    int32_t token;
    double  logprob;
} choice;

struct sotto_search {
    sotto_session      *session;
    sotto_constraint   *constraint;
    const volatile int *cancel;
    int32_t             budget, left; /* of it, in this run */
    size_t              begin, n_max; /* the place in the session where the call goes on; its tokens */
    float              *logits;       /* [n_vocab] there */
    size_t              n_passes;
    double              logprob;      /* of the best call */
    int32_t             tokens[SOTTO_SEARCH_TOKENS_MAX]; /* [n] it; [at] is the next to be given away */
    size_t              n, at;
    int32_t             path[SOTTO_SEARCH_TOKENS_MAX];   /* where the search is */
    choice              choices[SOTTO_SEARCH_TOKENS_MAX][SOTTO_SEARCH_CHOICES_MAX];
};

sotto_status sotto_search_open(sotto_search **out, sotto_session *s, int32_t budget, sotto_error *err) {
    sotto_search *new = calloc(1, sizeof *new);
    if (!new) return sotto_fail_memory(err, "the search for a call");
    new->session = s;
    new->budget = budget;
    if (!(new->logits = calloc((size_t)s->model->info.n_vocab, sizeof *new->logits))) {
        sotto_search_close(new);
        return sotto_fail_memory(err, "the search for a call");
    }
    *out = new;
    return SOTTO_OK;
}

void sotto_search_close(sotto_search *s) {
    if (!s) return;
    free(s->logits);
    free(s);
}

static double log_sum_exp(const float *logits, int32_t n) {
    double most = -INFINITY, sum = 0;
    for (int32_t t = 0; t < n; t++) most = fmax(most, (double)logits[t]);
    for (int32_t t = 0; t < n; t++) sum += exp((double)logits[t] - most);
    return most + log(sum);
}

/* The likeliest tokens of those that may come here and leave the call likelier than the best one, likeliest first; of
 * equal ones the lower id, as greedy decoding has it. */
static size_t choose(sotto_search *s, const float *logits, double least, double total, double before, choice *list) {
    int32_t n_vocab = s->session->model->info.n_vocab;
    size_t  n = 0;
    for (int32_t t = 0; t < n_vocab; t++) {
        double logprob = before + ((double)logits[t] - total);
        bool   full = n == SOTTO_SEARCH_CHOICES_MAX;
        if (!(logprob > least) || (full && !(logprob > list[n - 1].logprob))) continue;
        if (!sotto_constraint_allows(s->constraint, t)) continue;
        size_t at = full ? n - 1 : n++;
        for (; at > 0 && list[at - 1].logprob < logprob; at--) list[at] = list[at - 1];
        list[at] = (choice){t, logprob};
    }
    return n;
}

/* The choices after the path so far. Before there is a call something has to come next, however unlikely. */
static size_t choices_at(sotto_search *s, size_t depth, double before) {
    const float *logits = sotto_session_logits(s->session);
    double       total = log_sum_exp(logits, s->session->model->info.n_vocab);
    double       least = fmax(s->logprob, before + log(LEAST_CHANCE));
    size_t       n = choose(s, logits, least, total, before, s->choices[depth]);
    if (n || s->n || !(logits = sotto_constraint_mask(s->constraint, logits))) return n;
    return choose(s, logits, -INFINITY, total, before, s->choices[depth]);
}

/* Append path[depth]; what the session holds after this place was another way. */
static sotto_status append(sotto_search *s, size_t depth, sotto_error *err) {
    SOTTO_TRY(sotto_session_rewind(s->session, s->begin + depth, err));
    s->n_passes++;
    if (s->n) s->left--;
    return sotto_session_append(s->session, &s->path[depth], 1, err);
}

static bool is_over(const sotto_search *s) { return s->left <= 0 || sotto_flag_is_set(s->cancel); }

static void keep_path(sotto_search *s, size_t n, double logprob) {
    memcpy(s->tokens, s->path, n * sizeof *s->path);
    s->n = n;
    s->logprob = logprob;
}

/* Go through all that may follow path[0..depth), which is so likely. Where greedy decoding does not come to the end of
 * a call there is nothing to be better than: no other way is tried then. */
static sotto_status descend(sotto_search *s, size_t depth, double before, sotto_error *err) {
    size_t n = choices_at(s, depth, before), place = sotto_constraint_depth(s->constraint);
    for (size_t i = 0; i < n; i++) {
        choice c = s->choices[depth][i];
        if (is_over(s) || !(c.logprob > s->logprob)) break;
        s->path[depth] = c.token;
        if (!sotto_constraint_push(s->constraint, c.token)) continue; /* an end token: it ends no call */
        if (sotto_constraint_complete(s->constraint)) {
            keep_path(s, depth + 1, c.logprob);
        } else if (depth + 1 < s->n_max) {
            SOTTO_TRY(append(s, depth, err));
            SOTTO_TRY(descend(s, depth + 1, c.logprob, err));
        }
        sotto_constraint_pop(s->constraint, place);
        if (!s->n) s->left = 0;
    }
    return SOTTO_OK;
}

/* The session as it was: with the beginning of the call held back, or with its logits. */
static sotto_status leave(sotto_search *s, bool logits, sotto_error *err) {
    size_t         n, same = 0;
    const int32_t *ids = sotto_session_tokens(s->session, &n);
    if (logits) return sotto_session_restore_logits(s->session, s->begin, s->logits, err);
    while (s->begin + same < n && same + 1 < s->n && ids[s->begin + same] == s->tokens[same]) same++;
    SOTTO_TRY(sotto_session_rewind(s->session, s->begin + same, err));
    sotto_session_hold_back(s->session, s->begin);
    return SOTTO_OK;
}

sotto_status sotto_search_run(sotto_search *s, sotto_constraint *c, size_t n_max, bool logits,
                              const volatile int *cancel, sotto_error *err) {
    size_t place = sotto_constraint_depth(c);
    s->constraint = c;
    s->cancel = cancel;
    s->left = s->budget;
    s->n = s->at = 0;
    s->n_max = SOTTO_MIN(n_max, (size_t)SOTTO_SEARCH_TOKENS_MAX);
    s->logprob = -INFINITY;
    (void)sotto_session_tokens(s->session, &s->begin);
    memcpy(s->logits, sotto_session_logits(s->session), (size_t)s->session->model->info.n_vocab * sizeof *s->logits);
    sotto_status status = s->n_max ? descend(s, 0, 0, err) : SOTTO_OK;
    sotto_constraint_pop(c, place);
    SOTTO_TRY(status);
    return leave(s, logits || s->n == 0, err);
}

int32_t sotto_search_next(sotto_search *s) { return s->at < s->n ? s->tokens[s->at++] : -1; }
size_t  sotto_search_passes(const sotto_search *s) { return s->n_passes; }
