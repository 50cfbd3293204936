/* Following a text through a grammar, byte by byte.
 *
 * A place is a set of items, each a node that can take what comes next and the set of items to go on with when its rule
 * ends. All that call a rule at one place share one such set, and a set that was met before is the same one, so that
 * places of an ambiguous grammar do not multiply: it is the graph-structured stack of Tomita 1985, written as sets. A
 * call at the end of a rule hands on what the rule itself would go on with, so that repetition by recursion does not
 * deepen it.
 *
 * From a place and a byte the next place follows, which is remembered: what is walked often becomes a table look-up.
 * Memory is taken at once; sets that nothing needs any more are swept out when it runs low. */
#include "grammar/rules.h"

#include <stdlib.h>

/* An item is node << 32 | set: sets are kept sorted, and compared whole. */
typedef uint64_t item;
typedef uint32_t place; /* the number of a set */

/* Of how many entries the memory is. A fourth of items and sets must be free before a step, which hardly needs more:
 * a place has rarely more items than the grammar has nodes. */
enum { SETS_MAX = 1 << 16, ITEMS_MIN = 1 << 17, MOVES = 1 << 15 };

enum { DEAD }; /* the empty set */

typedef struct set {
    uint32_t begin, n; /* in items */
} set;

typedef struct move {
    place   from, to;
    uint8_t byte;
} move;

typedef struct call {
    item     back; /* where it goes on after the rule */
    uint32_t next; /* call of the same rule + 1 */
} call;

struct sotto_matcher {
    const sotto_grammar *g;
    bool                 as_text;
    bool                 full, overflowed; /* in this step; since the last place was kept */
    item                *items; /* [cap_items] of all sets */
    set                 *sets;  /* [SETS_MAX]; a set's items name only sets before it */
    uint32_t            *index; /* [2 * SETS_MAX] by hash, 0: empty */
    move                *moves; /* [MOVES] a cache, by hash; from is 0 where empty */
    size_t               n_items, cap_items, n_sets;
    size_t               n_swept; /* sets that the last sweep left */
    /* of one step */
    item     *work;   /* [cap_work] all items met, in the order in which they were */
    uint32_t *met;    /* [cap_met] their numbers + 1 by hash */
    call     *calls;  /* [cap_work] */
    item     *sorted; /* [cap_work] a set in the making */
    uint32_t *called; /* [n_rules] call + 1 */
    uint64_t *due;    /* [n_rules / 64 + 1] rules that were called and not yet entered */
    size_t    n_work, cap_work, cap_met, n_calls, n_sorted;
    size_t    due_from; /* no rule before it is due */
    uint32_t *keep;     /* [SETS_MAX] new numbers, while sweeping */
    /* */
    place *path; /* [max_path + 1] */
    size_t depth, max_path;
};

static uint32_t node_of(item i) { return (uint32_t)(i >> 32); }
static place    set_of(item i) { return (place)i; }
static item     item_of(uint32_t node, place s) { return (item)node << 32 | s; }
static uint32_t mix(uint64_t x) { return (uint32_t)((x ^ x >> 29) * 0xbf58476d1ce4e5b9u >> 32); }

/* ---- sets ---------------------------------------------------------------------------------------------- */

static uint32_t *slot_of(const sotto_matcher *m, const item *items, size_t n) {
    size_t mask = 2 * SETS_MAX - 1, at = (size_t)sotto_hash(items, n * sizeof *items, 0) & mask;
    for (; m->index[at]; at = (at + 1) & mask) {
        const set *s = &m->sets[m->index[at]];
        if (s->n == n && memcmp(m->items + s->begin, items, n * sizeof *items) == 0) break;
    }
    return &m->index[at];
}

/* Shell sort (Shell 1959) with the gaps of Ciura 2001: sets are short, and qsort may allocate. */
static void sort_items(item *items, size_t n) {
    static const size_t gaps[] = {40423, 17965, 7985, 3549, 1577, 701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t k = 0; k < SOTTO_COUNT(gaps); k++)
        for (size_t i = gaps[k]; i < n; i++) {
            item   moved = items[i];
            size_t at = i;
            for (; at >= gaps[k] && items[at - gaps[k]] > moved; at -= gaps[k]) items[at] = items[at - gaps[k]];
            items[at] = moved;
        }
}

