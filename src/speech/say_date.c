/* Dates and times of day. */
#include "speech/say.h"

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

/* The month that p begins with, 1..12, in full or by three letters (and "Sept"), with its point; 0: none. */
static int scan_month(const char *p, size_t n, size_t *len) {
    size_t letters = 0;
    while (letters < n && ((unsigned)(p[letters] | 32) - 'a') < 26) letters++;
    if (letters < 3 || !sotto_is_upper(p[0])) return 0;
    for (int m = 0; m < 12; m++) {
        size_t full = strlen(months[m]), same = 1;
        if (p[0] != months[m][0]) continue;
        while (same < letters && same < full && (p[same] | 32) == months[m][same]) same++;
        if (same != letters || (letters != full && letters != 3 && !(m == 8 && letters == 4))) continue;
        *len = letters + (letters < full && sotto_char_at(p, n, letters) == '.');
        return m + 1;
    }
    return 0;
}

/* 1..31 with or without "st"; its length, or 0. */
static size_t scan_day(const char *p, size_t n, size_t *digits) {
    *digits = sotto_digits_at(p, n);
    int day = sotto_int_of(p, *digits);
    if (*digits < 1 || *digits > 2 || day < 1 || day > 31) return 0;
    const char *rest = p + *digits;
    size_t      left = n - *digits;
    bool        ending = sotto_starts_with(rest, left, "st") || sotto_starts_with(rest, left, "nd") ||
                  sotto_starts_with(rest, left, "rd") || sotto_starts_with(rest, left, "th");
    if (ending) return *digits + 2;
    return sotto_is_word(sotto_char_at(p, n, *digits)) ? 0 : *digits;
}

/* " 2026" or ", 2026"; its length, or 0. */
static size_t scan_year_after(const char *p, size_t n, int *year) {
    size_t i = sotto_char_at(p, n, 0) == ',' && n > 0 ? 1 : 0;
    if (i >= n || p[i] != ' ' || sotto_digits_at(p + i + 1, n - i - 1) != 4) return 0;
    *year = sotto_int_of(p + i + 1, 4);
    char after = sotto_char_at(p, n, i + 5), more = sotto_char_at(p, n, i + 6);
    bool goes_on = sotto_is_word(after) || after == ':' || ((after == '.' || after == ',') && sotto_is_digit(more));
    return goes_on || *year < 1000 || *year > 2199 ? 0 : i + 5;
}

static void say_day(sotto_buf *b, int month, const char *digits, size_t n_digits) {
    sotto_say_words(b, months[month - 1]);
    while (n_digits > 1 && digits[0] == '0') digits++, n_digits--;
    sotto_say_ordinal(b, digits, n_digits);
}

/* "November 26, 2026", "Nov. 26th", "Nov 3-5", "November 2026". */
static size_t month_first(sotto_buf *b, const char *p, size_t n) {
    size_t len, digits, used;
    int    month = scan_month(p, n, &len), year;
    if (month == 0 || sotto_char_at(p, n, len) != ' ') return 0;
    used = scan_year_after(p + len, n - len, &year);
    if (used > 0 && p[len] == ' ') {
        sotto_say_words(b, months[month - 1]);
        sotto_say_year(b, year);
        return len + used;
    }
    if (len + 1 >= n) return 0;
    size_t day = scan_day(p + len + 1, n - len - 1, &digits), end = len + 1 + day;
    if (day == 0 || sotto_char_at(p, n, end) == ':' || sotto_char_at(p, n, end) == '%') return 0;
    say_day(b, month, p + len + 1, digits);
    if (sotto_char_at(p, n, end) == '-' && end + 1 < n && (day = scan_day(p + end + 1, n - end - 1, &digits)) > 0) {
        sotto_say_words(b, "to");
        sotto_say_ordinal(b, p + end + 1, digits);
        end += 1 + day;
    }
    used = end < n ? scan_year_after(p + end, n - end, &year) : 0;
    if (used > 0) sotto_say_mark(b, ','), sotto_say_year(b, year);
    return end + used;
}

/* "26 Nov 2026", "26th of November". */
static size_t day_first(sotto_buf *b, const char *p, size_t n) {
    size_t digits, len, day = scan_day(p, n, &digits), at = day + 1;
    int    year;
    if (day == 0 || sotto_char_at(p, n, day) != ' ' || at >= n) return 0;
    if (day > digits && sotto_starts_with(p + at, n - at, "of") && at + 3 < n) at += 3;
    int month = scan_month(p + at, n - at, &len);
    if (month == 0 || sotto_is_word(sotto_char_at(p, n, at + len))) return 0;
    if (sotto_str_ends(sotto_buf_str(b), "the") || sotto_str_ends(sotto_buf_str(b), "The")) {
        sotto_say_ordinal(b, p, digits);
        sotto_say_words(b, "of");
        sotto_say_words(b, months[month - 1]);
    } else {
        say_day(b, month, p, digits);
    }
    at += len;
    size_t used = at < n ? scan_year_after(p + at, n - at, &year) : 0;
    if (used > 0) sotto_say_mark(b, ','), sotto_say_year(b, year);
    return at + used;
}

