/* Time and date, timers, reminders, and what falls due. */
#include <math.h>
#include <stdio.h>

#include "chat/toolbox.h"

enum { TIMERS_MAX = 100, REMINDERS_MAX = 1000, SAID_MAX = 10, LATE_SECONDS = 60 };
#define TIMER_SECONDS_MAX (366 * 86400.0)
#define REMINDER_SECONDS_MAX (20 * 366 * 86400.0)

/* A timer or a reminder; the texts live as long as the call. */
typedef struct alarm {
    int64_t     id, seconds, due;
    const char *text, *key;
} alarm;

sotto_status sotto_tool_get_time(sotto_call *c) {
    sotto_wall w = {0};
    (void)sotto_wall_from_unix(&w, c->now);
    sotto_buf date = {0};
    sotto_say_date(&date, &w, true);
    char time[16];
    (void)snprintf(time, sizeof time, "%02d:%02d", w.hour, w.minute);
    c->result = json_pack("{s:s, s:s}", "time", time, "date", date.data ? date.data : "");
    sotto_buf_free(&date);
    (void)sotto_buf_puts(&c->spoken, "It is ");
    sotto_say_time(&c->spoken, &w);
    sotto_say_end(&c->spoken);
    return SOTTO_OK;
}

sotto_status sotto_tool_get_date(sotto_call *c) {
    sotto_wall w = {0};
    double     days = 0;
    int64_t    t;
    (void)sotto_wall_from_unix(&w, c->now);
    (void)sotto_call_number(c, "offset_days", &days);
    w.hour = 12; /* which every day has */
    if (fabs(days) < 4e6) w.day += (int)days;
    if (fabs(days) >= 4e6 || !sotto_wall_to_unix(&w, &t) || !sotto_wall_from_unix(&w, t))
        return sotto_call_refuse(c, "I know only the dates of the years 1 to 9999.");
    sotto_buf *b = &c->spoken;
    if (days == 0) (void)sotto_buf_puts(b, "Today is ");
    else if (fabs(days) == 1) (void)sotto_buf_puts(b, days > 0 ? "Tomorrow is " : "Yesterday was ");
    else if (days > 0) (void)sotto_buf_printf(b, "In %.0f days it will be ", days);
    else (void)sotto_buf_printf(b, "%.0f days ago it was ", -days);
    size_t begin = b->len;
    sotto_say_date(b, &w, true);
    char iso[48];
    (void)snprintf(iso, sizeof iso, "%04d-%02d-%02d", w.year, w.month, w.day);
    c->result = json_pack("{s:s, s:s}", "date", iso, "said", b->data ? b->data + begin : "");
    sotto_say_end(b);
    return SOTTO_OK;
}

/* ---- timers --------------------------------------------------------------------------------------------- */

/* All of a kind, those that are due first in front. */
static sotto_status load(sotto_call *c, const char *kind, alarm **out, size_t *n) {
    sqlite3_stmt *rows;
    bool          more;
    alarm        *alarms = sotto_arena_array(&c->memory, REMINDERS_MAX, sizeof *alarms);
    if (!alarms) return sotto_fail_memory(c->err, "timers");
    SOTTO_TRY(sotto_store_query(c->store, &rows, c->err, "SELECT id, seconds, due, text, key FROM alarms WHERE kind = ?"
                                " ORDER BY due, id LIMIT ?", "si", kind, (int64_t)REMINDERS_MAX));
    sotto_status status = sotto_store_next(c->store, rows, &more, c->err);
    for (*n = 0; status == SOTTO_OK && more; status = sotto_store_next(c->store, rows, &more, c->err)) {
        const char *text = sotto_store_text(rows, 3);
        const char *kept = sotto_arena_text(&c->memory, text, strlen(text));
        const char *key = sotto_store_text(rows, 4);
        key = sotto_arena_text(&c->memory, key, strlen(key));
        if (!kept || !key) status = sotto_fail_memory(c->err, "timers");
        else alarms[(*n)++] = (alarm){sqlite3_column_int64(rows, 0), sotto_store_time(rows, 1),
                                      sotto_store_time(rows, 2), kept, key};
        if (status != SOTTO_OK) break;
    }
    (void)sqlite3_finalize(rows);
    *out = alarms;
    return status;
}

