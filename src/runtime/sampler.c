/* The next token, drawn from the logits.
 *
 *   logits + bias -> penalties -> DRY -> temperature -> top-k -> typical -> top-p -> min-p -> draw
 *
 * The vocabulary may have 256k tokens, so nothing is sorted: a step finds its cut, the least token that it
 * keeps, by selection, and then filters the candidates in place. They stay in the order of their ids, which
 * makes every sum and the draw depend on nothing but the logits. All memory is taken when the sampler is
 * opened. */
#include "runtime/runtime.h"

#include <math.h>

struct sotto_sampler {
    sotto_arena      arena;
    sotto_sampling   params;
    int32_t          n_vocab;
    uint64_t         random[4];
    float           *logits;  /* [n_vocab] of this pick, bias and penalties applied */
    int32_t         *seen;    /* [n_vocab] a mark per token of the history; all 0 between uses */
    int32_t         *z;       /* [dry_cap] */
    size_t           dry_cap; /* tokens that DRY looks back */
    bool            *breaks;  /* [n_vocab], or NULL */
    sotto_logprob   *best;    /* [top_k] a heap */
    sotto_candidate *list;    /* [top_k, or n_vocab without it] */
    sotto_candidate *scratch; /* as many, for the selection by mass */
};

/* ---- random numbers ------------------------------------------------------------------------------------ */

/* Source: Blackman & Vigna 2018, xoshiro256**, seeded by splitmix64 (Steele et al. 2014) as its authors
 * advise. Integers only, so that a seed means the same on every machine. */
static uint64_t rotate(uint64_t x, int n) { return x << n | x >> (64 - n); }

