/* From regular expressions, as in ECMA-262, to GBNF over the characters of JSON strings: a quote is \" there.
 *
 * An expression finds its text anywhere; so any characters may stand before and after it but where ^ and $ forbid it.
 * These may stand at the ends of the whole and of its outermost alternatives, which is where they say something that a
 * grammar can say. */
#include "grammar/schema.h"

#include <stdlib.h>

enum { GROUPS_MAX = 50 };

typedef struct reader {
    sotto_str   text;
    size_t      at;
    sotto_buf  *out;
    const char *any; /* the rule of any character of a string */
    const char *why; /* set where reading fails */
    int         depth;
} reader;

static bool fail(reader *r, const char *why) {
    r->why = why;
    return false;
}

static char peek(const reader *r) { return r->at < r->text.n ? r->text.p[r->at] : '\0'; }
static char peek_next(const reader *r) { return r->at + 1 < r->text.n ? r->text.p[r->at + 1] : '\0'; }

/* ---- sets of characters -------------------------------------------------------------------------------- */

enum { RANGES_MAX = 256 };

typedef struct char_set {
    sotto_char_range range[RANGES_MAX + 2];
    size_t           n;
} char_set;

static bool add_range(reader *r, char_set *s, uint32_t lo, uint32_t hi) {
    if (s->n == RANGES_MAX) return fail(r, "a class of the regular expression has too many parts");
    s->range[s->n++] = (sotto_char_range){lo, hi};
    return true;
}

static void invert(char_set *s) {
    char_set rest = {.n = 0};
    uint32_t next = 0;
    s->n = sotto_ranges_join(s->range, s->n);
    for (size_t i = 0; i < s->n; next = s->range[i++].hi + 1)
        if (s->range[i].lo > next) rest.range[rest.n++] = (sotto_char_range){next, s->range[i].lo - 1};
    if (next <= 0x10ffff) rest.range[rest.n++] = (sotto_char_range){next, 0x10ffff};
    *s = rest;
}

static bool has(const char_set *s, uint32_t cp) {
    for (size_t i = 0; i < s->n; i++)
        if (cp >= s->range[i].lo && cp <= s->range[i].hi) return true;
    return false;
}

