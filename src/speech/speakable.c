/* Clauses of an answer as it streams: bytes are kept until say_markup.c can tell what they are, plain text until a
 * place is found where the voice can begin, and only then words are made. Each decision waits for the characters that
 * it depends on, so that clauses do not depend on how the text is cut into feeds. */
#include "speech/say.h"

#include <stdlib.h>

enum {
    FIRST_WORDS = 3,       /* of a first clause that ends with a comma */
    FIRST_LONG_WORDS = 6,  /* of one that ends before "and" */
    LONG_SENTENCE = 200,   /* bytes, after which a sentence is cut at commas */
    LONGEST = 300,         /* bytes, after which it is cut at a blank */
    SHORTEST = 40,         /* of what is cut off a long sentence */
    MARKS_MAX = 8,         /* a run of marks is looked at no further */
    UNREAD_MAX = 1 << 20   /* bytes fed and not asked for */
};

typedef enum verdict { NO, YES, WAIT } verdict;

/* The search for a clause's end: plain text looked at up to place `i`. It goes on when there is more. */
typedef struct scan {
    const char *text;
    size_t      n, i;
    bool        first, end;
    int         words;
    size_t      comma, blank; /* after the last of them; 0: none */
    size_t      cut;          /* the end that was found */
} scan;

struct sotto_speakable {
    sotto_markup markup;
    sotto_plain  plain;
    scan         at;     /* in it */
    sotto_buf    source; /* fed, from `taken` on */
    size_t       used;   /* of it */
    size_t       taken;  /* bytes of the text before it */
    sotto_buf    spoken;
    bool         first, ended;
};

sotto_status sotto_speakable_open(sotto_speakable **out, sotto_error *err) {
    sotto_speakable *s = calloc(1, sizeof *s);
    if (!s) return sotto_fail_memory(err, "a text to speak");
    sotto_speakable_reset(s);
    *out = s;
    return SOTTO_OK;
}

void sotto_speakable_close(sotto_speakable *s) {
    if (!s) return;
    sotto_buf_free(&s->source);
    sotto_buf_free(&s->spoken);
    free(s);
}

void sotto_speakable_reset(sotto_speakable *s) {
    sotto_buf_clear(&s->source);
    sotto_buf_clear(&s->spoken);
    sotto_markup_reset(&s->markup);
    s->plain.n = s->used = s->taken = 0;
    s->at = (scan){0};
    s->first = true;
    s->ended = false;
}

static void forget_used(sotto_speakable *s) {
    if (s->used == 0) return;
    memmove(s->source.data, s->source.data + s->used, s->source.len - s->used);
    s->source.len -= s->used;
    s->source.data[s->source.len] = '\0';
    s->taken += s->used;
    s->used = 0;
}

sotto_status sotto_speakable_feed(sotto_speakable *s, const char *text, size_t n, sotto_error *err) {
    forget_used(s);
    if (n > UNREAD_MAX - SOTTO_MIN(s->source.len, UNREAD_MAX))
        return sotto_fail(err, SOTTO_LIMIT, "more than %d bytes of text are waiting to be spoken", UNREAD_MAX);
    /* The clause that the last call of next lent may still be in use, and is not touched. */
    if (!sotto_buf_append(&s->source, text, n)) return sotto_fail_memory(err, "a text to speak");
    return SOTTO_OK;
}

void sotto_speakable_end(sotto_speakable *s) { s->ended = true; }

/* ---- where a clause ends -------------------------------------------------------------------------------- */

