/* From GBNF text to graphs, in one pass.
 *
 * Nodes are laid down in the order of the text, each going on to the one after it, and forks are filled in when the
 * place that they lead to is known. What is repeated must be one node; a group or a text of several bytes therefore
 * begins with a fork that can be turned to jump over it, and becomes a nameless rule where a repetition follows. */
#include "grammar/rules.h"

#include <stdlib.h>

typedef struct parser {
    sotto_grammar *g;
    sotto_str      text;
    size_t         at;
    uint32_t       rule;    /* whose body is read */
    int            depth;   /* of parentheses */
    sotto_map      names;   /* -> rule */
    sotto_map      classes; /* ranges -> rule */
    sotto_map      tokens;  /* text -> token */
    size_t        *used;    /* [cap_rules of g] where a rule is first named */
    sotto_error   *err;
} parser;

/* ---- errors -------------------------------------------------------------------------------------------- */

static sotto_status at_place(parser *p, size_t at, sotto_status status) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        bool more = ((unsigned char)p->text.p[i] & 0xc0) == 0x80; /* columns are characters */
        line += p->text.p[i] == '\n';
        column = p->text.p[i] == '\n' ? 1 : column + !more;
    }
    return sotto_fail_prefix(p->err, status, "grammar, line %zu, column %zu", line, column);
}

#define FAIL_AT(p, at, ...) (sotto_fail((p)->err, SOTTO_INVALID, __VA_ARGS__), at_place(p, at, SOTTO_INVALID))
#define FAIL(p, ...) FAIL_AT(p, (p)->at, __VA_ARGS__)

static sotto_status fail_memory(parser *p) { return sotto_fail_memory(p->err, "a grammar"); }

/* ---- nodes and rules ----------------------------------------------------------------------------------- */

/* The array with room for one more; *cap in elements. NULL: out of memory, and the array is as it was. */
static void *grow(void *array, size_t n, size_t *cap, size_t size) {
    if (n < *cap) return array;
    size_t more = SOTTO_MAX(*cap * 2, (size_t)64), bytes;
    void  *moved = sotto_size_mul(more, size, &bytes) ? realloc(array, bytes) : NULL;
    if (moved) *cap = more;
    return moved;
}

static uint32_t here(const parser *p) { return (uint32_t)p->g->n_nodes; }

static sotto_status emit(parser *p, sotto_node node) {
    sotto_grammar *g = p->g;
    if (g->n_nodes == SOTTO_NODES_MAX) {
        sotto_fail(p->err, SOTTO_LIMIT, "the grammar grows too large here; ask for fewer repetitions");
        return at_place(p, p->at, SOTTO_LIMIT);
    }
    sotto_node *nodes = grow(g->nodes, g->n_nodes, &g->cap_nodes, sizeof *nodes);
    if (!nodes) return fail_memory(p);
    g->nodes = nodes;
    node.next = here(p) + 1;
    nodes[g->n_nodes++] = node;
    return SOTTO_OK;
}

static sotto_status emit_fork(parser *p) {
    return emit(p, (sotto_node){.kind = SOTTO_NODE_FORK, .other = SOTTO_NODE_NONE});
}
static sotto_status emit_range(parser *p, uint8_t lo, uint8_t hi) {
    return emit(p, (sotto_node){.kind = SOTTO_NODE_RANGE, .lo = lo, .hi = hi});
}
static sotto_status emit_end(parser *p) { return emit(p, (sotto_node){.kind = SOTTO_NODE_END}); }

/* Let a list of forks, linked by their next or their other ways, go on to here. */
static void land_next(parser *p, uint32_t list) {
    for (uint32_t after; list != SOTTO_NODE_NONE; list = after) {
        after = p->g->nodes[list].next;
        p->g->nodes[list].next = here(p);
    }
}
static void land_other(parser *p, uint32_t list) {
    for (uint32_t after; list != SOTTO_NODE_NONE; list = after) {
        after = p->g->nodes[list].other;
        p->g->nodes[list].other = here(p);
    }
}

