/* A clause of plain text as words: at each word the first rule that knows what begins there says it. */
#include "speech/say.h"

/* ---- what is said --------------------------------------------------------------------------------------- */

void sotto_say_run(sotto_buf *b, const char *p, size_t n) {
    if (n == 0) return;
    if (b->len > 0 && b->data[b->len - 1] != ' ') (void)sotto_buf_putc(b, ' ');
    (void)sotto_buf_append(b, p, n);
}

void sotto_say_words(sotto_buf *b, const char *words) { sotto_say_run(b, words, strlen(words)); }

void sotto_say_letters(sotto_buf *b, const char *word, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char letter[2] = {word[i], '\0'};
        if (((unsigned)(letter[0] | 32) - 'a') < 26) letter[0] &= ~32;
        sotto_say_words(b, letter);
    }
}

void sotto_say_mark(sotto_buf *b, char mark) {
    if (b->len == 0 || b->failed) return;
    char *last = &b->data[b->len - 1];
    if (*last == ',') *last = mark;
    else if (!strchr(".?!", *last)) (void)sotto_buf_putc(b, mark);
    else if (mark == '?') *last = mark;
}

/* ---- looking -------------------------------------------------------------------------------------------- */

size_t sotto_digits_at(const char *p, size_t n) {
    size_t i = 0;
    while (i < n && sotto_is_digit(p[i])) i++;
    return i;
}

bool sotto_starts_with(const char *p, size_t n, const char *word) {
    size_t i = 0;
    for (; word[i]; i++)
        if (i >= n || (sotto_is_upper(p[i]) ? p[i] | 32 : p[i]) != word[i]) return false;
    return !sotto_is_word(sotto_char_at(p, n, i));
}

/* ---- a clause ------------------------------------------------------------------------------------------- */

/* A mark between words, or at the end; brackets are pauses, and so is a dash that stands alone. */
static bool say_mark_at(sotto_buf *b, const char *p, size_t n, char before) {
    bool ends = !sotto_is_word(sotto_char_at(p, n, 1));
    if (strchr(",;:()", p[0])) sotto_say_mark(b, ',');
    else if (p[0] == '-' && before == ' ' && sotto_char_at(p, n, 1) == ' ') sotto_say_mark(b, ',');
    else if (strchr("?!", p[0])) sotto_say_mark(b, p[0]);
    else if (p[0] == '.' && ends) sotto_say_mark(b, ',');
    else return false;
    return true;
}

static size_t say_at(sotto_buf *b, const char *p, size_t n, char before) {
    static const sotto_say_rule rules[] = {
        sotto_rule_date, sotto_rule_time, sotto_rule_phone, sotto_rule_money, sotto_rule_ordinal,
        sotto_rule_decade, sotto_rule_fraction, sotto_rule_amount, sotto_rule_number, sotto_rule_abbreviation,
        sotto_rule_address, sotto_rule_symbol, sotto_rule_word
    };
    for (size_t i = 0; i < SOTTO_COUNT(rules); i++) {
        size_t used = rules[i](b, p, n, before);
        if (used > 0) return used;
    }
    (void)say_mark_at(b, p, n, before);
    return 1;
}

/* The mark that the text ends with, inside quotes and brackets too. */
static char last_mark(const char *text, size_t n, bool stop) {
    while (n > 0 && strchr(" \n\"')]", text[n - 1])) n--;
    char c = n > 0 ? text[n - 1] : ' ';
    if (c == '.' || c == '?' || c == '!') return c;
    return stop ? '.' : ',';
}

void sotto_say(sotto_buf *out, const char *text, size_t n, bool stop) {
    size_t begin = out->len;
    char   before = ' ';
    for (size_t i = 0; i < n;) {
        if (text[i] == ' ' || text[i] == '\n') i++;
        else i += say_at(out, text + i, n - i, before);
        before = i > 0 ? text[i - 1] : ' ';
    }
    if (out->len > begin) sotto_say_mark(out, last_mark(text, n, stop));
}