static place overflow(sotto_matcher *m) {
    m->full = m->overflowed = true;
    return DEAD;
}

/* The set of what was gathered in `sorted`. */
static place intern(sotto_matcher *m) {
    size_t n = 0;
    sort_items(m->sorted, m->n_sorted);
    for (size_t i = 0; i < m->n_sorted; i++)
        if (!n || m->sorted[i] != m->sorted[n - 1]) m->sorted[n++] = m->sorted[i];
    if (n == 0) return DEAD;
    uint32_t *slot = slot_of(m, m->sorted, n);
    if (*slot) return *slot;
    if (m->n_sets == SETS_MAX || n > m->cap_items - m->n_items) return overflow(m);
    memcpy(m->items + m->n_items, m->sorted, n * sizeof *m->items);
    m->sets[m->n_sets] = (set){(uint32_t)m->n_items, (uint32_t)n};
    m->n_items += n;
    return *slot = (place)m->n_sets++;
}

/* Keep only the sets that the path needs, in their order, under new numbers. As items name sets before their own,
 * one pass down finds them and one pass up moves them. */
static void sweep(sotto_matcher *m) {
    size_t n_sets = m->n_sets;
    memset(m->keep, 0, n_sets * sizeof *m->keep);
    memset(m->index, 0, 2 * SETS_MAX * sizeof *m->index);
    memset(m->moves, 0, MOVES * sizeof *m->moves);
    m->keep[DEAD] = 1;
    for (size_t i = 0; i <= m->depth; i++) m->keep[m->path[i]] = 1;
    for (size_t s = n_sets; s-- > 0;)
        for (size_t i = 0; m->keep[s] && i < m->sets[s].n; i++) m->keep[set_of(m->items[m->sets[s].begin + i])] = 1;
    m->n_sets = m->n_items = 0;
    for (size_t s = 0; s < n_sets; s++) {
        if (!m->keep[s]) continue;
        set   old = m->sets[s];
        item *to = m->items + m->n_items;
        for (size_t i = 0; i < old.n; i++) {
            item it = m->items[old.begin + i];
            to[i] = item_of(node_of(it), m->keep[set_of(it)]); /* order is kept: new numbers rise with the old */
        }
        m->keep[s] = (place)m->n_sets;
        if (old.n) *slot_of(m, to, old.n) = (place)m->n_sets;
        m->sets[m->n_sets++] = (set){(uint32_t)m->n_items, old.n};
        m->n_items += old.n;
    }
    for (size_t i = 0; i <= m->depth; i++) m->path[i] = m->keep[m->path[i]];
    m->n_swept = m->n_sets;
}

static bool has_room(const sotto_matcher *m) {
    return m->n_sets < SETS_MAX / 4 * 3 && m->n_items < m->cap_items / 4 * 3;
}

/* ---- a step -------------------------------------------------------------------------------------------- */

static void begin_step(sotto_matcher *m) {
    m->n_work = m->n_calls = m->n_sorted = 0;
    m->due_from = m->g->n_rules;
    m->full = false;
}

/* Note an item that the step reaches, unless it was. */
static void reach(sotto_matcher *m, item it) {
    size_t mask = m->cap_met - 1, at = mix(it) & mask;
    for (; m->met[at]; at = (at + 1) & mask)
        if (m->work[m->met[at] - 1] == it) return;
    if (m->n_work == m->cap_work) {
        (void)overflow(m);
        return;
    }
    m->work[m->n_work++] = it;
    m->met[at] = (uint32_t)m->n_work;
}

static void end_step(sotto_matcher *m) {
    for (size_t i = 0, mask = m->cap_met - 1; i < m->n_work; i++) { /* empties the table without going all over it */
        size_t at = mix(m->work[i]) & mask;
        while (m->met[at]) m->met[at] = 0, at = (at + 1) & mask;
    }
}

static void add_call(sotto_matcher *m, uint32_t rule, item back) {
    if (m->n_calls == m->cap_work) {
        (void)overflow(m);
        return;
    }
    uint64_t bit = (uint64_t)1 << rule % 64;
    bool     due = m->due[rule / 64] & bit;
    m->calls[m->n_calls++] = (call){back, due ? m->called[rule] : 0};
    m->called[rule] = (uint32_t)m->n_calls;
    m->due[rule / 64] |= bit;
    m->due_from = SOTTO_MIN(m->due_from, rule);
}