/* What a timer is for: its label, or else its length. */
static void say_purpose(sotto_buf *b, const char *label, int64_t seconds) {
    if (*label) (void)sotto_buf_puts(b, label);
    else sotto_say_duration(b, seconds, 4);
}

static void say_left(sotto_buf *b, int64_t seconds) {
    if (seconds <= 0) (void)sotto_buf_puts(b, "time is up");
    else sotto_say_duration(b, seconds, 2), (void)sotto_buf_puts(b, " left");
}

/* "You have 2 timers: pasta, 3 minutes left, and one for 10 minutes, 1 minute left." */
static void say_timers(sotto_buf *b, const alarm *timers, size_t n, int64_t now) {
    size_t said = SOTTO_MIN(n, SAID_MAX);
    if (n == 1 && timers->due > now) {
        (void)sotto_buf_puts(b, "Your timer for ");
        say_purpose(b, timers->text, timers->seconds);
        (void)sotto_buf_puts(b, " has ");
        say_left(b, timers->due - now);
        sotto_say_end(b);
        return;
    }
    (void)sotto_buf_puts(b, "You have ");
    sotto_say_count(b, (int64_t)n, "timer");
    for (size_t i = 0; i < said; i++) {
        (void)sotto_buf_puts(b, i == 0 ? ": " : i + 1 < n ? ", " : ", and ");
        if (!*timers[i].text) (void)sotto_buf_puts(b, "one for ");
        say_purpose(b, timers[i].text, timers[i].seconds);
        (void)sotto_buf_puts(b, ", ");
        say_left(b, timers[i].due - now);
    }
    if (n > said) (void)sotto_buf_printf(b, ", and %zu more", n - said);
    sotto_say_end(b);
}

/* {"timer":"pasta","seconds":480,"ends":"18:22"}; NULL: out of memory. */
static json_t *timer_json(const char *label, int64_t seconds, int64_t due, int64_t now) {
    sotto_buf ends = {0};
    sotto_clock_iso(&ends, due, now);
    json_t *json = json_pack("{s:s, s:I, s:s}", "timer", label, "seconds", (json_int_t)seconds, "ends",
                             ends.data ? ends.data : "");
    sotto_buf_free(&ends);
    return json;
}

/* A timer of the same label that still runs gives way: "make it ten". Without a label there may be several. */
sotto_status sotto_tool_set_timer(sotto_call *c) {
    double      seconds;
    int64_t     replaced, n, unnamed;
    const char *label = sotto_call_text(c, "label"), *key = "";
    label = label ? sotto_words_bare(label) : "";
    if (!sotto_call_number(c, "seconds", &seconds)) return sotto_call_refuse(c, "For how long should I set the timer?");
    seconds = round(seconds);
    if (!(seconds >= 1)) return sotto_call_refuse(c, "A timer runs for at least 1 second.");
    if (seconds > TIMER_SECONDS_MAX)
        return sotto_call_refuse(c, "A timer runs for at most 366 days; a reminder can come later than that.");
    if (*label) SOTTO_TRY(sotto_call_key(c, label, &key));
    SOTTO_TRY(sotto_store_run(c->store, &replaced, c->err, "DELETE FROM alarms WHERE kind = 'timer' AND key = ?"
                              " AND key <> '' AND due > ?", "si", key, c->now));
    SOTTO_TRY(sotto_store_run(c->store, &n, c->err, "SELECT count(*) FROM alarms WHERE kind = 'timer'", ""));
    SOTTO_TRY(sotto_store_run(c->store, &unnamed, c->err, "SELECT count(*) FROM alarms WHERE kind = 'timer'"
                              " AND key = ''", ""));
    if (n >= TIMERS_MAX) return sotto_call_refuse(c, "There are %d timers already; cancel one first.", TIMERS_MAX);
    int64_t due = c->now + (int64_t)seconds;
    SOTTO_TRY(sotto_store_run(c->store, NULL, c->err, "INSERT INTO alarms(kind, text, key, seconds, due)"
                              " VALUES('timer', ?, ?, ?, ?)", "ssii", label, key, (int64_t)seconds, due));
    c->result = timer_json(label, (int64_t)seconds, due, c->now);
    sotto_buf *b = &c->spoken;
    if (*label) (void)sotto_buf_printf(b, "Timer for %s: %s", label, replaced ? "now " : "");
    else (void)sotto_buf_puts(b, unnamed ? "Another timer: " : "Timer: ");
    sotto_say_duration(b, (int64_t)seconds, 4);
    sotto_say_end(b);
    return SOTTO_OK;
}

