/* Which guesses there are, and how many of them pay. */
#include "runtime/lookup.h"

/* A share is a running average over about this many guesses, and begins below what pays: a few guesses have to come
 * true before any is computed. That takes little from long repetitions, and spares short answers what first tries
 * cost. */
#define AVERAGE_OVER 8.0
#define FIRST_SHARE 0.5
/* What looking up takes is made up for. */
#define GAIN_MIN 1.02

void sotto_lookup_init(sotto_lookup *l, double cost) {
    *l = (sotto_lookup){.cost = cost};
    for (int i = 0; i <= SOTTO_LOOKUP_NGRAM_MAX; i++) l->came_true[i] = FIRST_SHARE;
}

/* The latest place at which the longest of the last n-grams of ids[0..n) and `next` has stood before: the index after
 * it, and in *length the match. */
static size_t find(const int32_t *ids, size_t n, int32_t next, int32_t *length) {
    size_t after = 0;
    *length = 0;
    for (size_t i = n; i-- > 0 && *length < SOTTO_LOOKUP_NGRAM_MAX;) {
        if (ids[i] != next) continue;
        int32_t len = 1;
        while (len < SOTTO_LOOKUP_NGRAM_MAX && (size_t)len <= i && ids[i - (size_t)len] == ids[n - (size_t)len]) len++;
        if (len > *length) *length = len, after = i + 1;
    }
    return after;
}

/* With k guesses that come true with this share each, one after the other, a pass gives 1 + share + ... + share^k
 * tokens. It costs 1 + cost * (k + 1): the first guess costs double, as kernels for several tokens begin to compute
 * where that for one only reads. */
static int32_t worth(double share, double cost, int32_t most) {
    double  tokens = 1, chance = 1, best = GAIN_MIN;
    int32_t n = 0;
    if (cost <= 0) return most;
    for (int32_t k = 1; k <= most; k++) {
        chance *= share;
        tokens += chance;
        double gain = tokens / (1 + cost * (k + 1));
        if (gain > best) best = gain, n = k;
    }
    return n;
}

int32_t sotto_lookup_guess(sotto_lookup *l, const int32_t *ids, size_t n, int32_t next, int32_t most) {
    size_t after = find(ids, n, next, &l->length);
    l->n = l->at = 0;
    if (l->length < SOTTO_LOOKUP_NGRAM_MIN) return 0;
    for (int32_t i = 0; i < SOTTO_AHEAD_MAX; i++) { /* past the end the guesses repeat what they have guessed */
        size_t from = after + (size_t)i;
        l->guesses[i] = from < n ? ids[from] : from == n ? next : l->guesses[from - n - 1];
    }
    int32_t k = worth(l->came_true[l->length], l->cost, SOTTO_MIN(most, (int32_t)SOTTO_AHEAD_MAX));
    l->n = SOTTO_MAX(k, 1);
    return k;
}

void sotto_lookup_see(sotto_lookup *l, int32_t token) {
    if (l->at >= l->n) return;
    bool    came = l->guesses[l->at] == token;
    double *share = &l->came_true[l->length];
    *share += ((came ? 1.0 : 0.0) - *share) / AVERAGE_OVER;
    if (came) l->at++;
    else l->n = 0;
}