/* Go from the items from number `at` on through all that takes no byte. An END goes on with its set only where `ends`
 * says so: a rule that was entered in this very step is empty when it ends, and its callers have gone past it already.
 * So no set is left while it may still grow. */
static void spread(sotto_matcher *m, size_t at, bool ends) {
    const sotto_grammar *g = m->g;
    for (; at < m->n_work; at++) {
        item              it = m->work[at];
        const sotto_node *n = &g->nodes[node_of(it)];
        place             s = set_of(it);
        if (n->kind == SOTTO_NODE_FORK) {
            reach(m, item_of(n->next, s));
            if (n->other != SOTTO_NODE_NONE) reach(m, item_of(n->other, s));
        } else if (n->kind == SOTTO_NODE_CALL) {
            add_call(m, n->other, item_of(n->next, s));
            if (g->rules[n->other].nullable) reach(m, item_of(n->next, s));
        } else if (n->kind == SOTTO_NODE_TOKEN && m->as_text) {
            add_call(m, g->tokens[n->other].rule, item_of(n->next, s));
        } else if (n->kind == SOTTO_NODE_END && ends) {
            for (size_t i = 0; i < m->sets[s].n; i++) reach(m, m->items[m->sets[s].begin + i]);
        }
    }
}

/* Enter a rule: its callers are what it goes on with. */
static void enter(sotto_matcher *m, uint32_t rule) {
    m->n_sorted = 0;
    for (uint32_t c = m->called[rule]; c; c = m->calls[c - 1].next) {
        item   back = m->calls[c - 1].back;
        set    s = m->sets[set_of(back)];
        bool   last = m->g->nodes[node_of(back)].kind == SOTTO_NODE_END;
        size_t n = last ? s.n : 1;
        if (n > m->cap_work - m->n_sorted) {
            (void)overflow(m);
            return;
        }
        memcpy(m->sorted + m->n_sorted, last ? m->items + s.begin : &back, n * sizeof back);
        m->n_sorted += n;
    }
    place  callers = intern(m);
    size_t at = m->n_work;
    reach(m, item_of(m->g->rules[rule].start, callers));
    spread(m, at, false);
}

/* The place that the items noted so far lead to. Rules are entered in their order, so that a rule is entered once, when
 * all that call it here have done so. */