sotto_status sotto_tool_list_timers(sotto_call *c) {
    alarm *timers;
    size_t n;
    SOTTO_TRY(load(c, "timer", &timers, &n));
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *timer = timer_json(timers[i].text, timers[i].seconds, timers[i].due, c->now);
        (void)json_object_set_new(timer, "seconds_left", json_integer(SOTTO_MAX(timers[i].due - c->now, 0)));
        (void)json_array_append_new(list, timer);
    }
    c->result = json_pack("{s:o}", "timers", list);
    if (n == 0) (void)sotto_buf_puts(&c->spoken, "You have no timers.");
    else say_timers(&c->spoken, timers, n, c->now);
    return SOTTO_OK;
}

/* Which of the timers is meant: by its label, by its length ("the 5 minute timer"), or because there is only one. */
static sotto_status choose(sotto_call *c, const alarm *timers, size_t n, const char *label, const alarm **out) {
    const char *key;
    *out = !label && n == 1 ? timers : NULL;
    if (!label) return SOTTO_OK;
    SOTTO_TRY(sotto_call_key(c, label, &key));
    for (size_t i = 0; i < n && !*out; i++)
        if (strcmp(timers[i].key, key) == 0) *out = &timers[i];
    for (size_t i = 0; i < n && !*out; i++) {
        sotto_buf   length = {0};
        const char *length_key;
        sotto_say_duration(&length, timers[i].seconds, 4);
        sotto_status status = sotto_call_key(c, length.data ? length.data : "", &length_key);
        sotto_buf_free(&length);
        SOTTO_TRY(status);
        if (strcmp(length_key, key) == 0) *out = &timers[i];
    }
    return SOTTO_OK;
}

static sotto_status cancel_all(sotto_call *c) {
    int64_t n;
    SOTTO_TRY(sotto_store_run(c->store, &n, c->err, "DELETE FROM alarms WHERE kind = 'timer'", ""));
    c->result = json_pack("{s:I}", "cancelled", (json_int_t)n);
    sotto_say_count(&c->spoken, n, "timer");
    (void)sotto_buf_puts(&c->spoken, " cancelled.");
    return SOTTO_OK;
}

sotto_status sotto_tool_cancel_timer(sotto_call *c) {
    const alarm *chosen;
    alarm       *timers;
    size_t       n;
    const char  *label = sotto_call_text(c, "label"), *key = "";
    SOTTO_TRY(load(c, "timer", &timers, &n));
    if (n == 0) return sotto_call_refuse(c, "No timer is running.");
    if (label) SOTTO_TRY(sotto_call_key(c, label, &key));
    SOTTO_TRY(choose(c, timers, n, label, &chosen));
    if (!chosen && strcmp(key, "all") == 0) return cancel_all(c);
    if (!chosen) {
        sotto_buf list = {0};
        say_timers(&list, timers, n, c->now);
        if (label) (void)sotto_call_refuse(c, "There is no timer for %s. %s", label, list.data ? list.data : "");
        else (void)sotto_call_refuse(c, "Which one? %s", list.data ? list.data : "");
        sotto_buf_free(&list);
        return SOTTO_OK;
    }
    SOTTO_TRY(sotto_store_run(c->store, NULL, c->err, "DELETE FROM alarms WHERE id = ?", "i", chosen->id));
    c->result = json_pack("{s:I, s:s}", "cancelled", (json_int_t)1, "timer", chosen->text);
    (void)sotto_buf_puts(&c->spoken, "The timer for ");
    say_purpose(&c->spoken, chosen->text, chosen->seconds);
    (void)sotto_buf_puts(&c->spoken, " is cancelled.");
    return SOTTO_OK;
}