/* The classes of ECMA-262, 22.2.2.9: \d, \w, \s, and their complements in capitals. */
static bool add_named(reader *r, char_set *s, char name) {
    static const sotto_char_range digit[] = {{'0', '9'}}, word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
                                  space[] = {{'\t', '\r'}, {' ', ' '}, {0xa0, 0xa0}, {0x1680, 0x1680},
                                             {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
                                             {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
    char_set one = {.n = 0};
    char     small = (char)(name | 0x20);
    if (small == 'd') memcpy(one.range, digit, sizeof digit), one.n = SOTTO_COUNT(digit);
    if (small == 'w') memcpy(one.range, word, sizeof word), one.n = SOTTO_COUNT(word);
    if (small == 's') memcpy(one.range, space, sizeof space), one.n = SOTTO_COUNT(space);
    if (name != small) invert(&one);
    for (size_t i = 0; i < one.n; i++)
        if (!add_range(r, s, one.range[i].lo, one.range[i].hi)) return false;
    return true;
}

/* Append a set as an element: the characters that JSON writes as they are, and the escapes of others. */
static bool append_set(reader *r, const char_set *s) {
    static const struct { char c; const char *escape; } escapes[] = {
        {'"', "\\\\\\\""}, {'\\', "\\\\\\\\"}, {'\b', "\\\\b"}, {'\f', "\\\\f"}, {'\n', "\\\\n"}, {'\r', "\\\\r"},
        {'\t', "\\\\t"}};
    static const sotto_char_range plain[] = {{0x20, 0x21}, {0x23, 0x5b}, {0x5d, 0xd7ff}, {0xe000, 0x10ffff}};
    const char                   *between = "(";
    bool                          open = false;
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < SOTTO_COUNT(plain); k++) {
            uint32_t lo = SOTTO_MAX(s->range[i].lo, plain[k].lo), hi = SOTTO_MIN(s->range[i].hi, plain[k].hi);
            if (lo > hi) continue;
            sotto_buf_printf(r->out, "%s\\U%08X-\\U%08X", open ? "" : "([", lo, hi);
            open = true;
        }
    if (open) sotto_buf_puts(r->out, "]"), between = " | ";
    for (size_t i = 0; i < SOTTO_COUNT(escapes); i++) {
        if (!has(s, (uint32_t)escapes[i].c)) continue;
        sotto_buf_printf(r->out, "%s\"%s\"", between, escapes[i].escape);
        between = " | ";
    }
    if (*between == '(') return fail(r, "the regular expression has a class without characters that JSON can hold");
    return sotto_buf_putc(r->out, ')');
}

/* ---- escapes and classes ------------------------------------------------------------------------------- */

static bool read_hex(reader *r, int n, uint32_t *cp) {
    *cp = 0;
    for (int i = 0; i < n; i++, r->at++) {
        char        c = peek(r);
        const char *hex = "0123456789abcdef", *digit = c ? strchr(hex, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;
        if (!digit) return fail(r, "the regular expression has an escape with too few hexadecimal digits");
        *cp = *cp << 4 | (uint32_t)(digit - hex);
    }
    return *cp < 0xd800 || *cp >= 0xe000 || fail(r, "the regular expression names half of a surrogate pair");
}

/* What follows a backslash: a character, added to the set as *cp too, or a class, where *cp becomes UINT32_MAX. */
static bool read_escape(reader *r, char_set *s, uint32_t *cp) {
    static const char from[] = "tnrfv0", to[] = "\t\n\r\f\v";
    char              c = peek(r);
    *cp = UINT32_MAX;
    if (c && strchr("dDwWsS", c)) return r->at++, add_named(r, s, c);
    if (c == 'x' || c == 'u') {
        r->at++;
        return read_hex(r, c == 'x' ? 2 : 4, cp) && add_range(r, s, *cp, *cp);
    }
    const char *known = c ? strchr(from, c) : NULL;
    if (known) {
        *cp = (unsigned char)to[known - from];
    } else if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || !c) {
        return fail(r, "the regular expression has an escape that a grammar cannot follow (\\b, \\1, \\p ...)");
    } else {
        r->at += sotto_utf8_decode(r->text.p + r->at, r->text.n - r->at, cp);
        return add_range(r, s, *cp, *cp);
    }
    r->at++;
    return add_range(r, s, *cp, *cp);
}

static bool read_class_char(reader *r, char_set *s, uint32_t *cp) {
    if (peek(r) == '\\') return r->at++, read_escape(r, s, cp);
    r->at += sotto_utf8_decode(r->text.p + r->at, r->text.n - r->at, cp);
    return add_range(r, s, *cp, *cp);
}

static bool read_class(reader *r) {
    char_set s = {.n = 0};
    uint32_t lo, hi;
    r->at++;
    bool negated = peek(r) == '^';
    r->at += negated;
    while (peek(r) != ']') {
        if (r->at >= r->text.n) return fail(r, "the regular expression has a [ without ]");
        if (!read_class_char(r, &s, &lo)) return false;
        if (peek(r) != '-' || peek_next(r) == ']' || lo == UINT32_MAX) continue;
        r->at++;
        if (r->at >= r->text.n) return fail(r, "the regular expression has a [ without ]");
        if (!read_class_char(r, &s, &hi)) return false;
        if (hi == UINT32_MAX || hi < lo) return fail(r, "the regular expression has a range without an end after it");
        if (!add_range(r, &s, lo, hi)) return false;
    }
    r->at++;
    if (negated) invert(&s);
    return append_set(r, &s);
}

/* ---- expressions --------------------------------------------------------------------------------------- */

static bool read_alternatives(reader *r, bool outermost);

static bool read_group(reader *r) {
    r->at++;
    if (peek(r) == '?') {
        r->at++;
        bool name = peek(r) == '<' && peek_next(r) != '=' && peek_next(r) != '!';
        if (name)
            while (r->at < r->text.n && peek(r) != '>') r->at++;
        else if (peek(r) != ':')
            return fail(r, "the regular expression looks ahead or behind, which a grammar cannot");
        r->at++;
    }
    if (++r->depth > GROUPS_MAX) return fail(r, "the regular expression has too many groups in each other");
    sotto_buf_putc(r->out, '(');
    if (!read_alternatives(r, false)) return false;
    if (peek(r) != ')') return fail(r, "the regular expression has a ( without )");
    r->at++;
    r->depth--;
    return sotto_buf_putc(r->out, ')');
}

static bool read_atom(reader *r) {
    static const sotto_char_range line_ends[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
    char_set                      s = {.n = 0};
    uint32_t                      cp;
    switch (peek(r)) {
    case '(': return read_group(r);
    case '[': return read_class(r);
    case '^':
    case '$': return fail(r, "the regular expression has ^ or $ inside of one of its outermost alternatives");
    case '*':
    case '+':
    case '?': return fail(r, "the regular expression repeats nothing");
    case '.':
        memcpy(s.range, line_ends, sizeof line_ends);
        s.n = SOTTO_COUNT(line_ends);
        invert(&s);
        r->at++;
        return append_set(r, &s);
    default: break;
    }
    if (!read_class_char(r, &s, &cp)) return false;
    s.n = sotto_ranges_join(s.range, s.n);
    return append_set(r, &s);
}

/* {m}, {m,} or {m,n} at r->at: its length; 0: the { is a character. */
static size_t counted(const reader *r) {
    size_t at = r->at + 1, digits = 0;
    for (; at < r->text.n && r->text.p[at] >= '0' && r->text.p[at] <= '9'; at++) digits++;
    if (digits && at < r->text.n && r->text.p[at] == ',')
        for (at++; at < r->text.n && r->text.p[at] >= '0' && r->text.p[at] <= '9';) at++;
    return digits && at < r->text.n && r->text.p[at] == '}' ? at + 1 - r->at : 0;
}

static bool read_repetition(reader *r) {
    char   c = peek(r);
    size_t n = c == '{' ? counted(r) : c && strchr("*+?", c) ? 1 : 0;
    if (n == 0) return true;
    if (c == '{') { /* the text is NUL-terminated, and strtoul stops at what is no digit */
        char         *end;
        unsigned long least = strtoul(r->text.p + r->at + 1, &end, 10), most = least;
        if (*end == ',' && end[1] != '}') most = strtoul(end + 1, NULL, 10);
        if (most < least || most > SOTTO_REPEAT_MAX)
            return fail(r, "the regular expression has a repetition that ends before it begins, or is too long");
    }
    sotto_buf_append(r->out, r->text.p + r->at, n);
    r->at += n;
    if (peek(r) == '?') r->at++; /* lazy: finds the same texts */
    c = peek(r);
    bool again = (c && strchr("*+?", c)) || (c == '{' && counted(r));
    return !again || fail(r, "the regular expression repeats a repetition");
}

static bool read_alternatives(reader *r, bool outermost) {
    for (;;) {
        bool begins = outermost && peek(r) == '^', ends = false;
        r->at += begins;
        if (outermost && !begins) sotto_buf_printf(r->out, "%s* ", r->any);
        while (r->at < r->text.n && peek(r) != '|' && peek(r) != ')') {
            char after = peek_next(r);
            ends = outermost && peek(r) == '$' && (r->at + 1 == r->text.n || after == '|');
            if (ends) break;
            if (!read_atom(r) || !read_repetition(r)) return false;
            sotto_buf_putc(r->out, ' ');
        }
        r->at += ends;
        if (outermost && !ends) sotto_buf_printf(r->out, "%s*", r->any);
        if (peek(r) != '|') return true;
        r->at++;
        sotto_buf_puts(r->out, " | ");
    }
}

bool sotto_pattern_to_gbnf(sotto_str pattern, const char *any, sotto_buf *out, const char **why) {
    reader r = {.text = pattern, .out = out, .any = any};
    sotto_buf_putc(out, '(');
    bool ok = read_alternatives(&r, true);
    if (ok && r.at < pattern.n) ok = fail(&r, "the regular expression has a ) without (");
    sotto_buf_putc(out, ')');
    if (!ok) *why = r.why;
    return ok;
}
