/* What can be known of a grammar before any text: which rules can be empty, that each can end, and an order of the
 * rules in which none is needed before its callers are known. All in time linear in the nodes. */
#include "grammar/rules.h"

#include <stdlib.h>

/* ---- reaching an end ----------------------------------------------------------------------------------- */

/* From which nodes on an END can be reached: `mark` of each node, found backwards from the ENDs. */
typedef struct reach {
    const sotto_grammar *g;
    bool                 empty; /* without a byte; else by any text */
    bool                *mark;  /* [n_nodes] */
    uint32_t            *queue; /* [n_nodes] */
    size_t               n_queue;
    uint32_t            *first, *after; /* [n_nodes], [3 * n_nodes]: the list of who waits for a node... */
} reach;

/* ... whose entry 3 * node + which says that `node` waits, for its next, its other way or the rule that it calls. */
static void wait_for(reach *r, uint32_t node, uint32_t which, uint32_t target) {
    uint32_t entry = 3 * node + which;
    r->after[entry] = r->first[target];
    r->first[target] = entry;
}

static void link_nodes(reach *r) {
    const sotto_grammar *g = r->g;
    memset(r->first, 0xff, g->n_nodes * sizeof *r->first);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const sotto_node *n = &g->nodes[i];
        if (n->kind == SOTTO_NODE_ACCEPT || n->kind == SOTTO_NODE_END) continue;
        wait_for(r, i, 0, n->next);
        if (n->kind == SOTTO_NODE_FORK && n->other != SOTTO_NODE_NONE) wait_for(r, i, 1, n->other);
        if (n->kind == SOTTO_NODE_CALL) wait_for(r, i, 2, g->rules[n->other].start);
    }
}

static bool reaches(const reach *r, const sotto_node *n) {
    switch ((sotto_node_kind)n->kind) {
    case SOTTO_NODE_ACCEPT: return false;
    case SOTTO_NODE_END: return true;
    case SOTTO_NODE_RANGE:
    case SOTTO_NODE_TOKEN: return !r->empty && r->mark[n->next];
    case SOTTO_NODE_FORK: return r->mark[n->next] || (n->other != SOTTO_NODE_NONE && r->mark[n->other]);
    case SOTTO_NODE_CALL: return r->mark[n->next] && r->mark[r->g->rules[n->other].start];
    }
    return false;
}

static void consider(reach *r, uint32_t node) {
    if (r->mark[node] || !reaches(r, &r->g->nodes[node])) return;
    r->mark[node] = true;
    r->queue[r->n_queue++] = node;
}

static void find_reach(reach *r, bool empty) {
    r->empty = empty;
    r->n_queue = 0;
    memset(r->mark, 0, r->g->n_nodes * sizeof *r->mark);
    for (uint32_t i = 0; i < r->g->n_nodes; i++)
        if (r->g->nodes[i].kind == SOTTO_NODE_END) consider(r, i);
    for (size_t done = 0; done < r->n_queue; done++)
        for (uint32_t e = r->first[r->queue[done]]; e != SOTTO_NODE_NONE; e = r->after[e]) consider(r, e / 3);
}

static sotto_status check_ends(sotto_grammar *g, sotto_error *err) {
    size_t       n = g->n_nodes;
    reach        r = {.g = g};
    sotto_status status = SOTTO_OK;
    r.mark = calloc(n, sizeof *r.mark);
    r.queue = calloc(n, sizeof *r.queue);
    r.first = calloc(n, sizeof *r.first);
    r.after = calloc(n, 3 * sizeof *r.after);
    if (r.mark && r.queue && r.first && r.after) {
        link_nodes(&r);
        find_reach(&r, true);
        for (size_t i = 0; i < g->n_rules; i++) g->rules[i].nullable = r.mark[g->rules[i].start];
        find_reach(&r, false);
        for (size_t i = 0; i < g->n_rules && status == SOTTO_OK; i++)
            if (!r.mark[g->rules[i].start])
                status = sotto_fail(err, SOTTO_INVALID,
                                    "the rule \"%.80s\" never ends: each of its ways needs one that never ends",
                                    g->rules[i].name.p);
    } else {
        status = sotto_fail_memory(err, "a grammar");
    }
    free(r.mark);
    free(r.queue);
    free(r.first);
    free(r.after);
    return status;
}

/* ---- order --------------------------------------------------------------------------------------------- */

/* A depth-first walk over the rules, along calls that no byte need come before. */
typedef struct walk {
    sotto_grammar *g;
    uint32_t      *seen;  /* [n_nodes] 1 + the rule in which a node was found */
    uint32_t      *nodes; /* [n_nodes] of one rule, still to be looked at */
    uint32_t      *calls; /* [n_nodes] the rules called, rule after rule... */
    uint32_t      *begin; /* [n_rules + 1] ... and where each one's begin */
    uint32_t      *stack; /* [n_rules] */
    uint32_t      *at;    /* [n_rules] the next call of a rule to be followed */
    uint8_t       *state; /* [n_rules] 0: not met, 1: on the stack, 2: done */
    uint32_t      *rank;  /* [n_rules] */
} walk;