/* ---- reminders ------------------------------------------------------------------------------------------ */

/* When a reminder is to come, in *due; or a refusal. */
static void reminder_time(sotto_call *c, int64_t *due) {
    double      seconds = 0;
    const char *at = sotto_call_text(c, "at");
    bool        in = sotto_call_number(c, "in_seconds", &seconds);
    sotto_buf   why = {0};
    seconds = round(seconds);
    *due = c->now;
    if (in && at) (void)sotto_call_refuse(c, "A reminder has either in_seconds or at, not both.");
    else if (!in && !at) (void)sotto_call_refuse(c, "When should I remind you?");
    else if (in && !(seconds >= 1)) (void)sotto_call_refuse(c, "A reminder comes in 1 second at the earliest.");
    else if (in && seconds <= REMINDER_SECONDS_MAX) *due += (int64_t)seconds;
    else if (in) *due = SOTTO_TIME_MAX;
    else if (!sotto_clock_parse(at, c->now, due, &why)) (void)sotto_call_refuse(c, "%s", why.data ? why.data : "");
    if (*due - c->now > (int64_t)REMINDER_SECONDS_MAX)
        (void)sotto_call_refuse(c, "A reminder comes in 20 years at the latest.");
    sotto_buf_free(&why);
}

sotto_status sotto_tool_add_reminder(sotto_call *c) {
    const char *text = sotto_call_text(c, "text"), *key;
    int64_t     due, n;
    reminder_time(c, &due);
    if (c->failed) return SOTTO_OK;
    SOTTO_TRY(sotto_call_key(c, text, &key));
    SOTTO_TRY(sotto_store_run(c->store, &n, c->err, "SELECT count(*) FROM alarms WHERE kind = 'reminder'", ""));
    if (n >= REMINDERS_MAX)
        return sotto_call_refuse(c, "There are %d reminders already; that is all I can keep.", REMINDERS_MAX);
    SOTTO_TRY(sotto_store_run(c->store, NULL, c->err, "INSERT INTO alarms(kind, text, key, seconds, due)"
                              " VALUES('reminder', ?, ?, ?, ?)", "ssii", text, key, due - c->now, due));
    sotto_buf at = {0}, *b = &c->spoken;
    sotto_clock_iso(&at, due, c->now);
    c->result = json_pack("{s:s, s:s}", "reminder", text, "at", at.data ? at.data : "");
    sotto_buf_free(&at);
    (void)sotto_buf_puts(b, "Reminder ");
    if (sotto_call_text(c, "at")) sotto_say_when(b, due, c->now);
    else (void)sotto_buf_puts(b, "in "), sotto_say_duration(b, due - c->now, 4);
    (void)sotto_buf_printf(b, ": %s", text);
    sotto_say_end(b);
    return SOTTO_OK;
}

sotto_status sotto_tool_list_reminders(sotto_call *c) {
    alarm     *reminders;
    size_t     n;
    sotto_buf *b = &c->spoken;
    SOTTO_TRY(load(c, "reminder", &reminders, &n));
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        sotto_buf at = {0};
        sotto_clock_iso(&at, reminders[i].due, c->now);
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "reminder", reminders[i].text, "at",
                                                    at.data ? at.data : ""));
        sotto_buf_free(&at);
    }
    c->result = json_pack("{s:o}", "reminders", list);
    (void)sotto_buf_puts(b, "You have ");
    if (n == 0) (void)sotto_buf_puts(b, "no reminders");
    else sotto_say_count(b, (int64_t)n, "reminder");
    for (size_t i = 0; i < SOTTO_MIN(n, SAID_MAX); i++) {
        (void)sotto_buf_printf(b, "%s%s, ", i == 0 ? ": " : i + 1 < n ? ", " : ", and ", reminders[i].text);
        sotto_say_when(b, reminders[i].due, c->now);
    }
    if (n > SAID_MAX) (void)sotto_buf_printf(b, ", and %zu more", n - SAID_MAX);
    sotto_say_end(b);
    return SOTTO_OK;
}

/* ---- due ------------------------------------------------------------------------------------------------ */