static sotto_status add_rule(parser *p, uint32_t start, sotto_str name, uint32_t *out) {
    sotto_grammar *g = p->g;
    if (g->n_rules == SOTTO_RULES_MAX) {
        sotto_fail(p->err, SOTTO_LIMIT, "more than %d rules, those of repeated groups and classes included",
                   (int)SOTTO_RULES_MAX);
        return at_place(p, p->at, SOTTO_LIMIT);
    }
    size_t      cap = g->cap_rules;
    sotto_rule *rules = grow(g->rules, g->n_rules, &g->cap_rules, sizeof *rules);
    if (!rules) return fail_memory(p);
    g->rules = rules;
    if (g->cap_rules != cap) {
        size_t *used = realloc(p->used, g->cap_rules * sizeof *used);
        if (!used) {
            g->cap_rules = cap;
            return fail_memory(p);
        }
        p->used = used;
    }
    p->used[g->n_rules] = p->at;
    rules[g->n_rules] = (sotto_rule){.start = start, .name = name};
    *out = (uint32_t)g->n_rules++;
    return SOTTO_OK;
}

static sotto_str rule_name(const parser *p) { return p->g->rules[p->rule].name; }

/* ---- characters ---------------------------------------------------------------------------------------- */

static char peek(const parser *p) { return p->at < p->text.n ? p->text.p[p->at] : '\0'; }

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static void skip_space(parser *p, bool newlines) {
    for (; p->at < p->text.n; p->at++) {
        char c = peek(p);
        if (c == '#')
            while (p->at + 1 < p->text.n && p->text.p[p->at + 1] != '\n') p->at++;
        else if (c != ' ' && c != '\t' && !(newlines && (c == '\n' || c == '\r')))
            return;
    }
}

static int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The character at p->at, which is a backslash. */
static sotto_status read_escape(parser *p, uint32_t *cp) {
    static const char plain[] = "\\\"[]", from[] = "nrtxuU";
    size_t            start = p->at++;
    char              c = peek(p);
    p->at += c != '\0';
    *cp = (unsigned char)c;
    if (c && strchr(plain, c)) return SOTTO_OK;
    const char *which = c ? strchr(from, c) : NULL;
    if (!which)
        return FAIL_AT(p, start, "an unknown escape; \\n \\r \\t \\\\ \\\" \\[ \\] \\xNN \\uNNNN \\UNNNNNNNN exist");
    if (c == 'n' || c == 'r' || c == 't') {
        *cp = c == 'n' ? '\n' : c == 'r' ? '\r' : '\t';
        return SOTTO_OK;
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    *cp = 0;
    for (int i = 0; i < digits; i++, p->at++) {
        int value = hex_value(peek(p));
        if (value < 0) return FAIL_AT(p, start, "\\%c needs %d hexadecimal digits", c, digits);
        if (*cp >> 28) *cp = 0x110000 >> 4; /* too large, and stays so */
        *cp = *cp << 4 | (uint32_t)value;
    }
    if (*cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000)) return FAIL_AT(p, start, "the escape names no character");
    return SOTTO_OK;
}

static sotto_status read_char(parser *p, uint32_t *cp) {
    if (peek(p) == '\\') return read_escape(p, cp);
    p->at += sotto_utf8_decode(p->text.p + p->at, p->text.n - p->at, cp);
    return SOTTO_OK;
}

/* ---- classes ------------------------------------------------------------------------------------------- */

/* Characters lo to hi, all with UTF-8 of n bytes, as ways of byte ranges; *exits links the forks at their ends. Where
 * the last i bytes do not run through all their values, the range is cut until they do (Cox 2010, "Regular expression
 * matching in the wild"). */
static sotto_status emit_chars(parser *p, uint32_t lo, uint32_t hi, uint32_t *exits) {
    char a[4], b[4];
    for (int bits = 6; bits <= 18; bits += 6) {
        uint32_t low = (1u << bits) - 1;
        if (lo < 0x80 || (lo & ~low) == (hi & ~low)) break;
        uint32_t cut = lo & low ? (lo | low) + 1 : (hi & low) != low ? hi & ~low : lo;
        if (cut == lo) continue;
        SOTTO_TRY(emit_chars(p, lo, cut - 1, exits));
        return emit_chars(p, cut, hi, exits);
    }
    size_t   n = sotto_utf8_encode(lo, a);
    uint32_t fork = here(p);
    (void)sotto_utf8_encode(hi, b);
    SOTTO_TRY(emit_fork(p));
    for (size_t i = 0; i < n; i++) SOTTO_TRY(emit_range(p, (uint8_t)a[i], (uint8_t)b[i]));
    SOTTO_TRY(emit_fork(p));
    p->g->nodes[here(p) - 1].next = *exits;
    *exits = here(p) - 1;
    p->g->nodes[fork].other = here(p);
    return SOTTO_OK;
}