/* Digits of these lengths with a mark between them, which no digit and no such mark follows; the length, or 0. */
static size_t scan_three(const char *p, size_t n, char mark, int value[3], size_t begin[3], size_t len[3]) {
    size_t i = 0;
    for (int part = 0; part < 3; part++) {
        if (part > 0 && (i >= n || p[i++] != mark)) return 0;
        begin[part] = i, len[part] = i < n ? sotto_digits_at(p + i, n - i) : 0;
        if (len[part] == 0 || len[part] > 4) return 0;
        value[part] = sotto_int_of(p + i, len[part]);
        i += len[part];
    }
    char after = sotto_char_at(p, n, i);
    bool clock_follows = after == 'T' && sotto_is_digit(sotto_char_at(p, n, i + 1));
    return after == mark || (sotto_is_word(after) && !clock_follows) ? 0 : i + clock_follows;
}

static bool is_day(int month, int day) { return month >= 1 && month <= 12 && day >= 1 && day <= 31; }

/* "2026-11-26", "11/26/2026". */
static size_t digits_only(sotto_buf *b, const char *p, size_t n) {
    int    v[3];
    size_t begin[3], len[3], used = scan_three(p, n, '-', v, begin, len);
    if (used > 0 && len[0] == 4 && len[1] <= 2 && len[2] <= 2 && is_day(v[1], v[2])) {
        say_day(b, v[1], p + begin[2], len[2]);
        sotto_say_mark(b, ',');
        sotto_say_year(b, v[0]);
        return used;
    }
    used = scan_three(p, n, '/', v, begin, len);
    if (used == 0 || len[0] > 2 || len[1] > 2 || (len[2] != 2 && len[2] != 4) || !is_day(v[0], v[1])) return 0;
    say_day(b, v[0], p + begin[1], len[1]);
    sotto_say_mark(b, ',');
    sotto_say_year(b, len[2] == 4 ? v[2] : v[2] < 50 ? 2000 + v[2] : 1900 + v[2]);
    return used;
}

size_t sotto_rule_date(sotto_buf *b, const char *p, size_t n, char before) {
    if (sotto_is_letter(p[0])) return month_first(b, p, n);
    if (!sotto_is_digit(p[0]) || before == '$' || before == '.' || before == '-') return 0;
    size_t used = digits_only(b, p, n);
    return used > 0 ? used : day_first(b, p, n);
}

/* ---- times ---------------------------------------------------------------------------------------------- */

/* " PM", "pm", "p.m."; 'A' or 'P' and its length; 0: none. */
static char scan_half(const char *p, size_t n, size_t *len) {
    size_t i = sotto_char_at(p, n, 0) == ' ' && n > 0 ? 1 : 0;
    char   half = (char)(sotto_char_at(p, n, i) & ~32);
    if (half != 'A' && half != 'P') return 0;
    bool dotted = sotto_char_at(p, n, i + 1) == '.';
    if ((sotto_char_at(p, n, i + 1 + dotted) | 32) != 'm') return 0;
    if (sotto_is_word(sotto_char_at(p, n, i + 2 + dotted))) return 0;
    *len = i + 2 + dotted + (dotted && sotto_char_at(p, n, i + 3) == '.');
    return half;
}

static void say_clock(sotto_buf *b, const char *hour, size_t n_hour, int minute, const char *minutes, bool half) {
    while (n_hour > 1 && hour[0] == '0') hour++, n_hour--;
    sotto_say_cardinal(b, hour, n_hour);
    if (minute >= 10) sotto_say_cardinal(b, minutes, 2);
    else if (minute > 0) sotto_say_words(b, "oh"), sotto_say_digits(b, minutes + 1, 1);
    else if (!half) sotto_say_words(b, n_hour == 2 && sotto_int_of(hour, 2) > 12 ? "hundred" : "o'clock");
}

/* "17:05", "5:30 PM", "5 p.m.", "7:45:10". A point of "p.m." that ends the text is its end as well, see say.c. */
size_t sotto_rule_time(sotto_buf *b, const char *p, size_t n, char before) {
    size_t hour = sotto_digits_at(p, n), used = hour, len = 0, minutes = hour + 1;
    int    minute = 0, second = 0;
    bool   clock = sotto_char_at(p, n, hour) == ':' && minutes < n && sotto_digits_at(p + minutes, n - minutes) == 2;
    if (hour < 1 || hour > 2 || sotto_int_of(p, hour) > 24 || before == ':' || before == '.') return 0;
    if (clock) {
        minute = sotto_int_of(p + minutes, 2);
        used += 3;
        if (sotto_char_at(p, n, used) == ':' && used + 1 < n && sotto_digits_at(p + used + 1, n - used - 1) == 2) {
            second = sotto_int_of(p + used + 1, 2);
            used += 3;
        }
    }
    char half = used < n ? scan_half(p + used, n - used, &len) : 0;
    if ((!clock && !half) || minute > 59 || second > 59) return 0;
    if (!half && sotto_is_word(sotto_char_at(p, n, used))) return 0;
    say_clock(b, p, hour, minute, p + minutes, half != 0);
    if (second > 0) {
        char digits[2] = {(char)('0' + second / 10), (char)('0' + second % 10)};
        sotto_say_words(b, "and");
        sotto_say_cardinal(b, digits + (second < 10), second < 10 ? 1 : 2);
        sotto_say_words(b, second == 1 ? "second" : "seconds");
    }
    if (half) sotto_say_words(b, half == 'A' ? "A M" : "P M");
    used += len;
    if (sotto_char_at(p, n, used) != '-' || !sotto_is_digit(sotto_char_at(p, n, used + 1))) return used;
    sotto_say_words(b, "to"); /* "9am-5pm" */
    return used + 1;
}
