/* Markdown, HTML's commonest tags and entities, addresses and signs beyond ASCII, made into plain text as it comes.
 * Blocks are told by how a line begins, the rest by the characters around a mark. Not a parser of Markdown: a wrong
 * reading costs a pause or a word, and must never cost the text after it. */
#include "speech/say.h"

void sotto_markup_reset(sotto_markup *m) { *m = (sotto_markup){.line_start = true, .last = ' '}; }

/* Where a step stands. */
typedef struct place {
    sotto_markup *m;
    sotto_plain  *out;
    const char   *p;
    size_t        n, source;
    bool          whole; /* what decides lies in p[0..n), or never comes */
} place;

/* A rule returns how many bytes it took, 0 for none, or this. */
static const size_t needs_more = SIZE_MAX;

/* ---- out ------------------------------------------------------------------------------------------------ */

static void put_char(place *s, char c) {
    sotto_plain *o = s->out;
    char         last = o->n > 0 ? o->text[o->n - 1] : '\n';
    if ((c == ' ' && (last == ' ' || last == '\n')) || o->n == SOTTO_PLAIN_MAX) return;
    o->text[o->n] = c;
    o->begin[o->n++] = s->source;
}

static void put(place *s, const char *text) {
    while (*text) put_char(s, *text++);
}

/* The end of a paragraph, an item or the like, once. */
static void put_break(place *s) {
    sotto_plain *o = s->out;
    if (o->n > 0 && o->text[o->n - 1] == ' ') o->n--;
    if (o->n > 0 && o->text[o->n - 1] != '\n') put_char(s, '\n');
}

/* ---- looking -------------------------------------------------------------------------------------------- */

static size_t run_of(const place *s, char c) {
    size_t n = 0;
    while (n < s->n && s->p[n] == c) n++;
    return n;
}

/* A run whose end is seen, and what follows it; false: it is not. */
static bool run_ends(const place *s, size_t run, char *after) {
    *after = sotto_char_at(s->p, s->n, run);
    return run < s->n || s->whole;
}

/* The length up to the first of these characters; false: there is none yet. */
static bool length_to(const place *s, size_t from, const char *stops, size_t *n) {
    for (*n = from; *n < s->n; ++*n)
        if (s->p[*n] && strchr(stops, s->p[*n])) return true;
    return s->whole;
}

/* 1: p begins with this text, 0: it does not, -1: it may. */
static int begins(const place *s, const char *text) {
    for (size_t i = 0; text[i]; i++) {
        if (i == s->n) return s->whole ? 0 : -1;
        if ((sotto_is_upper(s->p[i]) ? s->p[i] | 32 : s->p[i]) != text[i]) return 0;
    }
    return 1;
}

/* ---- how lines begin ------------------------------------------------------------------------------------ */

static size_t line_blank(place *s) {
    if (s->p[0] == '\n') {
        put_break(s);
        return 1;
    }
    return s->p[0] == ' ' || s->p[0] == '\t' || s->p[0] == '\r' ? 1 : 0;
}

/* ``` begins what is not to be read aloud; that it is there is said. */
static size_t line_fence(place *s) {
    char   after;
    size_t n = run_of(s, s->p[0]);
    if (s->p[0] != '`' && s->p[0] != '~') return 0;
    if (!run_ends(s, n, &after)) return needs_more;
    if (n < 3) return 0;
    s->m->fence = s->p[0];
    s->m->fence_n = n;
    s->m->line_start = false;
    put_break(s);
    put(s, "See the code.\n");
    return n;
}

static size_t line_heading(place *s) {
    char   after;
    size_t n = run_of(s, '#');
    if (n == 0 || n > 6) return 0;
    if (!run_ends(s, n, &after)) return needs_more;
    if (after != ' ' && after != '\n') return 0;
    put_break(s);
    s->m->line_breaks = true;
    s->m->line_start = false;
    return n;
}

static size_t line_quote(place *s) { return s->p[0] == '>' ? 1 : 0; }

