/* The rules of a grammar as graphs. Internal.
 *
 * A rule is a graph of nodes from its start to an END. A node takes a byte in a range, calls a rule, takes a token,
 * or is a fork that takes nothing. Characters are their UTF-8 bytes here, so that a text may be cut anywhere. */
#ifndef SOTTO_GRAMMAR_RULES_H
#define SOTTO_GRAMMAR_RULES_H

#include "grammar/grammar.h"

/* Limits of what a grammar may ask for. 1 MiB and 64k rules are the public header's; a node takes 12 bytes. */
enum {
    SOTTO_GBNF_BYTES_MAX = 1 << 20, SOTTO_RULES_MAX = 1 << 16, SOTTO_NODES_MAX = 1 << 20, SOTTO_NESTING_MAX = 200,
    SOTTO_REPEAT_MAX = 100000
};

typedef enum sotto_node_kind {
    SOTTO_NODE_ACCEPT, /* node 0: the end of the whole text */
    SOTTO_NODE_END,    /* of a rule */
    SOTTO_NODE_RANGE,  /* a byte from lo to hi */
    SOTTO_NODE_FORK,   /* nothing: on to next, or to other unless that is NONE */
    SOTTO_NODE_CALL,   /* rule number `other` */
    SOTTO_NODE_TOKEN,  /* token number `other` */
} sotto_node_kind;

#define SOTTO_NODE_NONE UINT32_MAX

typedef struct sotto_node {
    uint8_t  kind, lo, hi;
    uint32_t next, other;
} sotto_node;

typedef struct sotto_rule {
    uint32_t  start;
    bool      nullable; /* the empty text is one of its texts */
    sotto_str name;     /* of a nameless one: of the rule that it is written in */
} sotto_rule;

typedef struct sotto_terminal {
    sotto_str text;
    uint32_t  rule; /* its text as a rule */
} sotto_terminal;

/* The rules are in an order in which a rule stands before all those that it may call before it has taken a byte. */
struct sotto_grammar {
    sotto_arena          arena;
    sotto_node          *nodes;
    sotto_rule          *rules;
    sotto_terminal *tokens;
    size_t               n_nodes, cap_nodes, n_rules, cap_rules, n_tokens, cap_tokens;
    uint32_t             root;
};

/* Fill an empty grammar from a GBNF text. */
sotto_status sotto_gbnf_parse(sotto_grammar *g, sotto_str text, sotto_error *err);
/* What can be known before any text: refuses rules that never end and endless left recursion; orders the rules. */
sotto_status sotto_rules_check(sotto_grammar *g, sotto_error *err);

/* Characters lo to hi. */
typedef struct sotto_char_range {
    uint32_t lo, hi;
} sotto_char_range;
/* Sort ranges and join those that touch, in place; the new count. */
size_t sotto_ranges_join(sotto_char_range *r, size_t n);

#endif
