/* The clock: when people mean, and how a time is said. */
#include <stdio.h>

#include "chat/toolbox.h"

static const char *const weekdays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July", "August",
                                     "September", "October", "November", "December"};

/* ---- said ----------------------------------------------------------------------------------------------- */

void sotto_say_time(sotto_buf *b, const sotto_wall *w) {
    if (w->minute == 0 && w->hour % 12 == 0) {
        (void)sotto_buf_puts(b, w->hour ? "noon" : "midnight");
        return;
    }
    (void)sotto_buf_printf(b, "%d", w->hour % 12 ? w->hour % 12 : 12);
    if (w->minute) (void)sotto_buf_printf(b, ":%02d", w->minute);
    (void)sotto_buf_puts(b, w->hour < 12 ? " AM" : " PM");
}

void sotto_say_date(sotto_buf *b, const sotto_wall *w, bool year) {
    (void)sotto_buf_printf(b, "%s, %s %d", weekdays[w->weekday], months[w->month - 1], w->day);
    if (year) (void)sotto_buf_printf(b, ", %d", w->year);
}

/* Days from the one to the other, by the calendar. */
static int64_t days_between(const sotto_wall *from, const sotto_wall *to) {
    return sotto_wall_as_utc(to) / 86400 - sotto_wall_as_utc(from) / 86400;
}

void sotto_say_when(sotto_buf *b, int64_t t, int64_t now) {
    sotto_wall w, today;
    if (!sotto_wall_from_unix(&w, t) || !sotto_wall_from_unix(&today, now)) return;
    int64_t ahead = days_between(&today, &w);
    if (ahead == 0 || ahead == 1) (void)sotto_buf_puts(b, ahead ? "tomorrow" : "today");
    else if (ahead > 1 && ahead < 7) (void)sotto_buf_puts(b, weekdays[w.weekday]);
    else sotto_say_date(b, &w, w.year != today.year);
    (void)sotto_buf_puts(b, " at ");
    sotto_say_time(b, &w);
}

void sotto_clock_iso(sotto_buf *b, int64_t t, int64_t now) {
    sotto_wall w, today;
    if (!sotto_wall_from_unix(&w, t) || !sotto_wall_from_unix(&today, now)) return;
    if (days_between(&today, &w) != 0) (void)sotto_buf_printf(b, "%04d-%02d-%02dT", w.year, w.month, w.day);
    (void)sotto_buf_printf(b, "%02d:%02d", w.hour, w.minute);
}

/* ---- meant ---------------------------------------------------------------------------------------------- */

typedef enum word_kind { FILLER, DAYS, WEEKDAY, MONTH, CLOCK, HALF, PART } word_kind;

/* Weekdays and months may be cut to three letters or more. The hour of a part of the day is the one that is meant when
 * none is given. */
static const struct {
    const char *text;
    word_kind   kind;
    int         value; /* days from today; weekday; month; hour; hours to add to the half; hour */
} words[] = {
    {"at", FILLER, 0}, {"on", FILLER, 0}, {"the", FILLER, 0}, {"next", FILLER, 0}, {"this", FILLER, 0},
    {"in", FILLER, 0}, {"of", FILLER, 0}, {"o'clock", FILLER, 0}, {"by", FILLER, 0}, {"and", FILLER, 0},
    {"today", DAYS, 0}, {"tomorrow", DAYS, 1}, {"sunday", WEEKDAY, 0}, {"monday", WEEKDAY, 1}, {"tuesday", WEEKDAY, 2},
    {"wednesday", WEEKDAY, 3}, {"thursday", WEEKDAY, 4}, {"friday", WEEKDAY, 5}, {"saturday", WEEKDAY, 6},
    {"january", MONTH, 1}, {"february", MONTH, 2}, {"march", MONTH, 3}, {"april", MONTH, 4}, {"may", MONTH, 5},
    {"june", MONTH, 6}, {"july", MONTH, 7}, {"august", MONTH, 8}, {"september", MONTH, 9}, {"october", MONTH, 10},
    {"november", MONTH, 11}, {"december", MONTH, 12}, {"noon", CLOCK, 12}, {"midday", CLOCK, 12},
    {"midnight", CLOCK, 24}, {"am", HALF, 0}, {"pm", HALF, 12}, {"a.m.", HALF, 0}, {"p.m.", HALF, 12},
    {"morning", PART, 9}, {"afternoon", PART, 15}, {"evening", PART, 19}, {"night", PART, 19}, {"tonight", PART, 19}};