int64_t sotto_toolbox_next_due(sotto_toolbox *box) {
    int64_t now = box->now(box->now_user), due = -1, n = 0;
    if (sotto_store_run(&box->store, &n, NULL, "SELECT count(*) FROM alarms", "") != SOTTO_OK || n == 0) return -1;
    if (sotto_store_run(&box->store, &due, NULL, "SELECT min(due) FROM alarms", "") != SOTTO_OK) return -1;
    return due > now ? SOTTO_MIN(due, SOTTO_TIME_MAX) - SOTTO_MAX(now, 0) : 0;
}

/* "Your timer for pasta is up.", "Reminder: call mom. It was due 2 hours ago." */
static void say_due(sotto_buf *b, bool timer, const alarm *a, int64_t now) {
    int64_t late = now - a->due;
    if (!timer) {
        (void)sotto_buf_printf(b, "Reminder: %s", a->text);
        sotto_say_end(b);
        (void)sotto_buf_puts(b, late >= LATE_SECONDS ? " It was due " : "");
    } else {
        (void)sotto_buf_puts(b, "Your timer for ");
        say_purpose(b, a->text, a->seconds);
        (void)sotto_buf_puts(b, late >= LATE_SECONDS ? " was up " : " is up.");
    }
    if (late >= LATE_SECONDS) sotto_say_duration(b, late, 1), (void)sotto_buf_puts(b, " ago.");
}

static sotto_status make_due(sqlite3_stmt *row, int64_t now, sotto_tool_result *out, sotto_error *err) {
    bool      timer = strcmp(sotto_store_text(row, 1), "timer") == 0;
    alarm     a = {0, sotto_store_time(row, 3), sotto_store_time(row, 4), sotto_store_text(row, 2), ""};
    sotto_buf at = {0}, said = {0};
    sotto_clock_iso(&at, a.due, SOTTO_NO_DAY);
    say_due(&said, timer, &a, now);
    json_t *json = json_pack("{s:s, s:s, s:s}", "kind", timer ? "timer" : "reminder", timer ? "label" : "text", a.text,
                             "due", at.data ? at.data : "");
    out->json = json ? json_dumps(json, JSON_COMPACT) : NULL;
    out->spoken = said.failed ? NULL : said.data;
    if (!out->spoken) sotto_buf_free(&said);
    json_decref(json);
    sotto_buf_free(&at);
    return out->json && out->spoken ? SOTTO_OK : sotto_fail_memory(err, "what is due");
}

/* In one transaction: of two programs, one finds it gone. */
sotto_status sotto_toolbox_take_due(sotto_toolbox *box, sotto_tool_result *out, sotto_error *err) {
    int64_t           now = box->now(box->now_user), id = 0;
    bool              more = false;
    sqlite3_stmt     *row = NULL;
    sotto_tool_result result = {0};
    if (sotto_toolbox_next_due(box) != 0) return sotto_fail(err, SOTTO_NOT_FOUND, "no timer or reminder is due");
    SOTTO_TRY(sotto_store_begin(&box->store, err));
    sotto_status status = sotto_store_query(&box->store, &row, err, "SELECT id, kind, text, seconds, due FROM alarms"
                                            " WHERE due <= ? ORDER BY due, id LIMIT 1", "i", now);
    if (status == SOTTO_OK) status = sotto_store_next(&box->store, row, &more, err);
    if (status == SOTTO_OK && !more) status = sotto_fail(err, SOTTO_NOT_FOUND, "no timer or reminder is due");
    if (status == SOTTO_OK) id = sqlite3_column_int64(row, 0), status = make_due(row, now, &result, err);
    (void)sqlite3_finalize(row);
    if (status == SOTTO_OK)
        status = sotto_store_run(&box->store, NULL, err, "DELETE FROM alarms WHERE id = ?", "i", id);
    if (status == SOTTO_OK) status = sotto_store_commit(&box->store, err);
    else sotto_store_rollback(&box->store);
    if (status != SOTTO_OK) {
        sotto_tool_result_free(&result);
        return status;
    }
    sotto_tool_result_free(out);
    *out = result;
    return SOTTO_OK;
}
