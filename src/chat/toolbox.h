/* chat: the tools. Those that only compute (calculate, units, clock, words) know nothing of the others; a toolbox puts
 * them together with what is kept (store).
 *
 * What cannot be done is said in words: such functions return false and append one sentence to `why`. */
#ifndef SOTTO_TOOLBOX_H
#define SOTTO_TOOLBOX_H

#include <jansson.h>
#include <sotto/tools.h>

#include "chat/store.h"
#include "os/os.h"

/* ---- words: as people write and hear them --------------------------------------------------------------- */

/* Significant digits that a result has: one less than a double can keep through a few operations. */
enum { SOTTO_DIGITS = 12 };

/* A number with at most so many significant digits, without zeros at the end, and without an exponent between 1e-9 and
 * 1e15; whole numbers up to 2^53 keep all digits. `aloud`: "minus 5", "2 times 10 to the power of 20". */
void   sotto_say_number(sotto_buf *b, double x, int digits, bool aloud);
double sotto_round_digits(double x, int digits); /* as the same call would say it */
/* "1 timer", "2 timers"; the plural is the word with an s. */
void sotto_say_count(sotto_buf *b, int64_t n, const char *word);
/* What stands before the i-th of n things: ", " or " and ". */
const char *sotto_say_comma(size_t i, size_t n);
/* "1 hour and 20 minutes", rounded to the unit that is said last; at most so many of them. */
void sotto_say_duration(sotto_buf *b, int64_t seconds, int most_units);

void sotto_say_end(sotto_buf *b); /* a full stop, unless a mark that ends a sentence is there */

/* What two texts have in common when people mean the same by them: small letters, words in the singular, without "the"
 * or "my" before them and without marks; between words `gap` ("" makes "to do" and "todo" the same). */
void sotto_words_key(sotto_buf *b, const char *text, const char *gap);
/* Whether the words of the one stand in the other, by that measure: "milk" in "oat milk". */
bool        sotto_words_within(const char *part, const char *whole);
const char *sotto_words_bare(const char *text); /* without "the" or "my" before it */
/* Every run of blanks and control characters becomes one space; none at the ends. */
void sotto_words_clean(sotto_buf *b, const char *text);

/* ---- sums, units, clock --------------------------------------------------------------------------------- */

bool sotto_calculate(const char *expression, double *out, sotto_buf *why);

typedef struct sotto_unit sotto_unit;
/* By name, plural, British spelling, abbreviation or symbol. NULL: not known. */
const sotto_unit *sotto_unit_find(const char *name);
const char       *sotto_unit_name(const sotto_unit *u); /* "square_foot" */
/* What is meant by u when it is converted to or from the other: ounces of a volume are fluid ones. */
const sotto_unit *sotto_unit_beside(const sotto_unit *u, const sotto_unit *other);
bool sotto_unit_convert(double value, const sotto_unit *from, const sotto_unit *to, double *out, sotto_buf *why);
void sotto_say_measure(sotto_buf *b, double value, int digits, const sotto_unit *u); /* "9.3 square feet" */

/* The next time after `now` that is meant: "17:00", "7:30?" (the half of the day not known), "tomorrow 08:00",
 * "friday", "8:15 pm", "november 26 at noon", "2026-11-26T08:00". */
bool sotto_clock_parse(const char *at, int64_t now, int64_t *out, sotto_buf *why);
void sotto_say_time(sotto_buf *b, const sotto_wall *w);                     /* "5:30 PM", "noon" */
void sotto_say_date(sotto_buf *b, const sotto_wall *w, bool year);          /* "Thursday, November 26, 2026" */
void sotto_say_when(sotto_buf *b, int64_t t, int64_t now);                  /* "tomorrow at 9 AM" */
void sotto_clock_iso(sotto_buf *b, int64_t t, int64_t now); /* "2026-11-26T18:22"; "18:22" on the day of `now` */
#define SOTTO_NO_DAY ((int64_t)-86400) /* as `now`: with the date in any case */

/* ---- calls ---------------------------------------------------------------------------------------------- */

struct sotto_toolbox {
    sotto_store store;
    int64_t   (*now)(void *user);
    void       *now_user;
    uint64_t    random; /* state of the generator */
};

/* One call, while it is done. */
typedef struct sotto_call {
    sotto_toolbox    *box;
    sotto_store      *store;
    sotto_arena       memory;    /* until the end of the call */
    json_t           *arguments; /* checked against the schema; texts are cleaned, empty ones left out */
    int64_t           now;
    json_t           *result; /* for the model; set by the tool */
    sotto_buf         spoken;
    bool              failed;
    sotto_tool_effect effect;
    int32_t           volume;
    sotto_error      *err;
} sotto_call;

/* The answer is this sentence, and nothing is changed. Returns SOTTO_OK: the call has been answered. */
sotto_status sotto_call_refuse(sotto_call *c, const char *fmt, ...) SOTTO_PRINTF(2, 3);
const char  *sotto_call_text(const sotto_call *c, const char *argument); /* NULL: not given */
bool         sotto_call_number(const sotto_call *c, const char *argument, double *out);
/* What sotto_words_key makes of a text, without gaps; lent until the call ends. */
sotto_status sotto_call_key(sotto_call *c, const char *text, const char **out);
/* A number for the result, rounded to SOTTO_DIGITS; an integer where it is one. */
json_t *sotto_json_number(double x);

typedef sotto_status (*sotto_tool_fn)(sotto_call *c);
typedef struct sotto_tool {
    const char   *name;
    const char   *parameters; /* JSON schema */
    bool          writes;     /* runs in a transaction, which is undone when the call fails */
    sotto_tool_fn run;
} sotto_tool;
const sotto_tool *sotto_tool_find(const char *name);

sotto_status sotto_tool_get_time(sotto_call *c);
sotto_status sotto_tool_get_date(sotto_call *c);
sotto_status sotto_tool_set_timer(sotto_call *c);
sotto_status sotto_tool_cancel_timer(sotto_call *c);
sotto_status sotto_tool_list_timers(sotto_call *c);
sotto_status sotto_tool_add_reminder(sotto_call *c);
sotto_status sotto_tool_list_reminders(sotto_call *c);
sotto_status sotto_tool_calculate(sotto_call *c);
sotto_status sotto_tool_convert_units(sotto_call *c);
sotto_status sotto_tool_add_to_list(sotto_call *c);
sotto_status sotto_tool_remove_from_list(sotto_call *c);
sotto_status sotto_tool_read_list(sotto_call *c);
sotto_status sotto_tool_remember(sotto_call *c);
sotto_status sotto_tool_recall(sotto_call *c);
sotto_status sotto_tool_set_volume(sotto_call *c);
sotto_status sotto_tool_roll_dice(sotto_call *c);
sotto_status sotto_tool_flip_coin(sotto_call *c);
sotto_status sotto_tool_repeat(sotto_call *c);
sotto_status sotto_tool_stop(sotto_call *c);

#endif