/* What has been understood so far; -1: nothing. */
typedef struct moment {
    int  days, weekday, year, month, day;
    int  hour, minute;
    bool open;  /* whether before or after noon is not known */
    bool plain; /* the hour is a number without anything: it may still turn out to be the day of a month */
    int  half, part;
    int  zone; /* minutes east of UTC; ZONE_HERE */
} moment;
enum { ZONE_HERE = 10000 };

/* Up to `most` digits. */
static bool take_number(const char **p, int most, int *out) {
    const char *begin = *p;
    for (*out = 0; **p >= '0' && **p <= '9' && *p - begin < most; (*p)++) *out = *out * 10 + (**p - '0');
    return *p > begin;
}

/* "Z", "+01:00", "+0100". */
static bool take_zone(const char **p, moment *m) {
    int hours, minutes = 0, sign = **p == '-' ? -1 : 1;
    if (*(*p)++ == 'z') return m->zone = 0, true;
    if (!take_number(p, 2, &hours)) return false;
    *p += **p == ':';
    (void)take_number(p, 2, &minutes);
    m->zone = sign * (hours * 60 + minutes);
    return hours <= 14 && minutes < 60;
}

static bool is_ordinal(const char *p) {
    return strcmp(p, "st") == 0 || strcmp(p, "nd") == 0 || strcmp(p, "rd") == 0 || strcmp(p, "th") == 0;
}

/* "17:00", "7:30?", "8.15pm", "8pm", "8", "26th", "2026", "08:00:00+01:00"; the whole word or nothing. */
static bool read_clock(const char *p, moment *m) {
    int first, second;
    if (!take_number(&p, 4, &first)) return false;
    if (m->month > 0 && m->year < 0 && first > 31) return m->year = first, *p == '\0';
    if (m->month > 0 && m->day < 0 && *p != ':') {
        m->day = first;
        return *p == '\0' || is_ordinal(p);
    }
    if (m->hour >= 0) return false;
    m->hour = first;
    m->minute = 0;
    m->plain = m->open = *p == '\0' || *p == '?';
    if (first > 99) return m->hour = first / 100, m->minute = first % 100, m->plain = m->open = false, *p == '\0';
    if (*p == ':' || *p == '.' || *p == 'h') {
        p++;
        if (!take_number(&p, 2, &m->minute)) return false;
        if (*p == ':' || *p == '.') p++, (void)take_number(&p, 2, &second);
        if (*p == '.') p++, (void)take_number(&p, 9, &second);
        m->open = *p == '?';
        if (*p == 'z' || *p == '+' || *p == '-') return take_zone(&p, m) && *p == '\0';
    }
    if (*p == '?') return p[1] == '\0';
    if (strcmp(p, "am") == 0 || strcmp(p, "a.m.") == 0) return m->half = 0, true;
    if (strcmp(p, "pm") == 0 || strcmp(p, "p.m.") == 0) return m->half = 12, true;
    if (is_ordinal(p)) return m->plain = true;
    return *p == '\0';
}

/* "2026-11-26", with a time behind "t" or without. */
static bool read_date(const char *p, moment *m) {
    if (!take_number(&p, 4, &m->year) || *p++ != '-') return false;
    if (!take_number(&p, 2, &m->month) || *p++ != '-') return false;
    if (!take_number(&p, 2, &m->day)) return false;
    return *p == '\0' || (*p == 't' && read_clock(p + 1, m));
}

static bool read_word(const char *word, moment *m) {
    size_t n = strlen(word), i = 0, letters = n > 0 && word[n - 1] == '.' ? n - 1 : n;
    if (n > 5 && word[4] == '-') return m->year < 0 && m->month < 0 && read_date(word, m);
    if (*word >= '0' && *word <= '9') return read_clock(word, m);
    for (;; i++) {
        if (i == SOTTO_COUNT(words)) return false;
        bool cut = (words[i].kind == WEEKDAY || words[i].kind == MONTH) && letters >= 3;
        if (strcmp(words[i].text, word) == 0 || (cut && strncmp(words[i].text, word, letters) == 0)) break;
    }
    int value = words[i].value;
    switch (words[i].kind) {
    case FILLER: return true;
    case DAYS: return m->days = value, true;
    case WEEKDAY: return m->weekday = value, true;
    case CLOCK: return m->hour < 0 && (m->hour = value, m->minute = 0, true);
    case HALF: return m->half < 0 && (m->half = value, true);
    case PART:
        if (strcmp(word, "tonight") == 0) m->days = 0;
        return m->part < 0 && (m->part = value, true);
    case MONTH: break;
    }
    m->month = value;
    if (m->plain) m->day = m->hour, m->hour = -1, m->plain = false; /* "26 november" */
    return true;
}

