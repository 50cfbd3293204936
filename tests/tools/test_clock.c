/* What times mean and how they are said, in several time zones. The zones are written as POSIX has them, so that no
 * tables of zones are needed; the instants come from date(1). */
#define _POSIX_C_SOURCE 200809L
#include "chat/toolbox.h"
#include "test.h"

static const char *const berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
static const char *const new_york = "EST5EDT,M3.2.0,M11.1.0";

enum { THURSDAY_1PM = 1795694400 }; /* 2026-11-26 13:00 in Berlin */

/* When it is, said and written; or the sentence. */
static const char *meant(const char *at, int64_t now) {
    static char text[512];
    int64_t     t;
    sotto_buf   b = {0};
    if (sotto_clock_parse(at, now, &t, &b)) {
        sotto_say_when(&b, t, now);
        (void)sotto_buf_puts(&b, ", ");
        sotto_clock_iso(&b, t, SOTTO_NO_DAY);
    }
    (void)snprintf(text, sizeof text, "%s", b.data ? b.data : "");
    sotto_buf_free(&b);
    return text;
}

static int64_t instant(const char *at, int64_t now) {
    int64_t   t = -1;
    sotto_buf why = {0};
    (void)sotto_clock_parse(at, now, &t, &why);
    sotto_buf_free(&why);
    return t;
}

TEST(forms_of_the_small_model) {
    static const char *const cases[][2] = {
        {"17:00", "today at 5 PM, 2026-11-26T17:00"},
        {"08:00", "tomorrow at 8 AM, 2026-11-27T08:00"},
        {"13:00", "tomorrow at 1 PM, 2026-11-27T13:00"},
        {"13:01", "today at 1:01 PM, 2026-11-26T13:01"},
        {"00:00", "tomorrow at midnight, 2026-11-27T00:00"},
        {"7:30?", "today at 7:30 PM, 2026-11-26T19:30"},
        {"12:30?", "tomorrow at 12:30 AM, 2026-11-27T00:30"},
        {"1:00?", "tomorrow at 1 AM, 2026-11-27T01:00"},
        {"tomorrow", "tomorrow at 9 AM, 2026-11-27T09:00"},
        {"tomorrow 08:00", "tomorrow at 8 AM, 2026-11-27T08:00"},
        {"tomorrow 7:00?", "tomorrow at 7 AM, 2026-11-27T07:00"},
        {"tomorrow 3:00?", "tomorrow at 3 PM, 2026-11-27T15:00"},
        {"tomorrow 12:00?", "tomorrow at noon, 2026-11-27T12:00"},
        {"tuesday 9:00?", "Tuesday at 9 AM, 2026-12-01T09:00"},
        {"friday", "tomorrow at 9 AM, 2026-11-27T09:00"},
        {"thursday", "Thursday, December 3 at 9 AM, 2026-12-03T09:00"},
        {"thursday 19:00", "today at 7 PM, 2026-11-26T19:00"},
        {"thursday 1:30?", "today at 1:30 PM, 2026-11-26T13:30"},
        {"wednesday 16:15", "Wednesday at 4:15 PM, 2026-12-02T16:15"}};
    (void)setenv("TZ", berlin, 1);
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) CHECK_STR(meant(cases[i][0], THURSDAY_1PM), cases[i][1]);
}

