/* Numbers as American English says them. */
#include "speech/say.h"

static const char *const small[] = {"zero",    "one",     "two",       "three",    "four",     "five",    "six",
                                    "seven",   "eight",   "nine",      "ten",      "eleven",   "twelve",  "thirteen",
                                    "fourteen", "fifteen", "sixteen",  "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"
};

enum { CARDINAL_MAX = 15 }; /* digits; longer numbers are said digit by digit */

int sotto_int_of(const char *digits, size_t n) {
    int x = 0;
    for (size_t i = 0; i < n && x < 100000000; i++) x = 10 * x + (digits[i] - '0');
    return x;
}

void sotto_say_digits(sotto_buf *b, const char *digits, size_t n) {
    for (size_t i = 0; i < n; i++) sotto_say_words(b, small[digits[i] - '0']);
}

static void say_below_thousand(sotto_buf *b, int x) {
    if (x >= 100) {
        sotto_say_words(b, small[x / 100]);
        sotto_say_words(b, "hundred");
        x %= 100;
        if (x == 0) return;
    }
    if (x >= 20) {
        sotto_say_words(b, tens[x / 10]);
        x %= 10;
        if (x == 0) return;
    }
    sotto_say_words(b, small[x]);
}

void sotto_say_cardinal(sotto_buf *b, const char *digits, size_t n) {
    static const char *const groups[] = {"", "thousand", "million", "billion", "trillion"};
    if (n == 0) return;
    if (n > CARDINAL_MAX || (digits[0] == '0' && n > 1)) {
        sotto_say_digits(b, digits, n);
        return;
    }
    if (n == 1 && digits[0] == '0') sotto_say_words(b, small[0]);
    for (size_t group = (n + 2) / 3; group-- > 0;) {
        size_t end = n - 3 * group, begin = end > 3 ? end - 3 : 0;
        int    x = sotto_int_of(digits + begin, end - begin);
        if (x == 0) continue;
        say_below_thousand(b, x);
        sotto_say_words(b, groups[group]);
    }
}

/* The last word of the cardinal number takes the ending. */
void sotto_say_ordinal(sotto_buf *b, const char *digits, size_t n) {
    static const struct {
        const char *cardinal, *ordinal;
    } words[] = {{"one", "first"}, {"two", "second"}, {"three", "third"}, {"five", "fifth"},
                 {"eight", "eighth"}, {"nine", "ninth"}, {"twelve", "twelfth"}};
    size_t begin = b->len;
    sotto_say_cardinal(b, digits, n);
    if (b->failed || b->len == begin) return;
    size_t last = b->len;
    while (last > begin && b->data[last - 1] != ' ') last--;
    for (size_t i = 0; i < SOTTO_COUNT(words); i++)
        if (strcmp(b->data + last, words[i].cardinal) == 0) {
            b->len = last;
            (void)sotto_buf_puts(b, words[i].ordinal);
            return;
        }
    bool y = b->data[b->len - 1] == 'y'; /* twenty: twentieth */
    b->len -= y;
    (void)sotto_buf_puts(b, y ? "ieth" : "th");
}

static void say_int(sotto_buf *b, int x) {
    if (x >= 1000) say_below_thousand(b, x / 1000), sotto_say_words(b, "thousand");
    if (x % 1000 > 0 || x == 0) say_below_thousand(b, x % 1000);
}

void sotto_say_year(sotto_buf *b, int year) {
    int high = year / 100, low = year % 100;
    if (year < 1000 || year > 9999 || (low < 10 && high % 10 == 0)) {
        say_int(b, SOTTO_MIN(year, 999999));
        return;
    }
    say_below_thousand(b, high);
    if (low == 0) sotto_say_words(b, "hundred");
    else if (low < 10) sotto_say_words(b, "oh"), sotto_say_words(b, small[low]);
    else say_below_thousand(b, low);
}

/* ---- as they are written -------------------------------------------------------------------------------- */

/* "1,234,567": the commas stand where they should. */
static size_t scan_whole(const char *p, size_t n, sotto_number *x) {
    size_t i = sotto_digits_at(p, n), end = i;
    if (i > sizeof x->whole) return 0;
    memcpy(x->whole, p, i);
    x->n_whole = i;
    while (i >= 1 && i <= 3 && x->n_whole + 3 <= sizeof x->whole && end < n && p[end] == ',' &&
           sotto_digits_at(p + end + 1, n - end - 1) == 3) {
        memcpy(x->whole + x->n_whole, p + end + 1, 3);
        x->n_whole += 3;
        end += 4;
        x->grouped = true;
    }
    return end;
}