/* The body of a rule of these characters. After the last way comes an END that nothing leads to: the other way of the
 * last fork is taken back. */
static sotto_status emit_class_body(parser *p, const sotto_char_range *r, size_t n) {
    static const sotto_char_range lengths[] = {
        {0, 0x7f}, {0x80, 0x7ff}, {0x800, 0xd7ff}, {0xe000, 0xffff}, {0x10000, 0x10ffff}};
    uint32_t exits = SOTTO_NODE_NONE, start = here(p);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < SOTTO_COUNT(lengths); k++) {
            uint32_t lo = SOTTO_MAX(r[i].lo, lengths[k].lo), hi = SOTTO_MIN(r[i].hi, lengths[k].hi);
            if (lo <= hi) SOTTO_TRY(emit_chars(p, lo, hi, &exits));
        }
    for (uint32_t i = start; i < here(p); i++)
        if (p->g->nodes[i].kind == SOTTO_NODE_FORK && p->g->nodes[i].other == here(p))
            p->g->nodes[i].other = SOTTO_NODE_NONE;
    land_next(p, exits);
    return emit_end(p);
}

/* One node for a class: a range of bytes, or a call of the rule that all equal classes share. Where that rule is new it
 * is laid down here, and jumped over. */
static sotto_status emit_class(parser *p, const sotto_char_range *r, size_t n, uint32_t *start) {
    if (n == 1 && r->hi < 0x80) {
        *start = here(p);
        return emit_range(p, (uint8_t)r->lo, (uint8_t)r->hi);
    }
    sotto_str key = {(const char *)r, n * sizeof *r};
    int32_t   known = sotto_map_get(&p->classes, key);
    if (known < 0) {
        uint32_t jump = here(p), rule;
        SOTTO_TRY(emit_fork(p));
        SOTTO_TRY(emit_class_body(p, r, n));
        SOTTO_TRY(add_rule(p, jump + 1, rule_name(p), &rule));
        p->g->nodes[jump].next = here(p);
        known = (int32_t)rule;
        key.p = sotto_arena_text(&p->g->arena, key.p, key.n);
        if (!key.p || sotto_map_add(&p->classes, key, known) < 0) return fail_memory(p);
    }
    *start = here(p);
    return emit(p, (sotto_node){.kind = SOTTO_NODE_CALL, .other = (uint32_t)known});
}

static int compare_ranges(const void *a, const void *b) {
    uint32_t x = ((const sotto_char_range *)a)->lo, y = ((const sotto_char_range *)b)->lo;
    return (x > y) - (x < y);
}

size_t sotto_ranges_join(sotto_char_range *r, size_t n) {
    size_t kept = 0;
    if (n) qsort(r, n, sizeof *r, compare_ranges);
    for (size_t i = 0; i < n; i++) {
        if (kept && r[i].lo <= r[kept - 1].hi + 1)
            r[kept - 1].hi = SOTTO_MAX(r[kept - 1].hi, r[i].hi);
        else
            r[kept++] = r[i];
    }
    return kept;
}

/* Turn n joined ranges into all other characters, in place: there is room for one more. */
static size_t invert_ranges(sotto_char_range *r, size_t n) {
    uint32_t next = 0;
    size_t   kept = 0;
    for (size_t i = 0; i < n; i++) {
        sotto_char_range gap = {next, r[i].lo - 1};
        bool             empty = r[i].lo == next;
        next = r[i].hi + 1;
        if (!empty) r[kept++] = gap;
    }
    if (next <= 0x10ffff) r[kept++] = (sotto_char_range){next, 0x10ffff};
    return kept;
}

static sotto_status read_ranges(parser *p, size_t open, sotto_buf *ranges) {
    while (peek(p) != ']') {
        sotto_char_range r;
        if (p->at >= p->text.n) return FAIL_AT(p, open, "this [ has no ]");
        SOTTO_TRY(read_char(p, &r.lo));
        r.hi = r.lo;
        if (peek(p) == '-' && p->at + 1 < p->text.n && p->text.p[p->at + 1] != ']') {
            size_t dash = p->at++;
            SOTTO_TRY(read_char(p, &r.hi));
            if (r.hi < r.lo) return FAIL_AT(p, dash, "the range ends before it begins");
        }
        if (!sotto_buf_append(ranges, &r, sizeof r)) return fail_memory(p);
    }
    p->at++;
    return SOTTO_OK;
}