static bool is_one_of(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

/* The first character after blanks, 0 at the end of all; false: it has not come yet. */
static bool next_char(const scan *s, size_t at, char *next) {
    while (at < s->n && s->text[at] == ' ') at++;
    *next = at < s->n ? s->text[at] : '\0';
    return at < s->n || s->end;
}

/* Most points need no more than the blank after them; those of abbreviations and "..." the character after that. */
static verdict point_ends(const scan *s, size_t marks, size_t end) {
    size_t begin = s->i;
    char   next;
    while (begin > 0 && !is_one_of(s->text[begin - 1], " \n([\"'")) begin--;
    sotto_abbreviation kind = sotto_abbreviation_of(s->text + begin, s->i + 1 - begin);
    bool               dots = marks - s->i > 1; /* "well... yes" */
    if (kind == SOTTO_ABBREVIATION_NONE && !dots) return YES;
    if (!next_char(s, end, &next)) return WAIT;
    if (next == '\0' || next == '\n') return YES;
    if (kind == SOTTO_ABBREVIATION_NEVER) return NO;
    bool goes_on = (next >= 'a' && next <= 'z') || is_one_of(next, ",;:)"), digit = sotto_is_digit(next);
    return (dots ? goes_on : kind == SOTTO_ABBREVIATION_NUMBER ? digit : goes_on || digit) ? NO : YES;
}

static verdict sentence_ends(scan *s) {
    size_t marks = s->i + 1;
    while (marks < s->n && marks - s->i < MARKS_MAX && is_one_of(s->text[marks], ".!?")) marks++;
    size_t end = marks;
    while (end < s->n && end - marks < MARKS_MAX && is_one_of(s->text[end], "\"')]")) end++;
    if (end == s->n && !s->end) return WAIT;
    if (end < s->n && s->text[end] != ' ' && s->text[end] != '\n') return NO;
    verdict v = s->text[s->i] == '.' ? point_ends(s, marks, end) : YES;
    s->cut = end;
    if (v == NO) s->i = marks - 1; /* the run is one mark */
    return v;
}

/* A comma of a number or a date is none. */
static verdict clause_ends(scan *s) {
    char next;
    if (s->i + 1 == s->n && !s->end) return WAIT;
    if (s->i + 1 < s->n && s->text[s->i + 1] != ' ') return NO;
    if (!next_char(s, s->i + 1, &next)) return WAIT;
    if (sotto_is_digit(next) || next == '\0') return NO;
    s->cut = s->i + 1;
    if (s->i + 1 >= SHORTEST) s->comma = s->cut;
    return (s->first && s->words + 1 >= FIRST_WORDS) || s->i >= LONG_SENTENCE ? YES : NO;
}

/* In a long first clause: before a word that begins another. */
static verdict conjunction_follows(scan *s) {
    static const char *const words[] = {
        "and", "but", "because", "which", "while", "so", "although", "when", "where", "if"
    };
    const char *p = s->text + s->i + 1;
    size_t      n = s->n - s->i - 1, len = 0;
    if (!s->first || s->words < FIRST_LONG_WORDS) return NO;
    while (len < n && len < 10 && p[len] >= 'a' && p[len] <= 'z') len++;
    if (len == n && len < 10 && !s->end) return WAIT;
    for (size_t i = 0; i < SOTTO_COUNT(words); i++)
        if (len < n && p[len] == ' ' && sotto_str_is((sotto_str){p, len}, words[i])) return YES;
    return NO;
}

/* A blank that is the last may yet become the end of a paragraph. */
static verdict blank_ends(scan *s) {
    if (s->i + 1 == s->n && !s->end) return WAIT;
    s->words++;
    s->cut = s->blank = s->i;
    return conjunction_follows(s);
}

static verdict dash_ends(scan *s) {
    if (s->i == 0 || s->text[s->i - 1] != ' ') return NO;
    s->words--; /* counted with the blank before */
    verdict v = clause_ends(s);
    s->words++;
    return v;
}

static verdict too_long(scan *s) {
    if (s->i >= LONG_SENTENCE && s->comma > 0) {
        s->cut = s->comma;
        return YES;
    }
    if (s->i < LONGEST || ((unsigned char)s->text[s->i] & 0xc0) == 0x80) return NO;
    s->cut = s->blank > 0 ? s->blank : s->i;
    return YES;
}

static verdict look_at(scan *s) {
    char    c = s->text[s->i];
    verdict v = NO;
    if (c == '\n') {
        s->cut = s->i + 1;
        return YES;
    }
    if (is_one_of(c, ".!?")) v = sentence_ends(s);
    else if (is_one_of(c, ",;:")) v = clause_ends(s);
    else if (c == '-') v = dash_ends(s);
    else if (c == ' ') v = blank_ends(s);
    return v == NO ? too_long(s) : v;
}

static bool find_clause(sotto_speakable *s, bool end, size_t *cut) {
    for (s->at.n = s->plain.n; s->at.i < s->at.n; s->at.i++) {
        scan at = s->at;
        at.text = s->plain.text, at.first = s->first, at.end = end;
        verdict v = look_at(&at);
        if (v == WAIT) return false;
        s->at = at;
        *cut = at.cut;
        if (v == YES) return true;
    }
    *cut = s->at.n;
    return end && s->at.n > 0;
}

/* ---- clauses -------------------------------------------------------------------------------------------- */

/* Says plain[0..cut) and takes it away. False: it says nothing. */
static bool take(sotto_speakable *s, size_t cut, sotto_clause *out) {
    sotto_plain *p = &s->plain;
    bool         stop = cut == p->n || p->text[cut - 1] == '\n';
    out->n_text = p->text[cut - 1] == '\n' ? p->begin[cut - 1] : cut < p->n ? p->begin[cut] : s->taken + s->used;
    sotto_buf_clear(&s->spoken);
    sotto_say(&s->spoken, p->text, cut, stop);
    while (cut < p->n && p->text[cut] == ' ') cut++;
    memmove(p->text, p->text + cut, p->n - cut);
    memmove(p->begin, p->begin + cut, (p->n - cut) * sizeof *p->begin);
    p->n -= cut;
    s->at = (scan){0};
    if (s->spoken.len == 0 || s->spoken.failed) return false;
    out->spoken = s->spoken.data;
    s->first = false;
    return true;
}

/* The next mark or character of the source. False: it needs more of it. */
static bool step(sotto_speakable *s) {
    size_t left = s->source.len - s->used;
    if (left == 0) return false;
    size_t n = sotto_markup_step(&s->markup, &s->plain, s->source.data + s->used, left, s->taken + s->used, s->ended);
    s->used += n;
    return n > 0;
}

bool sotto_speakable_next(sotto_speakable *s, sotto_clause *out) {
    size_t cut;
    for (;;) {
        bool end = s->ended && s->used == s->source.len;
        if (find_clause(s, end, &cut)) {
            if (take(s, cut, out)) return true;
        } else if (!step(s)) {
            return false;
        }
    }
}

/* In pieces, so that a text of any length takes little memory beyond its own. */
sotto_status sotto_speakable_text(const char *text, size_t n, sotto_buf *out, sotto_error *err) {
    enum { PIECE = 65536 };
    sotto_speakable *s = NULL;
    sotto_clause     clause;
    SOTTO_TRY(sotto_speakable_open(&s, err));
    s->first = false;
    for (size_t at = 0, len; at < n || !s->ended; at += len) {
        len = SOTTO_MIN(n - at, PIECE);
        sotto_status status = sotto_speakable_feed(s, text + at, len, err);
        if (status != SOTTO_OK) {
            sotto_speakable_close(s);
            return status;
        }
        if (at + len == n) sotto_speakable_end(s);
        while (sotto_speakable_next(s, &clause)) {
            s->first = false;
            sotto_say_words(out, clause.spoken);
        }
    }
    bool failed = out->failed || s->spoken.failed;
    sotto_speakable_close(s);
    return failed ? sotto_fail_memory(err, "a text to speak") : SOTTO_OK;
}
