/* Clocks, the calendar, and entropy. */
#include "os/system.h"

#include <sys/random.h>
#include <time.h>

uint64_t sotto_time_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t sotto_time_unix(void) { return (int64_t)time(NULL); }

/* Without entropy (a jail without the system call) clocks and addresses still make two runs differ. */
uint64_t sotto_random_seed(void) {
    uint64_t seed;
    if (getentropy(&seed, sizeof seed) == 0) return seed;
    uint64_t salt[3] = {sotto_time_ns(), (uint64_t)getpid(), (uint64_t)(uintptr_t)&seed};
    return sotto_hash(salt, sizeof salt, (uint64_t)sotto_time_unix());
}

/* Days since 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap day is their last. */
static int64_t days_from_date(int64_t year, int month, int day) {
    int64_t y = month > 2 ? year : year - 1, m = (month + 9) % 12;
    int64_t leap_days = y / 4 - y / 100 + y / 400;
    return y * 365 + leap_days + (m * 306 + 5) / 10 + day - 1 - 719468; /* of 0000-03-01 to 1970-01-01 */
}

int64_t sotto_wall_as_utc(const sotto_wall *w) {
    return days_from_date(w->year, w->month, w->day) * 86400 + w->hour * 3600 + w->minute * 60 + w->second;
}

bool sotto_wall_from_unix(sotto_wall *out, int64_t unix_seconds) {
    time_t    t = (time_t)unix_seconds;
    struct tm tm;
    tzset(); /* localtime_r need not */
    if ((int64_t)t != unix_seconds || !localtime_r(&t, &tm) || tm.tm_year < 1 - 1900 || tm.tm_year > 9999 - 1900)
        return false;
    *out = (sotto_wall){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                        SOTTO_MIN(tm.tm_sec, 59), tm.tm_wday};
    return true;
}

static bool shows(int64_t unix_seconds, int64_t as_utc) {
    sotto_wall w;
    return sotto_wall_from_unix(&w, unix_seconds) && sotto_wall_as_utc(&w) == as_utc;
}

/* Tried are the distances from UTC of the day before and of the day after: clocks do not change twice within that. */
bool sotto_wall_to_unix(const sotto_wall *wall, int64_t *unix_seconds) {
    int64_t as_utc = sotto_wall_as_utc(wall), candidate[2];
    for (int i = 0; i < 2; i++) {
        int64_t    near = as_utc + (i ? 86400 : -86400);
        sotto_wall w;
        if (!sotto_wall_from_unix(&w, near)) return false;
        candidate[i] = as_utc - (sotto_wall_as_utc(&w) - near);
    }
    bool later = !shows(candidate[0], as_utc) && shows(candidate[1], as_utc);
    *unix_seconds = candidate[later];
    return true;
}