static place finish_step(sotto_matcher *m) {
    spread(m, 0, true);
    for (size_t w = m->due_from / 64; w <= m->g->n_rules / 64; w++)
        while (m->due[w]) {
            uint32_t bit = 0;
            while (!(m->due[w] >> bit & 1)) bit++;
            m->due[w] &= m->due[w] - 1;
            if (!m->full) enter(m, (uint32_t)(64 * w + bit));
        }
    m->n_sorted = 0;
    for (size_t i = 0; i < m->n_work; i++) {
        uint8_t kind = m->g->nodes[node_of(m->work[i])].kind;
        if (kind == SOTTO_NODE_ACCEPT || kind == SOTTO_NODE_RANGE || (kind == SOTTO_NODE_TOKEN && !m->as_text))
            m->sorted[m->n_sorted++] = m->work[i];
    }
    end_step(m);
    return m->full ? DEAD : intern(m);
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static bool allocate(sotto_matcher *m) {
    size_t n_rules = m->g->n_rules;
    m->cap_work = 4 * m->g->n_nodes + 4096;
    m->cap_items = ITEMS_MIN + 4 * m->cap_work;
    m->cap_met = 8192;
    while (m->cap_met < 2 * m->cap_work) m->cap_met *= 2;
    m->items = calloc(m->cap_items, sizeof *m->items);
    m->sets = calloc(SETS_MAX, sizeof *m->sets);
    m->index = calloc(2 * SETS_MAX, sizeof *m->index);
    m->moves = calloc(MOVES, sizeof *m->moves);
    m->work = calloc(m->cap_work, sizeof *m->work);
    m->met = calloc(m->cap_met, sizeof *m->met);
    m->calls = calloc(m->cap_work, sizeof *m->calls);
    m->sorted = calloc(m->cap_work, sizeof *m->sorted);
    m->keep = calloc(SETS_MAX, sizeof *m->keep);
    m->called = calloc(n_rules, sizeof *m->called);
    m->due = calloc(n_rules / 64 + 1, sizeof *m->due);
    m->path = calloc(m->max_path + 1, sizeof *m->path);
    return m->items && m->sets && m->index && m->moves && m->work && m->met && m->calls && m->sorted && m->keep &&
           m->called && m->due && m->path;
}

sotto_status sotto_matcher_open(sotto_matcher **out, const sotto_grammar *g, size_t max_path, bool as_text,
                                sotto_error *err) {
    sotto_matcher *m = calloc(1, sizeof *m);
    if (!m) return sotto_fail_memory(err, "a grammar's matcher");
    m->g = g;
    m->as_text = as_text;
    m->max_path = max_path;
    if (!allocate(m)) {
        sotto_matcher_close(m);
        return sotto_fail_memory(err, "a grammar's matcher");
    }
    m->n_sets = 1; /* DEAD */
    begin_step(m);
    add_call(m, g->root, item_of(0, DEAD)); /* after it node 0 accepts */
    if (g->rules[g->root].nullable) reach(m, item_of(0, DEAD));
    m->path[0] = finish_step(m);
    if (m->full) {
        sotto_matcher_close(m);
        return sotto_fail(err, SOTTO_LIMIT, "the grammar has too many ways to begin");
    }
    *out = m;
    return SOTTO_OK;
}

void sotto_matcher_close(sotto_matcher *m) {
    if (!m) return;
    free(m->items);
    free(m->sets);
    free(m->index);
    free(m->moves);
    free(m->work);
    free(m->met);
    free(m->calls);
    free(m->sorted);
    free(m->keep);
    free(m->called);
    free(m->due);
    free(m->path);
    free(m);
}

/* ---- moving -------------------------------------------------------------------------------------------- */

/* Go where the items of the current place lead that are of this kind and take `what`. */
static place step(sotto_matcher *m, sotto_node_kind kind, uint32_t what) {
    if (!has_room(m) && m->n_sets != m->n_swept) sweep(m);
    if (!has_room(m)) return overflow(m);
    set s = m->sets[m->path[m->depth]];
    begin_step(m);
    for (size_t i = 0; i < s.n; i++) {
        item              it = m->items[s.begin + i];
        const sotto_node *n = &m->g->nodes[node_of(it)];
        if (n->kind != kind) continue;
        if (kind == SOTTO_NODE_RANGE ? what >= n->lo && what <= n->hi : what == n->other)
            reach(m, item_of(n->next, set_of(it)));
    }
    return finish_step(m);
}

static bool push(sotto_matcher *m, place to) {
    if (to == DEAD) return false;
    m->path[++m->depth] = to;
    return true;
}

bool sotto_matcher_push(sotto_matcher *m, uint8_t byte) {
    if (m->depth == m->max_path) return false;
    place from = m->path[m->depth];
    move *known = &m->moves[mix((uint64_t)from << 8 | byte) % MOVES];
    if (known->from == from && known->byte == byte) return push(m, known->to);
    place to = step(m, SOTTO_NODE_RANGE, byte);
    if (m->full) return false;
    from = m->path[m->depth]; /* sweeping renumbers */
    m->moves[mix((uint64_t)from << 8 | byte) % MOVES] = (move){from, to, byte};
    return push(m, to);
}

bool sotto_matcher_push_token(sotto_matcher *m, uint32_t token) {
    if (m->depth == m->max_path || m->as_text) return false;
    return push(m, step(m, SOTTO_NODE_TOKEN, token));
}

size_t sotto_matcher_depth(const sotto_matcher *m) { return m->depth; }
void   sotto_matcher_pop(sotto_matcher *m, size_t depth) { m->depth = SOTTO_MIN(depth, m->depth); }

void sotto_matcher_keep(sotto_matcher *m) {
    m->path[0] = m->path[m->depth];
    m->depth = 0;
    m->overflowed = false;
}

bool sotto_matcher_complete(const sotto_matcher *m) {
    return node_of(m->items[m->sets[m->path[m->depth]].begin]) == 0; /* sorted: ACCEPT comes first */
}

bool sotto_matcher_ends(const sotto_matcher *m) {
    return sotto_matcher_complete(m) && m->sets[m->path[m->depth]].n == 1;
}

bool sotto_matcher_overflowed(const sotto_matcher *m) { return m->overflowed; }