/* The hour of the day, from what is known of it. False: there is no such hour. */
static bool settle_hour(moment *m) {
    bool day = m->days >= 0 || m->weekday >= 0 || m->month > 0;
    if (m->hour < 0 && m->half >= 0) return false;
    if (m->hour == 24 && m->minute == 0) m->hour = 0, m->days += m->days == 0; /* the end of today */
    if (m->hour < 0) m->hour = m->part >= 0 ? m->part : 9, m->minute = 0, m->open = false;
    else if (m->part >= 0 && m->half < 0 && m->hour <= 12)
        m->half = m->part < 12 || (m->hour == 12 && m->part > 15) || (m->hour < 5 && m->part > 15) ? 0 : 12;
    if (m->hour == 0 || m->hour > 12) m->open = false;
    if (m->half == 0 && m->hour > 12) return false;
    if (m->half >= 0 && m->hour <= 12) m->hour = m->hour % 12 + m->half, m->open = false;
    if (m->open && day && m->days != 0) /* of a day that is not today the waking hours are meant */
        m->hour = m->hour % 12 + (m->hour >= 7 && m->hour < 12 ? 0 : 12), m->open = false;
    if (m->open) m->hour %= 12;
    return m->hour < 24 && m->minute < 60;
}

/* The time on a day that is `days` after the one of `w`, or by the calendar where it is given; in `year`. */
static bool on_day(const moment *m, sotto_wall w, int days, int year, int hour, int64_t *out) {
    w.hour = hour, w.minute = m->minute, w.second = 0;
    if (m->month > 0) {
        sotto_wall noon = {.year = year, .month = m->month, .day = m->day, .hour = 12}, same;
        int64_t    t;
        if (!sotto_wall_to_unix(&noon, &t) || !sotto_wall_from_unix(&same, t) || same.day != m->day) return false;
        w.year = year, w.month = m->month, w.day = m->day;
    } else {
        w.day += days;
    }
    if (m->zone == ZONE_HERE) return sotto_wall_to_unix(&w, out);
    *out = sotto_wall_as_utc(&w) - m->zone * 60;
    return true;
}

/* The first time after `now` that fits. A date without a year may lie in the next ones: the 29th of February is eight
 * years away at most. */
static bool first_after(const moment *m, int64_t now, int64_t *out) {
    sotto_wall today;
    bool       date = m->month > 0;
    int        last = date ? (m->year < 0 ? 8 : 0) : m->days >= 0 ? m->days : 8;
    if (!sotto_wall_from_unix(&today, now)) return false;
    for (int i = !date && m->days >= 0 ? m->days : 0; i <= last; i++)
        for (int half = 0; half <= (m->open ? 12 : 0); half += 12) {
            bool other = m->weekday >= 0 && !date && (today.weekday + i) % 7 != m->weekday;
            int  year = m->year < 0 ? today.year + i : m->year;
            if (!other && on_day(m, today, i, year, m->hour + half, out) && *out > now) return true;
        }
    return false;
}

bool sotto_clock_parse(const char *at, int64_t now, int64_t *out, sotto_buf *why) {
    moment m = {-1, -1, -1, -1, -1, -1, 0, false, false, -1, -1, ZONE_HERE};
    char   word[32];
    bool   understood = true, anything = false;
    for (const char *p = at; understood;) {
        p += strspn(p, " ,");
        size_t n = strcspn(p, " ,");
        if (n == 0) break;
        understood = n < sizeof word;
        for (size_t i = 0; i < n && understood; i++) word[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
        word[understood ? n : 0] = '\0';
        understood = understood && read_word(word, &m);
        p += n;
    }
    anything = m.days >= 0 || m.weekday >= 0 || m.month > 0 || m.hour >= 0 || m.part >= 0;
    if (!understood || !anything || (m.month > 0 && (m.day < 1 || m.month > 12)) || !settle_hour(&m)) {
        (void)sotto_buf_printf(why, "I do not understand the time \"%s\". Times are written like \"17:00\", "
                               "\"8:15 pm\", \"tomorrow 08:00\", \"friday\" or \"2026-11-26T08:00\".", at);
        return false;
    }
    if (first_after(&m, now, out)) return true;
    (void)sotto_buf_printf(why, "The time \"%s\" is already over, or there is no such day.", at);
    return false;
}