static double random_unit(uint64_t s[4]) { /* in [0, 1), 53 bits */
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return (double)(result >> 11) * 0x1p-53;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static size_t look_back(int32_t last, size_t n_history) {
    return last < 0 ? n_history : SOTTO_MIN((size_t)last, n_history);
}

/* Only the buffers that the parameters call for: without top-k the candidates of a large vocabulary are
 * megabytes. */
static bool allocate(sotto_sampler *s, size_t max_history, const bool *breaks) {
    const sotto_sampling *p = &s->params;
    size_t                n_vocab = (size_t)s->n_vocab, n_best = 0, n_list = n_vocab;
    if (p->top_k > 0 && p->top_k < s->n_vocab) n_best = n_list = (size_t)p->top_k;
    if (p->temperature == 0) n_best = 0, n_list = 1;
    if (p->dry_multiplier != 0) s->dry_cap = look_back(p->dry_last, max_history);
    bool              marks = breaks && s->dry_cap;
    sotto_logit_bias *bias = sotto_arena_array(&s->arena, p->n_bias, sizeof *bias);
    s->logits = sotto_arena_array(&s->arena, n_vocab, sizeof *s->logits);
    s->seen = sotto_arena_array(&s->arena, n_vocab, sizeof *s->seen);
    s->z = sotto_arena_array(&s->arena, s->dry_cap, sizeof *s->z);
    s->best = n_best ? sotto_arena_array(&s->arena, n_best, sizeof *s->best) : NULL;
    s->list = sotto_arena_array(&s->arena, n_list, sizeof *s->list);
    s->scratch = sotto_arena_array(&s->arena, n_list, sizeof *s->scratch);
    s->breaks = marks ? sotto_arena_array(&s->arena, n_vocab, sizeof *breaks) : NULL;
    if (!bias || !s->logits || !s->seen || !s->z || (n_best && !s->best) || !s->list || !s->scratch ||
        (marks && !s->breaks))
        return false;
    if (p->n_bias) memcpy(bias, p->bias, p->n_bias * sizeof *bias);
    if (marks) memcpy(s->breaks, breaks, n_vocab * sizeof *breaks);
    s->params.bias = bias;
    return true;
}

sotto_status sotto_sampler_open(sotto_sampler **out, const sotto_sampling *params, int32_t n_vocab,
                                size_t max_history, const bool *breaks, sotto_error *err) {
    SOTTO_TRY(sotto_sampling_check(params, n_vocab, err));
    sotto_arena    arena = {0};
    sotto_sampler *s = sotto_arena_alloc(&arena, sizeof *s);
    if (!s) return sotto_fail_memory(err, "the sampler");
    *s = (sotto_sampler){.arena = arena, .params = *params, .n_vocab = n_vocab};
    if (!allocate(s, max_history, breaks)) {
        sotto_sampler_close(s);
        return sotto_fail_memory(err, "the sampler");
    }
    /* 53 bits, so that the seed in a report survives JSON readers that keep numbers as doubles. */
    if (s->params.seed == SOTTO_SEED_RANDOM) s->params.seed = sotto_random_seed() >> 11;
    uint64_t state = s->params.seed;
    for (int i = 0; i < 4; i++) s->random[i] = sotto_splitmix64(&state);
    *out = s;
    return SOTTO_OK;
}

void sotto_sampler_close(sotto_sampler *s) {
    if (!s) return;
    sotto_arena arena = s->arena; /* the sampler itself lies in it */
    sotto_arena_free(&arena);
}

uint64_t sotto_sampler_seed(const sotto_sampler *s) { return s->params.seed; }

bool sotto_sampler_is_greedy(const sotto_sampler *s) {
    const sotto_sampling *p = &s->params;
    return (p->temperature == 0 || p->top_k == 1) && p->n_bias == 0 && p->repetition_penalty == 1 &&
           p->presence_penalty == 0 && p->frequency_penalty == 0 && p->dry_multiplier == 0;
}

/* ---- bias and penalties -------------------------------------------------------------------------------- */

/* Repetition divides a positive logit and multiplies a negative one (Keskar et al. 2019); presence is
 * subtracted once, frequency per occurrence. */
static void apply_penalties(sotto_sampler *s, const int32_t *history, size_t n_history) {
    const sotto_sampling *p = &s->params;
    if (p->repetition_penalty == 1 && p->presence_penalty == 0 && p->frequency_penalty == 0) return;
    size_t n = look_back(p->penalty_last, n_history);
    history += n_history - n;
    for (size_t i = 0; i < n; i++) s->seen[history[i]]++;
    for (size_t i = 0; i < n; i++) {
        int32_t *count = &s->seen[history[i]];
        float   *x = &s->logits[history[i]];
        if (*count == 0) continue; /* this token has had its share */
        *x = *x > 0 ? *x / p->repetition_penalty : *x * p->repetition_penalty;
        *x -= p->presence_penalty + p->frequency_penalty * (float)*count;
        *count = 0;
    }
}

/* "Don't repeat yourself" (p-e-w 2024): where the end of the history has occurred before, the token that
 * followed it then would make the repetition longer; it pays multiplier * base^(length - allowed_length).
 *
 * Reversed, the end of the history is a prefix, and the repeated lengths are its Z function (Gusfield 1997),
 * which is linear in the history: z[i] is how much of r[i..] equals the beginning of r, where r[i] is the
 * history's i-th token from the end; r[i - 1] is what followed. A repetition ends at a break token. */
static void apply_dry(sotto_sampler *s, const int32_t *history, size_t n_history) {
    const sotto_sampling *p = &s->params;
    int32_t               n = (int32_t)SOTTO_MIN(s->dry_cap, n_history), longest = 0;
    if (n < 2) return;
    const int32_t *last = history + n_history - 1; /* r[i] is last[-i] */
    while (longest < n && !(s->breaks && s->breaks[last[-longest]])) longest++;
    int32_t *z = s->z;
    for (int32_t i = 1, begin = 0, end = 0; i < n; i++) { /* [begin, end): the match that reaches farthest */
        int32_t len = i < end ? SOTTO_MIN(end - i, z[i - begin]) : 0;
        while (i + len < n && last[-len] == last[-(i + len)]) len++;
        if (i + len > end) begin = i, end = i + len;
        z[i] = len;
        int32_t repeated = SOTTO_MIN(len, longest), next = last[-(i - 1)];
        if (repeated >= p->dry_allowed_length && !(s->breaks && s->breaks[next]))
            s->seen[next] = SOTTO_MAX(s->seen[next], repeated);
    }
    for (int32_t i = 0; i < n; i++) {
        int32_t repeated = s->seen[last[-i]];
        if (repeated == 0) continue;
        double penalty = p->dry_multiplier * pow(p->dry_base, repeated - p->dry_allowed_length);
        s->logits[last[-i]] -= (float)fmin(penalty, 1e30); /* finite: it never forbids the only token left */
        s->seen[last[-i]] = 0;
    }
}

static sotto_status adjust(sotto_sampler *s, const float *logits, const int32_t *history, size_t n_history,
                           int32_t *likeliest, sotto_error *err) {
    for (size_t i = 0; i < n_history; i++)
        if (history[i] < 0 || history[i] >= s->n_vocab)
            return sotto_fail(err, SOTTO_INVALID, "token %d at position %zu is not in the vocabulary of %d tokens",
                              history[i], i, s->n_vocab);
    float *x = s->logits;
    memcpy(x, logits, (size_t)s->n_vocab * sizeof *x);
    for (size_t i = 0; i < s->params.n_bias; i++) x[s->params.bias[i].token] += s->params.bias[i].bias;
    apply_penalties(s, history, n_history);
    if (s->dry_cap) apply_dry(s, history, n_history);
    int32_t best = 0;
    float   max = x[0];
    for (int32_t t = 0; t < s->n_vocab; t++) {
        if (!(x[t] < INFINITY)) /* NaN too */
            return sotto_fail(err, SOTTO_INVALID,
                              "the logit of token %d is not a finite number; the model's weights are damaged, or "
                              "too large for their type",
                              t);
        if (x[t] > max) best = t, max = x[t];
    }
    if (max == -INFINITY)
        return sotto_fail(err, SOTTO_INVALID, "the logit bias forbids every token; leave at least one allowed");
    *likeliest = best;
    return SOTTO_OK;
}

/* ---- selection ----------------------------------------------------------------------------------------- */

/* The one order of tokens: greater rank first, lower id first among equals. */
static bool before(float x, int32_t a, float y, int32_t b) { return x > y || (x == y && a < b); }

static bool entry_before(sotto_logprob a, sotto_logprob b) {
    return before(a.logprob, a.token, b.logprob, b.token);
}

/* Restore the heap whose root alone may be out of place; the root comes last in the order. */
static void sift_down(sotto_logprob *heap, int32_t n, int32_t at) {
    for (int32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && entry_before(heap[child], heap[child + 1])) child++;
        if (!entry_before(heap[at], heap[child])) return;
        sotto_logprob swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
    }
}