size_t sotto_number_scan(const char *p, size_t n, sotto_number *out) {
    *out = (sotto_number){0};
    bool   sign = n > 0 && (p[0] == '-' || p[0] == '+');
    size_t i = sign ? 1 : 0;
    out->minus = sign && p[0] == '-';
    i += scan_whole(p + i, n - i, out);
    if (i < n && p[i] == '.') {
        size_t part = sotto_digits_at(p + i + 1, n - i - 1);
        if (part > 0 && part <= sizeof out->part) {
            memcpy(out->part, p + i + 1, part);
            out->n_part = part;
            i += 1 + part;
        }
    }
    return out->n_whole + out->n_part > 0 ? i : 0;
}

bool sotto_number_is_one(const sotto_number *x) { return x->n_whole == 1 && x->whole[0] == '1' && x->n_part == 0; }

bool sotto_is_year(const sotto_number *x) {
    int year = sotto_int_of(x->whole, x->n_whole);
    return x->n_whole == 4 && x->n_part == 0 && !x->grouped && !x->minus && year >= 1100 && year < 2100;
}

void sotto_say_number_of(sotto_buf *b, const sotto_number *x) {
    if (x->minus) sotto_say_words(b, "minus");
    sotto_say_cardinal(b, x->whole, x->n_whole);
    if (x->n_part == 0) return;
    sotto_say_words(b, "point");
    sotto_say_digits(b, x->part, x->n_part);
}

/* ---- rules ---------------------------------------------------------------------------------------------- */

/* "2.0.1", "192.168.0.1": the rest of what has more than one point. */
static size_t more_points(sotto_buf *b, const char *p, size_t n) {
    size_t i = 0, len;
    while (i + 1 < n && p[i] == '.' && (len = sotto_digits_at(p + i + 1, n - i - 1)) > 0) {
        sotto_say_words(b, "point");
        sotto_say_cardinal(b, p + i + 1, len);
        i += 1 + len;
    }
    return i;
}

static bool follows_one_of(const sotto_buf *b, const char *const *words) {
    for (; *words; words++)
        if (b->len > 0 && sotto_str_ends(sotto_buf_str(b), *words)) return true;
    return false;
}

/* "1990s", "the 80s", "'90s": the last word in the plural. "80s" elsewhere are seconds. */
size_t sotto_rule_decade(sotto_buf *b, const char *p, size_t n, char before) {
    static const char *const leads[] = {"the", "The", "early", "late", "mid", NULL};
    size_t                   i = p[0] == '\'', digits = i < n ? sotto_digits_at(p + i, n - i) : 0, end = i + digits;
    int                      x = sotto_int_of(p + i, digits);
    size_t                   apostrophe = sotto_char_at(p, n, end) == '\'';
    bool                     is_short = digits == 2 && x >= 20 && (i || apostrophe || follows_one_of(b, leads));
    (void)before;
    end += apostrophe;
    if (!(is_short || (digits == 4 && x >= 1100 && x <= 2100)) || x % 10 != 0) return 0;
    if (end >= n || !sotto_starts_with(p + end, n - end, "s")) return 0;
    if (is_short) say_below_thousand(b, x);
    else sotto_say_year(b, x);
    bool y = b->len > 0 && b->data[b->len - 1] == 'y';
    b->len -= y;
    (void)sotto_buf_puts(b, y ? "ies" : "s");
    return end + 1;
}

static bool sign_counts(char before) { return before == ' ' || before == '(' || before == '='; }

size_t sotto_rule_number(sotto_buf *b, const char *p, size_t n, char before) {
    sotto_number x;
    if ((p[0] == '-' || p[0] == '+') && !sign_counts(before)) return 0;
    size_t used = sotto_number_scan(p, n, &x);
    if (used == 0) return 0;
    if (p[0] == '+') sotto_say_words(b, "plus");
    if (x.n_part > 0 && sotto_char_at(p, n, used) == '.' && sotto_is_digit(sotto_char_at(p, n, used + 1))) {
        sotto_say_cardinal(b, x.whole, x.n_whole);
        sotto_say_words(b, "point");
        sotto_say_cardinal(b, x.part, x.n_part);
        return used + more_points(b, p + used, n - used);
    }
    if (sotto_is_year(&x)) sotto_say_year(b, sotto_int_of(x.whole, x.n_whole));
    else sotto_say_number_of(b, &x);
    return used;
}