/* "---", "* * *", the line under a heading; and the one under a table's head, which begins with a bar or a colon. */
static size_t line_ruler(place *s) {
    static const char marks[] = "-*_=|:";
    size_t            n, count = 0;
    if (!strchr(marks, s->p[0])) return 0;
    for (n = 0; n < s->n && s->p[n] != '\n'; n++) {
        if (!strchr("-*_=|: \t\r", s->p[n])) return 0;
        count += strchr(marks, s->p[n]) != NULL;
    }
    if (n == s->n && !s->whole) return needs_more;
    if (count < 3) return 0;
    put_break(s);
    return n;
}

static size_t line_item(place *s) {
    char after;
    bool dot = s->n >= 3 && memcmp(s->p, "\xe2\x80\xa2", 3) == 0;
    if (!dot && !strchr("-*+", s->p[0])) return 0;
    if (!dot && !run_ends(s, 1, &after)) return needs_more;
    if (!dot && after != ' ' && after != '\t') return 0;
    put_break(s);
    s->m->line_start = false;
    return dot ? 3 : SOTTO_MIN(2, s->n);
}

/* "1. " and "1) " keep their number. */
static size_t line_number(place *s) {
    size_t n = sotto_digits_at(s->p, s->n);
    if (n == 0 || n > 3) return 0;
    if (n + 1 >= s->n && !s->whole) return needs_more;
    char mark = sotto_char_at(s->p, s->n, n);
    if ((mark != '.' && mark != ')') || sotto_char_at(s->p, s->n, n + 1) != ' ' || n + 1 >= s->n) return 0;
    put_break(s);
    for (size_t i = 0; i < n; i++) put_char(s, s->p[i]);
    put(s, ", ");
    s->m->line_start = false;
    return n + 2;
}

static size_t line_row(place *s) {
    if (s->p[0] != '|') return 0;
    put_break(s);
    s->m->table = s->m->line_breaks = true;
    s->m->line_start = false;
    return 1;
}

static size_t begin_line(place *s) {
    static size_t (*const rules[])(place *) = {line_blank, line_fence,  line_heading, line_quote,
                                               line_ruler, line_item, line_number,  line_row};
    for (size_t i = 0; i < SOTTO_COUNT(rules); i++) {
        size_t n = rules[i](s);
        if (n > 0) return n;
    }
    s->m->line_start = false;
    return 0;
}

/* A line of code is passed over, or the closing fence: as many of its marks as the opening one had, or more. */
static size_t skip_code(place *s) {
    sotto_markup *m = s->m;
    size_t        n = 0;
    if (m->line_start && (s->p[0] == ' ' || s->p[0] == '\t')) return 1;
    if (m->line_start && s->p[0] == m->fence) {
        char after;
        n = run_of(s, m->fence);
        if (!run_ends(s, n, &after)) return needs_more;
        if (n >= m->fence_n) m->fence = '\0';
        m->line_start = false;
        return n;
    }
    while (n < s->n && s->p[n] != '\n') n++;
    m->line_start = n < s->n;
    return n < s->n ? n + 1 : n;
}

/* ---- marks within a line -------------------------------------------------------------------------------- */

static size_t mark_newline(place *s) {
    if (s->m->line_breaks) put_break(s);
    else put_char(s, ' ');
    s->m->line_start = true;
    s->m->line_breaks = s->m->table = false;
    return 1;
}

static size_t mark_backslash(place *s) {
    if (s->n < 2 && !s->whole) return needs_more;
    char next = sotto_char_at(s->p, s->n, 1);
    if (next == '\n' || s->n < 2) return 1;
    if (sotto_is_word(next) || strchr("()[]*_`~#\\", next)) {
        put_char(s, ' ');
        return sotto_is_word(next) ? 1 : 2;
    }
    put_char(s, next);
    return 2;
}

/* Emphasis says nothing; between numbers, or alone, it is arithmetic. */
static size_t mark_star(place *s) {
    char   after;
    size_t n = run_of(s, '*');
    if (!run_ends(s, n, &after)) return needs_more;
    bool digits = sotto_is_digit(s->m->last) && sotto_is_digit(after), alone = s->m->last == ' ' && after == ' ';
    if (n == 1 && (digits || alone)) put(s, " * ");
    else if (n == 2 && digits) put(s, "^");
    return n;
}

static size_t mark_underscore(place *s) {
    char   after;
    size_t n = run_of(s, '_');
    if (!run_ends(s, n, &after)) return needs_more;
    if (sotto_is_word(s->m->last) && sotto_is_word(after)) put_char(s, ' ');
    return n;
}

