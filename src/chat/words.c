/* Words: numbers and durations as English says them, and what makes two texts the same to people. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "chat/toolbox.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_whole(double x) { return fabs(x) <= 9007199254740992.0 && x == floor(x); }

/* ---- numbers -------------------------------------------------------------------------------------------- */

/* The digits of a positive number, zeros at the end left out, and the power of ten of the first of them. The decimal
 * point that printf writes is the locale's, so it is stepped over. */
static int digits_of(double x, int n, char out[32]) {
    char   text[48];
    size_t len = 0;
    (void)snprintf(text, sizeof text, "%.*e", n - 1, x);
    const char *p = text;
    for (; *p && *p != 'e'; p++)
        if (is_digit(*p) && len < 31) out[len++] = *p;
    while (len > 1 && out[len - 1] == '0') len--;
    out[len] = '\0';
    return *p ? (int)strtol(p + 1, NULL, 10) : 0;
}

void sotto_say_number(sotto_buf *b, double x, int digits, bool aloud) {
    char text[32];
    if (x < 0) (void)sotto_buf_puts(b, aloud ? "minus " : "-");
    x = fabs(x);
    if (is_whole(x)) {
        (void)sotto_buf_printf(b, "%.0f", x);
        return;
    }
    int power = digits_of(x, 17, text);
    power = digits_of(x, power < 15 ? SOTTO_MAX(digits, power + 1) : digits, text); /* no rounding before the point */
    int n = (int)strlen(text);
    if (power < -9 || power >= 15) {
        (void)sotto_buf_printf(b, "%c%s%s", text[0], n > 1 ? "." : "", text + 1);
        if (!aloud) (void)sotto_buf_printf(b, "e%d", power);
        else (void)sotto_buf_printf(b, " times 10 to the power of %s%d", power < 0 ? "minus " : "", abs(power));
        return;
    }
    (void)sotto_buf_puts(b, power < 0 ? "0." : "");
    for (int i = power + 1; i < 0; i++) (void)sotto_buf_putc(b, '0');
    for (int i = 0; i < n || i <= power; i++) {
        if (i == power + 1 && power >= 0) (void)sotto_buf_putc(b, '.');
        (void)sotto_buf_putc(b, i < n ? text[i] : '0');
    }
}

double sotto_round_digits(double x, int digits) {
    if (x == 0 || is_whole(x) || fabs(x) > 1e15 || fabs(x) < 1e-200) return x;
    double scale = pow(10, digits - 1 - floor(log10(fabs(x))));
    return round(x * scale) / scale;
}

json_t *sotto_json_number(double x) {
    x = sotto_round_digits(x, SOTTO_DIGITS);
    return is_whole(x) ? json_integer((json_int_t)x) : json_real(x);
}

void sotto_say_count(sotto_buf *b, int64_t n, const char *word) {
    (void)sotto_buf_printf(b, "%lld %s%s", (long long)n, word, n == 1 ? "" : "s");
}

const char *sotto_say_comma(size_t i, size_t n) { return i == 0 ? "" : i + 1 < n ? ", " : " and "; }

void sotto_say_duration(sotto_buf *b, int64_t seconds, int most_units) {
    static const struct {
        int64_t     seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    int first = 0, last;
    seconds = SOTTO_MIN(SOTTO_MAX(seconds, 0), SOTTO_TIME_MAX);
    while (first < 3 && seconds < units[first].seconds) first++;
    last = SOTTO_MIN(first + most_units - 1, 3);
    int64_t step = units[last].seconds;
    seconds = (seconds + step / 2) / step * step; /* which may reach the next larger unit */
    int64_t amount[4];
    size_t  n = 0, said = 0;
    for (int i = 0; i < 4; i++) {
        amount[i] = seconds / units[i].seconds;
        seconds %= units[i].seconds;
        n += amount[i] > 0;
    }
    for (int i = 0; i < 4; i++) {
        if (amount[i] == 0 && !(n == 0 && i == 3)) continue;
        (void)sotto_buf_puts(b, sotto_say_comma(said++, n));
        sotto_say_count(b, amount[i], units[i].name);
    }
}

/* ---- what is the same --------------------------------------------------------------------------------------- */

void sotto_words_clean(sotto_buf *b, const char *text) {
    bool gap = false;
    for (size_t begin = b->len; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= ' ' || c == 0x7f) {
            gap = true;
            continue;
        }
        if (gap && b->len > begin) (void)sotto_buf_putc(b, ' ');
        gap = false;
        (void)sotto_buf_putc(b, (char)c);
    }
}

