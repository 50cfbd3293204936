/* Between the files that make text speakable: say_markup.c takes out what is not words, speakable.c cuts clauses,
 * say.c and the other say_*.c turn a clause into words. */
#ifndef SOTTO_SAY_H
#define SOTTO_SAY_H

#include "speech/speech.h"

/* ---- markup to plain text (say_markup.c) ---------------------------------------------------------------- */

/* Looking further than this for the end of a link, a tag or a line is not worth it: whatever is not decided by then is
 * text. One step adds less than half of what there is room for. */
enum { SOTTO_MARKUP_WINDOW = 512, SOTTO_PLAIN_MAX = 1024 };

/* What is left of a text: UTF-8 with single blanks, '\n' where a paragraph, an item or a heading ends. */
typedef struct sotto_plain {
    char   text[SOTTO_PLAIN_MAX];
    size_t begin[SOTTO_PLAIN_MAX]; /* where in the source each byte comes from */
    size_t n;
} sotto_plain;

typedef struct sotto_markup {
    bool   line_start;
    bool   line_breaks; /* the line is a heading or a row of a table: its end is an end */
    bool   table;
    char   fence;       /* of the code that is being left out; 0: none */
    size_t fence_n;
    bool   skips_word;  /* the rest of an address that was too long to be seen whole */
    char   last;        /* the character before, 'a' for all beyond ASCII */
} sotto_markup;

void sotto_markup_reset(sotto_markup *m);
/* Takes one character, mark or line at p[0..n), which stands at `source`, adds what it says, and returns how many bytes
 * it was; 0: what follows decides. `end`: nothing follows. What it does depends on nothing but the bytes. */
size_t sotto_markup_step(sotto_markup *m, sotto_plain *out, const char *p, size_t n, size_t source, bool end);

/* ---- plain text to words (say.c) ------------------------------------------------------------------------ */

/* What a clause says, appended; nothing where it says nothing. `stop`: it ends here, mark or no mark. */
void sotto_say(sotto_buf *out, const char *text, size_t n, bool stop);

/* Appends words, a blank before them where one is needed; none adds nothing. */
void sotto_say_run(sotto_buf *b, const char *p, size_t n);
void sotto_say_words(sotto_buf *b, const char *words);
void sotto_say_letters(sotto_buf *b, const char *word, size_t n); /* "u s a" */
/* Puts a comma or a sentence's mark after the last word; a sentence's mark is stronger. */
void sotto_say_mark(sotto_buf *b, char mark);

static inline bool sotto_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool sotto_is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline bool sotto_is_letter(char c) { return ((unsigned)(c | 32) - 'a') < 26 || ((unsigned char)c & 0x80); }
static inline bool sotto_is_word(char c) { return sotto_is_digit(c) || sotto_is_letter(c); }
/* The character at i, a blank past the end. */
static inline char sotto_char_at(const char *p, size_t n, size_t i) { return i < n ? p[i] : ' '; }
size_t sotto_digits_at(const char *p, size_t n); /* how many digits p begins with */
bool   sotto_starts_with(const char *p, size_t n, const char *word); /* case ignored, and the word ends there */

/* A rule looks at p[0..n), the beginning of a word up to the clause's end, says it if it is what the rule knows, and
 * returns its length; else 0. `before`: the character before. */
typedef size_t (*sotto_say_rule)(sotto_buf *b, const char *p, size_t n, char before);

/* ---- numbers (say_number.c) ----------------------------------------------------------------------------- */

typedef struct sotto_number {
    char   whole[40]; /* digits, commas left out */
    size_t n_whole;
    char   part[40];  /* digits after the point */
    size_t n_part;
    bool   minus;
    bool   grouped;   /* written with commas */
} sotto_number;
/* [+-]1,234.5 or .5 at p; its length, or 0. */
size_t sotto_number_scan(const char *p, size_t n, sotto_number *out);
bool   sotto_number_is_one(const sotto_number *x);
void   sotto_say_number_of(sotto_buf *b, const sotto_number *x);
void   sotto_say_cardinal(sotto_buf *b, const char *digits, size_t n);
void   sotto_say_ordinal(sotto_buf *b, const char *digits, size_t n);
void   sotto_say_digits(sotto_buf *b, const char *digits, size_t n);
void   sotto_say_year(sotto_buf *b, int year);
bool   sotto_is_year(const sotto_number *x); /* four digits that are said in pairs */
int    sotto_int_of(const char *digits, size_t n);
size_t sotto_rule_number(sotto_buf *b, const char *p, size_t n, char before);
size_t sotto_rule_ordinal(sotto_buf *b, const char *p, size_t n, char before);
size_t sotto_rule_decade(sotto_buf *b, const char *p, size_t n, char before);
size_t sotto_rule_fraction(sotto_buf *b, const char *p, size_t n, char before);
size_t sotto_rule_phone(sotto_buf *b, const char *p, size_t n, char before);

/* ---- dates and times (say_date.c) ----------------------------------------------------------------------- */

size_t sotto_rule_date(sotto_buf *b, const char *p, size_t n, char before);
size_t sotto_rule_time(sotto_buf *b, const char *p, size_t n, char before);

/* ---- amounts (say_amount.c) ----------------------------------------------------------------------------- */

size_t sotto_rule_money(sotto_buf *b, const char *p, size_t n, char before);
size_t sotto_rule_amount(sotto_buf *b, const char *p, size_t n, char before); /* a number, or a range, with its unit */

/* ---- words (say_word.c) --------------------------------------------------------------------------------- */

typedef enum sotto_abbreviation {
    SOTTO_ABBREVIATION_NONE,
    SOTTO_ABBREVIATION_NEVER, /* a sentence does not end with it: "Dr." */
    SOTTO_ABBREVIATION_MAYBE, /* it does where no small letter and no digit follows: "etc." */
    SOTTO_ABBREVIATION_NUMBER /* it does where no number follows: "No." */
} sotto_abbreviation;
/* What the word [0..n), its point included, is to the end of a sentence. */
sotto_abbreviation sotto_abbreviation_of(const char *word, size_t n);
size_t sotto_rule_abbreviation(sotto_buf *b, const char *p, size_t n, char before);
size_t sotto_rule_address(sotto_buf *b, const char *p, size_t n, char before);
size_t sotto_rule_symbol(sotto_buf *b, const char *p, size_t n, char before);
size_t sotto_rule_word(sotto_buf *b, const char *p, size_t n, char before);

#endif