static size_t mark_tilde(place *s) {
    char   after;
    size_t n = run_of(s, '~');
    if (!run_ends(s, n, &after)) return needs_more;
    if (n == 1 && sotto_is_digit(after)) put(s, " about ");
    return n;
}

static size_t mark_tick(place *s) { return run_of(s, '`'); }

static size_t mark_dollar(place *s) {
    char after;
    if (!run_ends(s, 1, &after)) return needs_more;
    if (sotto_is_digit(after)) put_char(s, '$');
    return 1;
}

static size_t mark_exclamation(place *s) {
    char after;
    if (!run_ends(s, 1, &after)) return needs_more;
    if (after != '[') put_char(s, '!');
    return 1;
}

static size_t mark_bar(place *s) {
    put(s, s->m->table ? ", " : " ");
    return 1;
}

/* "[1]", "[^note]", "[x]": a footnote's mark or a box says nothing; of a link "[text](...)" the text is left. */
static size_t mark_open(place *s) {
    enum { NOTE_MAX = 10 };
    size_t n = 1;
    char   after;
    while (n < s->n && n <= NOTE_MAX && s->p[n] != ']' && s->p[n] != '\n') n++;
    if (n == s->n && n <= NOTE_MAX && !s->whole) return needs_more;
    if (n <= 1 || n > NOTE_MAX || sotto_char_at(s->p, s->n, n) != ']') return 1;
    bool box = n == 2 && strchr(" xX", s->p[1]), note = s->p[1] == '^' || sotto_digits_at(s->p + 1, n - 1) == n - 1;
    if (!box && !note) return 1;
    if (!run_ends(s, n + 1, &after)) return needs_more;
    return after == '(' ? 1 : n + 1;
}

/* The address after a link's text, brackets in it included. */
static size_t mark_close(place *s) {
    char after;
    if (!run_ends(s, 1, &after)) return needs_more;
    if (after != '(' && after != '[') return 1;
    char close = after == '(' ? ')' : ']';
    int  depth = 0;
    for (size_t i = 1; i < s->n && s->p[i] != '\n'; i++) {
        depth += (s->p[i] == after) - (s->p[i] == close);
        if (depth == 0) return i + 1;
        if (i + 1 == s->n && !s->whole) return needs_more;
    }
    return 1;
}

/* ---- addresses, tags, entities -------------------------------------------------------------------------- */

static void put_ascii(place *s, const char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!((unsigned char)p[i] & 0x80)) put_char(s, p[i]);
}

/* The host of an address, without "www." and whoever is named before it. */
static void put_host(place *s, const char *p, size_t n) {
    size_t scheme = 0, len = 0, at = 0;
    for (size_t i = 0; i + 2 < n; i++)
        if (memcmp(p + i, "://", 3) == 0) {
            scheme = i + 3;
            break;
        }
    p += scheme, n -= scheme;
    while (len < n && !strchr("/?#", p[len])) len++;
    for (size_t i = 0; i < len; i++)
        if (p[i] == '@') at = i + 1;
    p += at, n = len - at;
    for (len = 0; len < n && len < 100 && p[len] != ':';) len++;
    size_t www = len > 4 && (p[0] | 32) == 'w' && (p[1] | 32) == 'w' && (p[2] | 32) == 'w' && p[3] == '.' ? 4 : 0;
    put_ascii(s, p + www, len - www);
}

static size_t mark_address(place *s) {
    static const char *const starts[] = {"http://", "https://", "www."};
    size_t                   n = 0;
    bool                     found = false;
    if (sotto_is_word(s->m->last)) return 0;
    for (size_t i = 0; i < SOTTO_COUNT(starts); i++) {
        int v = begins(s, starts[i]);
        if (v < 0) return needs_more;
        found |= v > 0;
    }
    if (!found) return 0;
    while (n < s->n && s->p[n] > ' ' && s->p[n] < 0x7f && !strchr("<>\"()[]|`*", s->p[n])) n++;
    if (n == s->n && !s->whole) return needs_more;
    s->m->skips_word = n == SOTTO_MARKUP_WINDOW;
    while (n > 0 && strchr(".,;:!?'", s->p[n - 1])) n--;
    put_host(s, s->p, n);
    return n;
}