/* The small letter of a capital, in the alphabets where it is a fixed distance away. */
static uint32_t small_letter(uint32_t c) {
    static const struct {
        uint32_t first, last, distance;
    } ranges[] = {{'A', 'Z', 32}, {0xc0, 0xd6, 32}, {0xd8, 0xde, 32}, {0x391, 0x3a9, 32}, {0x400, 0x40f, 80},
                  {0x410, 0x42f, 32}};
    for (size_t i = 0; i < SOTTO_COUNT(ranges); i++)
        if (c >= ranges[i].first && c <= ranges[i].last) return c + ranges[i].distance;
    return c;
}

/* What of a character stays: marks between digits ("1.5") and those of names like "c++" do, apostrophes vanish, all
 * else parts words. */
static void fold(sotto_buf *b, const char *text) {
    size_t n = strlen(text);
    for (size_t i = 0, used; i < n; i += used) {
        uint32_t c;
        char     bytes[4];
        used = sotto_utf8_decode(text + i, n - i, &c);
        bool in_number = i > 0 && is_digit(text[i - 1]) && is_digit(text[i + used]);
        if (c == '\'' || c == 0x2019) continue;
        bool kept = is_digit((char)c) || (c | 32) - 'a' < 26u || c == '+' || c == '#' || in_number || c >= 0x80;
        (void)sotto_buf_append(b, bytes, sotto_utf8_encode(kept ? small_letter(c) : ' ', bytes));
    }
}

/* The length of a word without its plural's ending, so that both "battery" and "batteries" become "battery", and both
 * "potato" and "potatoes" "potato". It is no English word at times ("appl"), but the same one. */
static size_t singular(char *word, size_t n) {
    if (n >= 4 && word[n - 1] == 's' && word[n - 2] != 's') n--;
    if (n >= 3 && word[n - 1] == 'e' && word[n - 2] == 'i') {
        word[--n - 1] = 'y';
        return n;
    }
    return n >= 4 && word[n - 1] == 'e' ? n - 1 : n;
}

const char *sotto_words_bare(const char *text) {
    static const char *const words[] = {"the", "my", "our", "your", "a", "an"};
    for (size_t i = 0; i < SOTTO_COUNT(words); i++) {
        size_t n = 0;
        while (words[i][n] && (text[n] | 32) == words[i][n]) n++;
        if (words[i][n] == '\0' && text[n] == ' ' && text[n + 1]) return sotto_words_bare(text + n + 1);
    }
    return text;
}

void sotto_words_key(sotto_buf *b, const char *text, const char *gap) {
    sotto_buf folded = {0};
    size_t    begin = b->len;
    fold(&folded, sotto_words_bare(text));
    for (char *p = folded.data; p && *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (n > 0 && b->len > begin) (void)sotto_buf_puts(b, gap);
        if (n > 0) (void)sotto_buf_append(b, p, singular(p, n));
        p += n;
    }
    if (b->len == begin) (void)sotto_buf_puts(b, text); /* nothing but marks: they are what is meant */
    b->failed |= folded.failed;
    sotto_buf_free(&folded);
}

bool sotto_words_within(const char *part, const char *whole) {
    sotto_buf a = {0}, b = {0};
    (void)sotto_buf_putc(&a, ' '), (void)sotto_buf_putc(&b, ' ');
    sotto_words_key(&a, part, " "), sotto_words_key(&b, whole, " ");
    bool within = sotto_buf_putc(&a, ' ') && sotto_buf_putc(&b, ' ') && strstr(b.data, a.data);
    sotto_buf_free(&a), sotto_buf_free(&b);
    return within;
}

void sotto_say_end(sotto_buf *b) {
    if (b->len > 0 && !strchr(".!?", b->data[b->len - 1])) (void)sotto_buf_putc(b, '.');
}
