/* The tools that sotto brings: timers, reminders, lists, memories, sums, units, clock and dice. Beside sotto.h, and
 * only in a library that is built with them (they need SQLite).
 *
 * A toolbox is one person's things in one file; what a call has changed is on disk when the call returns, and survives
 * a crash of the program or of the machine. Several programs may have the same file open. One thread uses a toolbox at
 * a time. The rules of sotto.h hold. */
#ifndef SOTTO_TOOLS_H
#define SOTTO_TOOLS_H

#include <sotto/sotto.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sotto_toolbox sotto_toolbox;

typedef struct sotto_toolbox_options {
    const char *path; /* the file; ":memory:": nothing is kept; NULL: $XDG_DATA_HOME/sotto/tools.db */
    int64_t   (*now)(void *user); /* seconds since 1970 UTC; NULL: the system's clock */
    void       *now_user;
    uint64_t    seed; /* of dice and coins; SOTTO_SEED_RANDOM: a new one */
} sotto_toolbox_options;
SOTTO_API sotto_toolbox_options sotto_toolbox_options_default(void);
/* Makes the file (mode 0600), and the folders above it, where there is none. FORMAT: a damaged file; MISMATCH: another
 * program's; UNSUPPORTED: a newer sotto's. These are left as they are. */
SOTTO_API sotto_status sotto_toolbox_open(sotto_toolbox **out, const sotto_toolbox_options *opt, sotto_error *err);
SOTTO_API void         sotto_toolbox_close(sotto_toolbox *box);

/* All tools with their JSON schemas, for sotto_chat_params.tools and sotto_generate_options.tools. Static. */
SOTTO_API const char *sotto_tools_schema(void);

/* What the program has to do itself after a call. */
typedef enum sotto_tool_effect {
    SOTTO_EFFECT_NONE,
    SOTTO_EFFECT_VOLUME, /* play at sotto_tool_result.volume percent from now on */
    SOTTO_EFFECT_REPEAT, /* say the last answer again */
    SOTTO_EFFECT_STOP    /* be quiet */
} sotto_tool_effect;

/* What a call gave; owned by the caller: initialise with {0}, released by sotto_tool_result_free, and by the next call
 * that it is given to. */
typedef struct sotto_tool_result {
    char             *json;   /* an object, for the model: {"result":...}, or {"error":"..."} */
    char             *spoken; /* the same in English, for people to read or hear; "" where nothing is to be said */
    bool              failed; /* "error": nothing was changed. It may be a question: "For how long ...?" */
    sotto_tool_effect effect;
    int32_t           volume; /* percent */
} sotto_tool_result;
SOTTO_API void sotto_tool_result_free(sotto_tool_result *r);

/* Do what a call asks for. A call that cannot be done (an unknown tool, arguments that do not fit, division by zero, no
 * such timer) is no error of this function: the result says so in words. An error is what the file or the machine
 * cannot do: IO, NO_MEMORY, FORMAT. `arguments`: a JSON object of at most 64 KiB; NULL or "": no arguments. */
SOTTO_API sotto_status sotto_toolbox_call(sotto_toolbox *box, const char *name, const char *arguments,
                                          sotto_tool_result *out, sotto_error *err);

/* From hold to release what calls change can still be taken back: release(keep) writes it to the disk, release without
 * leaves everything as it was at hold, and so do a crash and close. Meanwhile other programs can read the file but not
 * write to it: hold it for moments, not for minutes. What was taken as due comes back, too. Hold twice, or release what
 * is not held: INVALID. */
SOTTO_API sotto_status sotto_toolbox_hold(sotto_toolbox *box, sotto_error *err);
SOTTO_API sotto_status sotto_toolbox_release(sotto_toolbox *box, bool keep, sotto_error *err);

/* Seconds until the next timer or reminder is due: 0 when one is, -1 when there is none, or the file cannot be read.
 * Another program may add an earlier one: ask again from time to time. */
SOTTO_API int64_t      sotto_toolbox_next_due(sotto_toolbox *box);
/* Take the timer or reminder that has been due longest: its sentence in out->spoken, and {"kind","label" or "text",
 * "due"} in out->json, local time. NOT_FOUND: none is due. Once taken it is gone, for other programs too. */
SOTTO_API sotto_status sotto_toolbox_take_due(sotto_toolbox *box, sotto_tool_result *out, sotto_error *err);

#ifdef __cplusplus
}
#endif
#endif