TEST(forms_of_other_models) {
    static const char *const cases[][2] = {
        {"2026-11-26T18:00", "2026-11-26T18:00"}, {"2026-11-27 08:05", "2026-11-27T08:05"}, {"2026-12-24",
        "2026-12-24T09:00"},
        {"2026-11-27T08:00:30", "2026-11-27T08:00"}, {"2026-11-27T08:00:00.000Z", "2026-11-27T09:00"},
        {"2026-11-27T08:00+05:30", "2026-11-27T03:30"}, {"2026-11-27T08:00-0500", "2026-11-27T14:00"},
        {"8 am", "2026-11-27T08:00"}, {"8am", "2026-11-27T08:00"}, {"8:15 pm", "2026-11-26T20:15"}, {"8:15pm",
        "2026-11-26T20:15"},
        {"8 P.M.", "2026-11-26T20:00"}, {"12 am", "2026-11-27T00:00"}, {"12 pm", "2026-11-27T12:00"}, {"8",
        "2026-11-26T20:00"},
        {"8.30 pm", "2026-11-26T20:30"}, {"17h30", "2026-11-26T17:30"}, {"1730", "2026-11-26T17:30"}, {"0800",
        "2026-11-27T08:00"},
        {"at 5 o'clock", "2026-11-26T17:00"}, {"noon", "2026-11-27T12:00"}, {"midnight", "2026-11-27T00:00"},
        {"tonight at midnight", "2026-11-27T00:00"}, {"today 24:00", "2026-11-27T00:00"}, {"tonight",
        "2026-11-26T19:00"},
        {"tonight at 8", "2026-11-26T20:00"}, {"this evening", "2026-11-26T19:00"}, {"tomorrow morning",
        "2026-11-27T09:00"},
        {"tomorrow morning at 7:15", "2026-11-27T07:15"}, {"friday afternoon", "2026-11-27T15:00"}, {"next Monday",
        "2026-11-30T09:00"},
        {"Friday, 8 PM", "2026-11-27T20:00"}, {"Tue at 8:00 am", "2026-12-01T08:00"}, {"december 3 at noon",
        "2026-12-03T12:00"},
        {"3 December", "2026-12-03T09:00"}, {"Dec. 3rd, 2027 at 4 pm", "2027-12-03T16:00"}, {"the 3rd of december",
        "2026-12-03T09:00"},
        {"november 26 at 8 am", "2027-11-26T08:00"}, {"february 29", "2028-02-29T09:00"}, {"8 in the evening",
        "2026-11-26T20:00"}};
    (void)setenv("TZ", berlin, 1);
    for (size_t i = 0; i < SOTTO_COUNT(cases); i++) {
        const char *got = meant(cases[i][0], THURSDAY_1PM), *iso = strrchr(got, ',');
        if (!iso || strcmp(iso + 2, cases[i][1]) != 0) printf("%s: ", cases[i][0]);
        CHECK_STR(iso ? iso + 2 : got, cases[i][1]);
    }
}

TEST(what_is_not_understood_or_over) {
    static const char *const unclear[] = {"", " ", "soon", "25:00", "12:60", "13 am", "pm", "12:5:x", "2026-13-01",
    "2026-11", "12:00 13:00",
                                          "8 am pm", "99999999999", "2026-11-26T", "am 8 9", "december", "\xff\xfe",
                                          "17:00Q",
                                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                          "2026-11-27T08:00+99:00"};
    (void)setenv("TZ", berlin, 1);
    for (size_t i = 0; i < SOTTO_COUNT(unclear); i++) {
        if (!strstr(meant(unclear[i], THURSDAY_1PM), "I do not understand the time")) printf("%s: ", unclear[i]);
        CHECK(strstr(meant(unclear[i], THURSDAY_1PM), "I do not understand the time"));
    }
    CHECK_STR(meant("today 08:00", THURSDAY_1PM), "The time \"today 08:00\" is already over, or there is no such day.");
    static const char *const over[] = {"2026-11-26T12:00", "2020-01-01", "february 30", "2027-02-29", "today 9 am",
    "0001-01-01"};
    for (size_t i = 0; i < SOTTO_COUNT(over); i++) CHECK(strstr(meant(over[i], THURSDAY_1PM), "is already over"));
}

TEST(hours_that_the_clock_leaves_out_or_shows_twice) {
    (void)setenv("TZ", berlin, 1);
    int64_t before = 1806192000; /* 2027-03-28 01:00 CET: at 2 it becomes 3 */
    CHECK_INT(instant("02:30", before), 1806197400); /* half an hour after 2 o'clock: 3:30 CEST */
    CHECK_INT(instant("03:00", before), 1806195600);
    CHECK_INT(instant("01:59", before), 1806195540);
    int64_t autumn = 1792879200; /* 2026-10-25 00:00 CEST: at 3 it becomes 2 */
    CHECK_INT(instant("02:30", autumn), 1792888200); /* the first of the two */
    CHECK_INT(instant("03:00", autumn), 1792893600);
    CHECK_INT(instant("tomorrow 02:30", autumn), 1792978200);
    (void)setenv("TZ", new_york, 1);
    CHECK_INT(instant("2027-03-14T02:30", before - 30 * 86400), 1805009400); /* 3:30 EDT */
    CHECK_INT(instant("2026-11-01T01:30", autumn), 1793511000);             /* EDT */
    (void)setenv("TZ", "NPT-5:45", 1);
    CHECK_INT(instant("2026-11-27T00:00", autumn), 1795716900);
    (void)setenv("TZ", "<+14>-14", 1);
    CHECK_STR(meant("friday", THURSDAY_1PM), "today at 9 AM, 2026-11-27T09:00");
}