size_t sotto_rule_ordinal(sotto_buf *b, const char *p, size_t n, char before) {
    static const char *const endings[] = {"st", "nd", "rd", "th"};
    sotto_number             x = {0};
    size_t                   used = scan_whole(p, n, &x);
    (void)before;
    for (size_t i = 0; used > 0 && i < SOTTO_COUNT(endings); i++)
        if (sotto_starts_with(p + used, n - used, endings[i])) {
            sotto_say_ordinal(b, x.whole, x.n_whole);
            return used + 2;
        }
    return 0;
}

/* "1/2" at p, its top below its bottom; the length, or 0. */
static size_t scan_fraction(const char *p, size_t n, int *top, int *bottom) {
    size_t a = sotto_digits_at(p, n), c;
    if (a == 0 || a > 2 || sotto_char_at(p, n, a) != '/' || a + 1 >= n) return 0;
    c = sotto_digits_at(p + a + 1, n - a - 1);
    char after = sotto_char_at(p, n, a + 1 + c);
    if (c == 0 || c > 2 || sotto_is_word(after) || after == '/') return 0;
    *top = sotto_int_of(p, a), *bottom = sotto_int_of(p + a + 1, c);
    return *top > 0 && *top < *bottom && (*bottom <= 10 || *bottom % 4 == 0) && *bottom <= 20 ? a + 1 + c : 0;
}

static void say_fraction(sotto_buf *b, int top, int bottom, bool after_whole) {
    char digits[2] = {(char)('0' + bottom / 10), (char)('0' + bottom % 10)};
    bool two = bottom >= 10;
    if (after_whole && top == 1) sotto_say_words(b, "a");
    else say_below_thousand(b, top);
    if (bottom == 2) sotto_say_words(b, "half");
    else if (bottom == 4) sotto_say_words(b, "quarter");
    else sotto_say_ordinal(b, digits + !two, two ? 2 : 1);
    if (top > 1) (void)sotto_buf_putc(b, 's');
}

/* "1/2", and "2 1/2". */
size_t sotto_rule_fraction(sotto_buf *b, const char *p, size_t n, char before) {
    int    top, bottom;
    size_t whole = sotto_digits_at(p, n), blank = 0, used;
    if (before == '/' || before == '.') return 0;
    if (whole > 0 && whole < 6 && sotto_char_at(p, n, whole) == ' ' && whole + 1 < n) {
        blank = whole + 1;
        used = scan_fraction(p + blank, n - blank, &top, &bottom);
    } else {
        used = scan_fraction(p, n, &top, &bottom);
    }
    if (used == 0) return 0;
    if (blank) sotto_say_cardinal(b, p, whole), sotto_say_words(b, "and");
    say_fraction(b, top, bottom, blank > 0);
    return blank + used;
}

/* Groups of digits that nobody reads as a number: "555-0123", "(415) 555-0123", "+1 415 555 0123". */
size_t sotto_rule_phone(sotto_buf *b, const char *p, size_t n, char before) {
    size_t begin[6], len[6], groups = 0, digits = 0, i = 0, end = 0;
    bool   plus = p[0] == '+', bracket = p[0] == '(';
    if (sotto_is_word(before) || before == '.' || before == '-') return 0;
    for (i = plus || bracket; groups < 6;) {
        size_t run = i < n ? sotto_digits_at(p + i, n - i) : 0;
        if (run == 0 || run > 4) break;
        begin[groups] = i, len[groups++] = run;
        digits += run, i += run, end = i;
        if (bracket && groups == 1 && sotto_char_at(p, n, i) == ')') i++;
        while (i < n && (p[i] == '-' || p[i] == ' ') && i < end + 2) i++;
        if (i == end) break;
    }
    bool dashed = groups == 2 && len[0] == 3 && len[1] == 4 && p[3] == '-' && p[end - 1] != '0' && !bracket;
    bool full = groups >= 3 && len[groups - 3] == 3 && len[groups - 2] == 3 && len[groups - 1] == 4 &&
                (groups == 3 || (groups == 4 && len[0] == 1));
    bool abroad = plus && groups > 2 && digits > 8;
    if (!(dashed || full || abroad) || sotto_is_word(sotto_char_at(p, n, end))) return 0;
    if (plus) sotto_say_words(b, "plus");
    for (size_t g = 0; g < groups; g++) {
        sotto_say_digits(b, p + begin[g], len[g]);
        if (g + 1 < groups) sotto_say_mark(b, ',');
    }
    return end;
}