static sotto_status parse_class(parser *p, uint32_t *start) {
    sotto_buf    ranges = {0};
    size_t       open = p->at++, n;
    bool         negated = peek(p) == '^';
    sotto_status status;
    p->at += negated;
    status = read_ranges(p, open, &ranges);
    if (status == SOTTO_OK && !sotto_buf_reserve(&ranges, sizeof(sotto_char_range))) status = fail_memory(p);
    if (status == SOTTO_OK) {
        sotto_char_range *r = (sotto_char_range *)(void *)ranges.data;
        n = sotto_ranges_join(r, ranges.len / sizeof *r);
        if (negated) n = invert_ranges(r, n);
        status = n ? emit_class(p, r, n, start) : FAIL_AT(p, open, "the class has no characters");
    }
    sotto_buf_free(&ranges);
    return status;
}

/* ---- elements ------------------------------------------------------------------------------------------ */

static sotto_status parse_alternatives(parser *p);

static sotto_status parse_literal(parser *p) {
    size_t   open = p->at++;
    uint32_t start = here(p);
    SOTTO_TRY(emit_fork(p));
    while (peek(p) != '"') {
        uint32_t cp;
        char     utf8[4];
        if (p->at >= p->text.n) return FAIL_AT(p, open, "this text has no closing quote");
        SOTTO_TRY(read_char(p, &cp));
        size_t n = sotto_utf8_encode(cp, utf8);
        for (size_t i = 0; i < n; i++) SOTTO_TRY(emit_range(p, (uint8_t)utf8[i], (uint8_t)utf8[i]));
    }
    p->at++;
    if (here(p) != start + 2) return SOTTO_OK;
    p->g->nodes[start] = p->g->nodes[start + 1]; /* one byte needs no fork */
    p->g->nodes[start].next = start + 1;
    p->g->n_nodes--;
    return SOTTO_OK;
}

static sotto_status parse_group(parser *p) {
    size_t open = p->at++;
    if (++p->depth > SOTTO_NESTING_MAX) {
        sotto_fail(p->err, SOTTO_LIMIT, "more than %d groups in each other", (int)SOTTO_NESTING_MAX);
        return at_place(p, open, SOTTO_LIMIT);
    }
    SOTTO_TRY(emit_fork(p));
    SOTTO_TRY(parse_alternatives(p));
    if (peek(p) != ')') {
        if (p->at < p->text.n) return FAIL(p, "\"%c\" is out of place here", peek(p));
        return FAIL_AT(p, open, "this ( has no )");
    }
    p->at++;
    p->depth--;
    return SOTTO_OK;
}

/* A token, and its text as a nameless rule. */
static sotto_status add_token(parser *p, sotto_str text, uint32_t *out) {
    sotto_grammar       *g = p->g;
    uint32_t             jump = here(p), rule;
    sotto_terminal *tokens = grow(g->tokens, g->n_tokens, &g->cap_tokens, sizeof *tokens);
    if (!tokens) return fail_memory(p);
    g->tokens = tokens;
    SOTTO_TRY(emit_fork(p));
    for (size_t i = 0; i < text.n; i++) SOTTO_TRY(emit_range(p, (uint8_t)text.p[i], (uint8_t)text.p[i]));
    SOTTO_TRY(emit_end(p));
    SOTTO_TRY(add_rule(p, jump + 1, rule_name(p), &rule));
    g->nodes[jump].next = here(p);
    text.p = sotto_arena_text(&g->arena, text.p, text.n);
    *out = (uint32_t)g->n_tokens;
    if (!text.p || sotto_map_add(&p->tokens, text, (int32_t)*out) < 0) return fail_memory(p);
    tokens[g->n_tokens++] = (sotto_terminal){text, rule};
    return SOTTO_OK;
}

static sotto_status parse_token(parser *p, uint32_t *start) {
    const char *open = p->text.p + p->at, *close = memchr(open, '>', p->text.n - p->at);
    if (!close || memchr(open, '\n', (size_t)(close - open)))
        return FAIL(p, "this < has no > in its line; a token is written <its text>");
    sotto_str text = {open, (size_t)(close - open) + 1};
    int32_t   known = sotto_map_get(&p->tokens, text);
    uint32_t  token = (uint32_t)known;
    if (known < 0) SOTTO_TRY(add_token(p, text, &token));
    p->at += text.n;
    *start = here(p);
    return emit(p, (sotto_node){.kind = SOTTO_NODE_TOKEN, .other = token});
}