static size_t mark_less(place *s) {
    static const char *const breaks[] = {"<br", "</p", "<p>", "<li", "</li", "<h1", "<h2", "<h3", "</h", "<tr", "<div"};
    size_t                   n;
    char                     next;
    if (!run_ends(s, 1, &next)) return needs_more;
    if (!sotto_is_letter(next) && next != '/' && next != '!') {
        put(s, " < ");
        return 1;
    }
    if (!length_to(s, 1, ">\n", &n)) return needs_more;
    if (sotto_char_at(s->p, s->n, n) != '>') {
        put(s, " < ");
        return 1;
    }
    bool mail = memchr(s->p, '@', n) && !memchr(s->p, ' ', n);
    if (begins(s, "<http") == 1) put_host(s, s->p + 1, n - 1);
    if (mail) put_ascii(s, s->p + 1, n - 1);
    for (size_t i = 0; i < SOTTO_COUNT(breaks); i++)
        if (begins(s, breaks[i]) == 1) {
            put_break(s);
            break;
        }
    return n + 1;
}

static size_t mark_and(place *s) {
    static const struct {
        const char *name, *text;
    } entities[] = {
        {"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}, {"nbsp", " "}, {"ndash", "-"},
        {"mdash", ", "}, {"hellip", "..."}, {"deg", "\xc2\xb0"}, {"#39", "'"}, {"times", " * "},
        {"euro", "\xe2\x82\xac"}, {"pound", "\xc2\xa3"}, {"rarr", " to "}, {"#x27", "'"}, {"#34", "\""}
    };
    size_t n = 1;
    while (n < s->n && n < 10 && !(s->p[n] & 0x80) && (sotto_is_word(s->p[n]) || s->p[n] == '#')) n++;
    if (n == s->n && n < 10 && !s->whole) return needs_more;
    if (sotto_char_at(s->p, s->n, n) == ';')
        for (size_t i = 0; i < SOTTO_COUNT(entities); i++)
            if (sotto_str_is((sotto_str){s->p + 1, n - 1}, entities[i].name)) {
                put(s, entities[i].text);
                return n + 1;
            }
    put(s, "&");
    return 1;
}

/* ---- beyond ASCII --------------------------------------------------------------------------------------- */

static const char *sign_text(uint32_t c) {
    static const struct {
        uint32_t    first, last;
        const char *text; /* NULL: as it is */
    } signs[] = {
        {0x80, 0xa2, " "}, {0xa3, 0xa3, NULL}, {0xa4, 0xa4, " "}, {0xa5, 0xa5, NULL}, {0xa6, 0xa8, " "},
        {0xa9, 0xa9, ""}, {0xaa, 0xaa, NULL}, {0xab, 0xab, "\""}, {0xac, 0xae, ""}, {0xaf, 0xaf, " "},
        {0xb0, 0xb0, NULL}, {0xb1, 0xb1, " plus or minus "}, {0xb2, 0xb2, "^2"}, {0xb3, 0xb3, "^3"},
        {0xb4, 0xb4, "'"}, {0xb5, 0xb5, NULL}, {0xb6, 0xb6, " "}, {0xb7, 0xb7, " * "}, {0xb8, 0xb8, " "},
        {0xb9, 0xb9, "^1"}, {0xba, 0xba, "\xc2\xb0"}, {0xbb, 0xbb, "\""}, {0xbc, 0xbc, " 1/4"},
        {0xbd, 0xbd, " 1/2"}, {0xbe, 0xbe, " 3/4"}, {0xbf, 0xbf, " "}, {0xd7, 0xd7, " * "},
        {0xf7, 0xf7, " divided by "}, {0x3c0, 0x3c0, " pi "}, {0x200b, 0x200f, ""}, {0x2000, 0x200a, " "},
        {0x2010, 0x2012, "-"}, {0x2014, 0x2015, ", "}, {0x2018, 0x201b, "'"}, {0x201c, 0x201f, "\""},
        {0x2026, 0x2026, "..."}, {0x2030, 0x2030, " per mille "}, {0x2032, 0x2032, "'"},
        {0x20ac, 0x20ac, NULL}, {0x2016, 0x203a, " "}, {0x2044, 0x2044, "/"}, {0x203b, 0x20cf, " "},
        {0x20d0, 0x20ff, ""}, {0x2122, 0x2122, ""}, {0x2153, 0x2153, " 1/3"}, {0x2154, 0x2154, " 2/3"},
        {0x2190, 0x2190, ", "}, {0x2192, 0x2192, " to "}, {0x21d2, 0x21d2, ", so "}, {0x2191, 0x21ff, " "},
        {0x2212, 0x2212, "-"}, {0x221a, 0x221a, " the square root of "}, {0x221e, 0x221e, " infinity "},
        {0x2248, 0x2248, " about "}, {0x2260, 0x2260, " is not equal to "}, {0x2264, 0x2264, " at most "},
        {0x2265, 0x2265, " at least "}, {0x2200, 0x2bff, " "}, {0x3000, 0x3000, " "}, {0x3001, 0x3001, ", "},
        {0x3002, 0x3002, ". "}, {0x3003, 0x303f, " "}, {0xe000, 0xf8ff, " "}, {0xfe00, 0xfe0f, ""},
        {0xfeff, 0xfeff, ""}, {0xff01, 0xff01, "! "}, {0xff0c, 0xff0c, ", "}, {0xff1f, 0xff1f, "? "},
        {0xfff0, 0xffff, " "}, {0x1d000, 0x1d3ff, " "}, {0x1f000, 0x1faff, " "}, {0xe0000, 0x10ffff, ""}
    };
    for (size_t i = 0; i < SOTTO_COUNT(signs); i++)
        if (c >= signs[i].first && c <= signs[i].last) return signs[i].text;
    return NULL;
}

/* A dash between numbers is a range, and else a pause. */
static size_t mark_en_dash(place *s, size_t n) {
    char after;
    if (!run_ends(s, n, &after)) return needs_more;
    put(s, sotto_is_word(s->m->last) && (sotto_is_word(after) || after == '$') ? "-" : ", ");
    return n;
}

static size_t mark_beyond(place *s) {
    uint32_t c;
    if (!s->whole && s->n < 4 && sotto_utf8_incomplete(s->p, s->n) == s->n) return needs_more;
    size_t n = sotto_utf8_decode(s->p, s->n, &c);
    if (c == 0x2013) return mark_en_dash(s, n);
    const char *text = sign_text(c);
    if (text) put(s, text);
    for (size_t i = 0; !text && i < n; i++) put_char(s, s->p[i]);
    return n;
}

/* ---- one step ------------------------------------------------------------------------------------------- */

static size_t within_line(place *s) {
    static const struct {
        char   c;
        size_t (*rule)(place *);
    } marks[] = {
        {'\n', mark_newline}, {'\\', mark_backslash}, {'*', mark_star}, {'_', mark_underscore},
        {'~', mark_tilde}, {'`', mark_tick}, {'$', mark_dollar}, {'!', mark_exclamation}, {'|', mark_bar},
        {'[', mark_open}, {']', mark_close}, {'<', mark_less}, {'&', mark_and}, {'h', mark_address},
        {'H', mark_address}, {'w', mark_address}, {'W', mark_address}
    };
    char c = s->p[0];
    if (s->m->skips_word && (unsigned char)c > ' ') return 1;
    s->m->skips_word = false;
    if ((unsigned char)c & 0x80) return mark_beyond(s);
    for (size_t i = 0; i < SOTTO_COUNT(marks); i++)
        if (marks[i].c == c) {
            size_t n = marks[i].rule(s);
            if (n > 0) return n;
            break;
        }
    put_char(s, (unsigned char)c <= ' ' || c == 0x7f ? ' ' : c);
    return 1;
}

size_t sotto_markup_step(sotto_markup *m, sotto_plain *out, const char *p, size_t n, size_t source, bool end) {
    place s = {m, out, p, SOTTO_MIN(n, SOTTO_MARKUP_WINDOW), source, end || n >= SOTTO_MARKUP_WINDOW};
    size_t used = m->fence ? skip_code(&s) : m->line_start ? begin_line(&s) : 0;
    if (used == 0 && !m->fence) used = within_line(&s);
    if (used == needs_more) return 0;
    m->last = (unsigned char)p[used - 1] & 0x80 ? 'a' : (unsigned char)p[used - 1] <= ' ' ? ' ' : p[used - 1];
    return used;
}