/* The k best of x[n], k <= n, as a heap: heap[0] is the last of them. Almost every element costs one
 * comparison. */
static void select_best(const float *x, int32_t n, sotto_logprob *heap, int32_t k) {
    for (int32_t t = 0; t < k; t++) heap[t] = (sotto_logprob){t, x[t]};
    for (int32_t i = k / 2; i-- > 0;) sift_down(heap, k, i);
    for (int32_t t = k; t < n; t++) {
        if (!(x[t] > heap[0].logprob)) continue; /* an equal one has the higher id */
        heap[0] = (sotto_logprob){t, x[t]};
        sift_down(heap, k, 0);
    }
}

static void swap_candidates(sotto_candidate *a, sotto_candidate *b) {
    sotto_candidate swap = *a;
    *a = *b;
    *b = swap;
}

/* The last candidate of the shortest run from the first in rank on that has at least `mass`; reorders c[n], n
 * > 0. Quickselect (Hoare 1961) where the mass on the left tells which side to go on with; pivots are taken
 * at pseudo- random places, so that no order of the input is a slow one. */
static sotto_candidate cut_at_mass(sotto_candidate *c, size_t n, double mass) {
    uint64_t        state = n;
    size_t          lo = 0, hi = n;
    sotto_candidate cut = c[0];
    while (lo < hi) {
        swap_candidates(&c[hi - 1], &c[lo + (size_t)(sotto_splitmix64(&state) % (hi - lo))]);
        sotto_candidate pivot = c[hi - 1];
        double          left = 0;
        size_t          mid = lo;
        for (size_t i = lo; i + 1 < hi; i++) {
            if (!before(c[i].rank, c[i].token, pivot.rank, pivot.token)) continue;
            left += c[i].p;
            swap_candidates(&c[i], &c[mid++]);
        }
        swap_candidates(&c[mid], &c[hi - 1]);
        if (left >= mass && mid > lo) {
            hi = mid;
        } else {
            cut = pivot;
            mass -= left + pivot.p;
            if (mass <= 0) break;
            lo = mid + 1;
        }
    }
    return cut;
}

/* ---- steps --------------------------------------------------------------------------------------------- */

static double total(const sotto_candidate *c, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += c[i].p;
    return sum;
}

/* Temperature and top-k: the candidates with weights exp((x - max) / temperature), not yet divided by their
 * sum. */
static size_t take_top_k(sotto_sampler *s, float max) {
    const float  *x = s->logits;
    double        scale = 1.0 / (double)s->params.temperature;
    sotto_logprob cut = {s->n_vocab, -INFINITY};
    if (s->best) {
        select_best(x, s->n_vocab, s->best, s->params.top_k);
        cut = s->best[0];
    }
    size_t n = 0;
    for (int32_t t = 0; t < s->n_vocab; t++)
        if (x[t] > -INFINITY && !before(cut.logprob, cut.token, x[t], t))
            s->list[n++] = (sotto_candidate){t, x[t], exp(((double)x[t] - (double)max) * scale)};
    return n;
}