static sotto_status name_rule(parser *p, uint32_t *rule) {
    sotto_str name = {p->text.p + p->at, 0};
    while (name.n < p->text.n - p->at && is_name(name.p[name.n])) name.n++;
    int32_t known = sotto_map_get(&p->names, name);
    *rule = (uint32_t)known;
    if (known < 0) {
        name.p = sotto_arena_text(&p->g->arena, name.p, name.n);
        if (!name.p) return fail_memory(p);
        SOTTO_TRY(add_rule(p, SOTTO_NODE_NONE, name, rule));
        if (sotto_map_add(&p->names, name, (int32_t)*rule) < 0) return fail_memory(p);
    }
    p->at += name.n;
    return SOTTO_OK;
}

/* One element; *start is its first node. */
static sotto_status parse_element(parser *p, uint32_t *start) {
    static const sotto_char_range all = {0, 0x10ffff};
    uint32_t                      rule;
    *start = here(p);
    switch (peek(p)) {
    case '"': return parse_literal(p);
    case '(': return parse_group(p);
    case '[': return parse_class(p, start);
    case '<': return parse_token(p, start);
    case '!': return FAIL(p, "\"any token but\" (!) is not supported; name the tokens that may come");
    case '.': p->at++; return emit_class(p, &all, 1, start);
    default: break;
    }
    SOTTO_TRY(name_rule(p, &rule));
    return emit(p, (sotto_node){.kind = SOTTO_NODE_CALL, .other = rule});
}

/* ---- repetition ---------------------------------------------------------------------------------------- */

static sotto_status read_count(parser *p, uint32_t *count) {
    size_t start = p->at;
    *count = 0;
    for (; is_digit(peek(p)); p->at++) {
        *count = *count * 10 + (uint32_t)(peek(p) - '0');
        *count = SOTTO_MIN(*count, SOTTO_REPEAT_MAX + 1u);
    }
    if (p->at == start) return FAIL(p, "a number is expected in { }");
    if (*count > SOTTO_REPEAT_MAX) {
        sotto_fail(p->err, SOTTO_LIMIT, "at most %d repetitions are allowed", (int)SOTTO_REPEAT_MAX);
        return at_place(p, start, SOTTO_LIMIT);
    }
    skip_space(p, true);
    return SOTTO_OK;
}

/* What follows an element: * + ? {m} {m,n} {m,}. *most is UINT32_MAX without a limit. */
static sotto_status read_repetition(parser *p, uint32_t *least, uint32_t *most) {
    size_t start = p->at;
    char   c = peek(p);
    p->at++;
    *least = c == '+';
    *most = c == '?' ? 1 : UINT32_MAX;
    if (c != '{') return SOTTO_OK;
    skip_space(p, true);
    SOTTO_TRY(read_count(p, least));
    *most = *least;
    if (peek(p) == ',') {
        p->at++;
        skip_space(p, true);
        *most = UINT32_MAX;
        if (peek(p) != '}') SOTTO_TRY(read_count(p, most));
    }
    if (peek(p) != '}') return FAIL_AT(p, start, "this { has no }");
    p->at++;
    if (*most < *least) return FAIL_AT(p, start, "at most %u repetitions, but at least %u", *most, *least);
    return SOTTO_OK;
}

/* What was laid down from `start` on as one node, taken away from there: a call, where it was several. */
static sotto_status take_unit(parser *p, uint32_t start, sotto_node *unit) {
    if (here(p) == start + 1) {
        *unit = p->g->nodes[start];
        p->g->n_nodes--;
        return SOTTO_OK;
    }
    uint32_t rule;
    SOTTO_TRY(emit_end(p));
    SOTTO_TRY(add_rule(p, start + 1, rule_name(p), &rule));
    p->g->nodes[start].next = here(p);
    *unit = (sotto_node){.kind = SOTTO_NODE_CALL, .other = rule};
    return SOTTO_OK;
}

static sotto_status parse_repetition(parser *p, uint32_t start) {
    uint32_t   least, most, exits = SOTTO_NODE_NONE;
    sotto_node unit;
    SOTTO_TRY(read_repetition(p, &least, &most));
    SOTTO_TRY(take_unit(p, start, &unit));
    for (uint32_t i = 0; i < least; i++) SOTTO_TRY(emit(p, unit));
    bool loop = most == UINT32_MAX;
    for (uint32_t i = least; i < (loop ? least + 1 : most); i++) {
        uint32_t fork = here(p);
        SOTTO_TRY(emit_fork(p));
        p->g->nodes[fork].other = exits;
        exits = fork;
        SOTTO_TRY(emit(p, unit));
        if (loop) p->g->nodes[fork + 1].next = fork;
    }
    land_other(p, exits);
    return SOTTO_OK;
}