TEST(every_minute_of_a_year_comes_back) {
    const char *const zones[] = {berlin, new_york, "UTC0", "NZST-12NZDT,M9.5.0,M4.1.0/3",
    "LHST-10:30LHDT-11,M10.1.0,M4.1.0"};
    for (size_t z = 0; z < SOTTO_COUNT(zones); z++) {
        (void)setenv("TZ", zones[z], 1);
        int wrong = 0;
        for (int64_t t = THURSDAY_1PM, back; t < THURSDAY_1PM + 366 * 86400; t += 900) {
            sotto_wall w, again;
            bool shown = sotto_wall_from_unix(&w, t) && sotto_wall_to_unix(&w, &back);
            if (!shown || !sotto_wall_from_unix(&again, back)) wrong++;
            else wrong += (back != t && back != t - 3600 && back != t - 1800) || memcmp(&w, &again, sizeof w) != 0;
        }
        CHECK_INT(wrong, 0);
    }
}

TEST(calendar_ends) {
    sotto_wall w = {.year = 2026, .month = 2, .day = 31, .hour = 12};
    int64_t    t;
    (void)setenv("TZ", "UTC0", 1);
    CHECK(sotto_wall_to_unix(&w, &t) && sotto_wall_from_unix(&w, t));
    CHECK(w.month == 3 && w.day == 3 && w.weekday == 2);
    CHECK(sotto_wall_from_unix(&w, 253402300799) && w.year == 9999 && w.second == 59);
    CHECK(!sotto_wall_from_unix(&w, 253402300800));
    CHECK(!sotto_wall_from_unix(&w, INT64_MAX) && !sotto_wall_from_unix(&w, INT64_MIN));
    CHECK(sotto_wall_from_unix(&w, -62135596800) && w.year == 1 && w.month == 1 && w.day == 1);
    CHECK(!sotto_wall_from_unix(&w, -62135596801));
    w = (sotto_wall){.year = 9999, .month = 12, .day = 32};
    CHECK(!sotto_wall_to_unix(&w, &t));
    w = (sotto_wall){.year = 2000, .month = 1, .day = 1 + 366};
    CHECK(sotto_wall_to_unix(&w, &t));
    CHECK_INT(t, 978307200);
}

static const char *duration(int64_t seconds, int most) {
    static char text[128];
    sotto_buf   b = {0};
    sotto_say_duration(&b, seconds, most);
    (void)snprintf(text, sizeof text, "%s", b.data);
    sotto_buf_free(&b);
    return text;
}

TEST(durations) {
    CHECK_STR(duration(0, 2), "0 seconds");
    CHECK_STR(duration(-5, 2), "0 seconds");
    CHECK_STR(duration(1, 2), "1 second");
    CHECK_STR(duration(480, 4), "8 minutes");
    CHECK_STR(duration(4800, 4), "1 hour and 20 minutes");
    CHECK_STR(duration(93784, 4), "1 day, 2 hours, 3 minutes and 4 seconds");
    CHECK_STR(duration(93784, 2), "1 day and 2 hours");
    CHECK_STR(duration(3599, 1), "1 hour");
    CHECK_STR(duration(3600 * 5 + 1799, 1), "5 hours");
    CHECK_STR(duration(3600 * 5 + 1800, 1), "6 hours");
    CHECK_STR(duration(86399, 2), "1 day");
    CHECK_STR(duration(192, 2), "3 minutes and 12 seconds");
    CHECK_STR(duration(INT64_MAX, 1), "2932896 days");
}

TEST_MAIN()