/* The rules that rule r may call before it has taken a byte. */
static void find_calls(walk *w, uint32_t r, uint32_t *n_calls) {
    const sotto_grammar *g = w->g;
    size_t               n = 0;
    w->nodes[n++] = g->rules[r].start;
    w->seen[w->nodes[0]] = r + 1;
    while (n > 0) {
        const sotto_node *node = &g->nodes[w->nodes[--n]];
        uint32_t          ways[2] = {SOTTO_NODE_NONE, SOTTO_NODE_NONE};
        if (node->kind == SOTTO_NODE_FORK) ways[0] = node->next, ways[1] = node->other;
        if (node->kind == SOTTO_NODE_TOKEN) w->calls[(*n_calls)++] = g->tokens[node->other].rule;
        if (node->kind == SOTTO_NODE_CALL) {
            w->calls[(*n_calls)++] = node->other;
            if (g->rules[node->other].nullable) ways[0] = node->next;
        }
        for (int i = 0; i < 2; i++) {
            if (ways[i] == SOTTO_NODE_NONE || w->seen[ways[i]] == r + 1) continue;
            w->seen[ways[i]] = r + 1;
            w->nodes[n++] = ways[i];
        }
    }
}

/* Ranks in the reverse order of being done: callers before what they call. */
static sotto_status rank_from(walk *w, uint32_t first, uint32_t *n_left, sotto_error *err) {
    size_t depth = 0;
    if (w->state[first]) return SOTTO_OK;
    w->stack[depth++] = first;
    w->state[first] = 1;
    while (depth > 0) {
        uint32_t r = w->stack[depth - 1];
        if (w->at[r] == w->begin[r + 1]) {
            w->rank[r] = --*n_left;
            w->state[r] = 2;
            depth--;
            continue;
        }
        uint32_t called = w->calls[w->at[r]++];
        if (w->state[called] == 1)
            return sotto_fail(err, SOTTO_INVALID,
                              "the rule \"%.80s\" is left recursive: it can call itself again before any text; put "
                              "what it begins with first, or use * or +",
                              w->g->rules[called].name.p);
        if (w->state[called] == 2) continue;
        w->state[called] = 1;
        w->stack[depth++] = called;
    }
    return SOTTO_OK;
}

static void renumber(walk *w, sotto_rule *rules) {
    sotto_grammar *g = w->g;
    memcpy(rules, g->rules, g->n_rules * sizeof *rules);
    for (size_t i = 0; i < g->n_rules; i++) g->rules[w->rank[i]] = rules[i];
    for (size_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].kind == SOTTO_NODE_CALL) g->nodes[i].other = w->rank[g->nodes[i].other];
    for (size_t i = 0; i < g->n_tokens; i++) g->tokens[i].rule = w->rank[g->tokens[i].rule];
    g->root = w->rank[g->root];
}

static sotto_status check_order(sotto_grammar *g, sotto_error *err) {
    sotto_arena arena = {0};
    walk        w = {.g = g};
    uint32_t    n_calls = 0, n_left = (uint32_t)g->n_rules;
    w.seen = sotto_arena_array(&arena, g->n_nodes, sizeof *w.seen);
    w.nodes = sotto_arena_array(&arena, g->n_nodes, sizeof *w.nodes);
    w.calls = sotto_arena_array(&arena, g->n_nodes, sizeof *w.calls);
    w.begin = sotto_arena_array(&arena, g->n_rules + 1, sizeof *w.begin);
    w.stack = sotto_arena_array(&arena, g->n_rules, sizeof *w.stack);
    w.at = sotto_arena_array(&arena, g->n_rules, sizeof *w.at);
    w.state = sotto_arena_array(&arena, g->n_rules, sizeof *w.state);
    w.rank = sotto_arena_array(&arena, g->n_rules, sizeof *w.rank);
    sotto_rule  *rules = sotto_arena_array(&arena, g->n_rules, sizeof *rules);
    sotto_status status = SOTTO_OK;
    if (w.seen && w.nodes && w.calls && w.begin && w.stack && w.at && w.state && w.rank && rules) {
        for (uint32_t r = 0; r < g->n_rules; r++) {
            w.begin[r] = w.at[r] = n_calls;
            find_calls(&w, r, &n_calls);
        }
        w.begin[g->n_rules] = n_calls;
        for (uint32_t r = 0; r < g->n_rules && status == SOTTO_OK; r++) status = rank_from(&w, r, &n_left, err);
        if (status == SOTTO_OK) renumber(&w, rules);
    } else {
        status = sotto_fail_memory(err, "a grammar");
    }
    sotto_arena_free(&arena);
    return status;
}

sotto_status sotto_rules_check(sotto_grammar *g, sotto_error *err) {
    for (size_t i = 0; i < g->n_nodes; i++) { /* forks with one way are gone through now and not at each byte */
        uint32_t *to = &g->nodes[i].next;
        if (g->nodes[i].kind == SOTTO_NODE_END || g->nodes[i].kind == SOTTO_NODE_ACCEPT) continue;
        while (g->nodes[*to].kind == SOTTO_NODE_FORK && g->nodes[*to].other == SOTTO_NODE_NONE)
            *to = g->nodes[*to].next;
    }
    SOTTO_TRY(check_ends(g, err));
    return check_order(g, err);
}