/* ---- rules --------------------------------------------------------------------------------------------- */

static bool begins_element(char c) { return c && (is_name(c) || strchr("\"([<!.", c)); }

static sotto_status parse_sequence(parser *p) {
    bool nested = p->depth > 0;
    while (begins_element(peek(p))) {
        uint32_t start;
        SOTTO_TRY(parse_element(p, &start));
        skip_space(p, nested);
        if (!peek(p) || !strchr("*+?{", peek(p))) continue;
        SOTTO_TRY(parse_repetition(p, start));
        skip_space(p, nested);
    }
    return SOTTO_OK;
}

static sotto_status parse_alternatives(parser *p) {
    uint32_t exits = SOTTO_NODE_NONE;
    for (;;) {
        uint32_t fork = here(p), jump;
        SOTTO_TRY(emit_fork(p));
        skip_space(p, true);
        SOTTO_TRY(parse_sequence(p));
        if (peek(p) != '|') break;
        p->at++;
        jump = here(p);
        SOTTO_TRY(emit_fork(p));
        p->g->nodes[jump].next = exits;
        exits = jump;
        p->g->nodes[fork].other = here(p);
    }
    land_next(p, exits);
    return SOTTO_OK;
}

static sotto_status parse_rule(parser *p) {
    size_t start = p->at;
    if (!is_name(peek(p))) return FAIL(p, "a rule is expected: name ::= body");
    SOTTO_TRY(name_rule(p, &p->rule));
    if (p->g->rules[p->rule].start != SOTTO_NODE_NONE)
        return FAIL_AT(p, start, "the rule \"%.80s\" is defined a second time", rule_name(p).p);
    skip_space(p, false);
    if (p->text.n - p->at < 3 || memcmp(p->text.p + p->at, "::=", 3) != 0)
        return FAIL(p, "::= is expected after the name of a rule");
    p->at += 3;
    p->g->rules[p->rule].start = here(p);
    SOTTO_TRY(parse_alternatives(p));
    SOTTO_TRY(emit_end(p));
    if (p->at < p->text.n && peek(p) != '\n' && peek(p) != '\r') {
        sotto_str rest = {p->text.p + p->at, p->text.n - p->at};
        uint32_t  cp;
        return FAIL(p, "\"%.*s\" is out of place here", (int)sotto_utf8_decode(rest.p, rest.n, &cp), rest.p);
    }
    return SOTTO_OK;
}

static sotto_status parse_all(parser *p) {
    if (!sotto_utf8_valid(p->text.p, p->text.n))
        return sotto_fail(p->err, SOTTO_INVALID, "the grammar is not valid UTF-8");
    SOTTO_TRY(emit(p, (sotto_node){.kind = SOTTO_NODE_ACCEPT}));
    for (skip_space(p, true); p->at < p->text.n; skip_space(p, true)) SOTTO_TRY(parse_rule(p));
    for (size_t i = 0; i < p->g->n_rules; i++)
        if (p->g->rules[i].start == SOTTO_NODE_NONE)
            return FAIL_AT(p, p->used[i], "there is no rule \"%.80s\"", p->g->rules[i].name.p);
    int32_t root = sotto_map_get(&p->names, sotto_str_from("root"));
    if (root < 0) return sotto_fail(p->err, SOTTO_INVALID, "the grammar has no rule \"root\", which is the answer");
    p->g->root = (uint32_t)root;
    return SOTTO_OK;
}

sotto_status sotto_gbnf_parse(sotto_grammar *g, sotto_str text, sotto_error *err) {
    parser       p = {.g = g, .text = text, .err = err};
    sotto_status status = parse_all(&p);
    sotto_map_free(&p.names);
    sotto_map_free(&p.classes);
    sotto_map_free(&p.tokens);
    free(p.used);
    return status;
}

bool sotto_gbnf_literal(sotto_str text, sotto_buf *out) {
    sotto_buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20 || c == 0x7f)
            sotto_buf_printf(out, "\\x%02X", c);
        else if (c == '"' || c == '\\')
            sotto_buf_printf(out, "\\%c", c);
        else
            sotto_buf_putc(out, (char)c);
    }
    return sotto_buf_putc(out, '"');
}