/* Keep the candidates of highest rank that together have this share of the mass. */
static size_t keep_share(sotto_sampler *s, size_t n, double share) {
    sotto_candidate *c = s->list;
    memcpy(s->scratch, c, n * sizeof *c);
    sotto_candidate cut = cut_at_mass(s->scratch, n, share * total(c, n));
    size_t          kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!before(cut.rank, cut.token, c[i].rank, c[i].token)) c[kept++] = c[i];
    return kept;
}

/* Typical sampling ranks tokens by how near their surprise, -log p, is to its expectation, the entropy. */
static size_t keep_typical(sotto_sampler *s, size_t n, double share) {
    sotto_candidate *c = s->list;
    double           sum = total(c, n), entropy = 0;
    for (size_t i = 0; i < n; i++)
        if (c[i].p > 0) entropy -= c[i].p / sum * log(c[i].p / sum);
    for (size_t i = 0; i < n; i++)
        c[i].rank = c[i].p > 0 ? (float)-fabs(-log(c[i].p / sum) - entropy) : -INFINITY;
    n = keep_share(s, n, share);
    for (size_t i = 0; i < n; i++) c[i].rank = s->logits[c[i].token];
    return n;
}

static size_t keep_min_p(sotto_candidate *c, size_t n, double min_p) {
    double max = 0;
    for (size_t i = 0; i < n; i++) max = fmax(max, c[i].p);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (c[i].p >= min_p * max) c[kept++] = c[i];
    return kept;
}

sotto_status sotto_sampler_candidates(sotto_sampler *s, const float *logits, const int32_t *history,
                                      size_t n_history, const sotto_candidate **list, size_t *n_out,
                                      sotto_error *err) {
    const sotto_sampling *p = &s->params;
    int32_t               likeliest = 0;
    SOTTO_TRY(adjust(s, logits, history, n_history, &likeliest, err));
    size_t n = 1;
    if (p->temperature == 0) {
        s->list[0] = (sotto_candidate){likeliest, s->logits[likeliest], 1};
    } else {
        n = take_top_k(s, s->logits[likeliest]);
        if (p->typical_p < 1) n = keep_typical(s, n, p->typical_p);
        if (p->top_p < 1) n = keep_share(s, n, p->top_p);
        if (p->min_p > 0) n = keep_min_p(s->list, n, p->min_p);
        double sum = total(s->list, n);
        for (size_t i = 0; i < n; i++) s->list[i].p /= sum;
    }
    *list = s->list;
    *n_out = n;
    return SOTTO_OK;
}

sotto_status sotto_sampler_pick(sotto_sampler *s, const float *logits, const int32_t *history, size_t n_history,
                                int32_t *token, sotto_error *err) {
    const sotto_candidate *c;
    size_t                 n;
    SOTTO_TRY(sotto_sampler_candidates(s, logits, history, n_history, &c, &n, err));
    /* Rounding may leave the sum a little below 1; the last token that can be drawn then takes the rest. */
    double  left = random_unit(s->random);
    int32_t drawn = c[0].token;
    for (size_t i = 0; i < n && left >= 0; i++) {
        if (c[i].p > 0) drawn = c[i].token;
        left -= c[i].p;
    }
    *token = drawn;
    return SOTTO_OK;
}

/* ---- log probabilities --------------------------------------------------------------------------------- */

void sotto_logprobs(const float *logits, int32_t n_vocab, int32_t token, float *logprob, sotto_logprob *top,
                    int32_t n) {
    float max = logits[0];
    for (int32_t t = 1; t < n_vocab; t++) max = SOTTO_MAX(max, logits[t]);
    double sum = 0;
    for (int32_t t = 0; t < n_vocab; t++) sum += exp((double)logits[t] - (double)max);
    double log_sum = (double)max + log(sum);
    *logprob = (float)((double)logits[token] - log_sum);
    if (n <= 0) return;
    select_best(logits, n_vocab, top, n);
    for (int32_t i = n; i-- > 0;) { /* the root is the least likely of those left: fill from the end */
        sotto_logprob least = top[0];
        top[0] = top[i];
        sift_down(top, i, 0);
        top[i] = (sotto_logprob){least.token, (float)((double)least.logprob - log_sum)};
    }
}
