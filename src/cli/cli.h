/* cli: the program. It sees the public header, base/ and os/ and nothing else of the library.
 *
 * A verb is a row of the table in main.c; an option is a row of the table in option_table.c and a field of
 * sotto_cli_settings. Results go to stdout and everything else to stderr. Functions that return int return
 * the exit code of the program, and have then reported what went wrong. */
#ifndef SOTTO_CLI_H
#define SOTTO_CLI_H

#include <stdio.h>

#include <jansson.h>

#include <sotto/dialog.h>
#include <sotto/history.h>
#include <sotto/sotto.h>
#include <sotto/tools.h>

#include "base/base.h"
#include "os/os.h"

enum { SOTTO_EXIT_OK = 0, SOTTO_EXIT_FAILURE = 1, SOTTO_EXIT_USAGE = 2, SOTTO_EXIT_INTERRUPTED = 130 };

/* ---- settings: what the options say -------------------------------------------------------------------- */

enum {
    SOTTO_VERB_RUN = 1 << 0,
    SOTTO_VERB_CHAT = 1 << 1,
    SOTTO_VERB_CONVERT = 1 << 2,
    SOTTO_VERB_INSPECT = 1 << 3,
    SOTTO_VERB_TOKENS = 1 << 4,
    SOTTO_VERB_LOGITS = 1 << 5,
    SOTTO_VERB_MEMORY = 1 << 6,
    SOTTO_VERB_BENCH = 1 << 7,
    SOTTO_VERB_QUALITY = 1 << 8,
    SOTTO_VERB_EXPORT = 1 << 9,
    SOTTO_VERB_HISTORY = 1 << 10,
    SOTTO_VERB_HISTORY_SHOW = 1 << 11,
    SOTTO_VERB_HISTORY_SEARCH = 1 << 12,
    SOTTO_VERB_HISTORY_EXPORT = 1 << 13,
    SOTTO_VERB_HISTORY_DELETE = 1 << 14,
    SOTTO_VERB_TALK = 1 << 15,
    SOTTO_VERB_CEILING = 1 << 16,
    SOTTO_VERB_LADDER = 1 << 17,
    SOTTO_VERB_BENCH_LOAD = 1 << 18,
    SOTTO_VERB_ALL = (1 << 19) - 1
};

#define SOTTO_CLI_STARTER "sotto-starter-q4_0.gguf" /* the model of a command line without -m */

enum { SOTTO_COLOR_AUTO, SOTTO_COLOR_ALWAYS, SOTTO_COLOR_NEVER };
enum { SOTTO_LOGITS_ALL, SOTTO_LOGITS_LAST };
enum { SOTTO_CLI_OPTION_MAX = 160 };

typedef struct sotto_cli_list {
    const int32_t *item;
    size_t         n;
} sotto_cli_list;

typedef struct sotto_cli_texts {
    const char **item;
    size_t       n;
} sotto_cli_texts;

typedef struct sotto_cli_settings {
    const struct sotto_cli_verb *verb;
    sotto_arena arena;                       /* of everything that is lent here */
    bool        given[SOTTO_CLI_OPTION_MAX]; /* by option row: on the command line or in the environment */

    const char *model, *cpu, *chat_format; /* model and how it is loaded */
    bool        starter;                   /* nobody chose a model: it is the one that comes with sotto */
    int32_t     threads;
    bool        no_mmap;

    int32_t     context, batch, cache_type; /* session */
    uint64_t    memory_limit;
    const char *session;

    const char     *prompt, *system, *grammar, *json_schema; /* request */
    bool            raw, thinking, ignore_end, slide, tools, no_tools, dry_run_tools;
    const char     *tool_choice, *tools_file;
    int32_t         max_tokens, logprobs, lookup;
    sotto_cli_texts stops, biases;
    sotto_sampling  sampling; /* only the fields that were given */

    const char *history, *resume; /* conversations that are kept */
    bool        no_history;

    const char    *type, *head, *synthetic; /* convert, inspect, bench */
    bool           force, tensors, metadata, special, no_bos, last;
    sotto_cli_list ids, prefill, decode, depth, threads_list, contexts;
    int32_t        repeat, prompt_tokens, limit;

    const char *against, *file, *collect; /* quality */

    const char *output, *importance, *id; /* export */
    int32_t     bits, logits;             /* which of the words that the table allows */
    bool        rtn, negative_scales;

    struct { /* talk */
        const char *input, *output, *input_device, *output_device;
        const char *voice, *recognizer, *recognizer_model, *lm, *words, *wake;
        int32_t     raw, start_ms, speculative_ms, complete_ms, unsure_ms, incomplete_ms, longest_ms;
        float       speed, lm_weight, snr;
        bool        push, no_barge_in, no_echo_cancel, no_speculation, step_by_step, realtime, timeline, mute, trace,
            devices;
    } talk;

    bool    json, csv, quiet, stats, help; /* output */
    int32_t color;

    const char **args; /* what is no option */
    int          n_args;
} sotto_cli_settings;

typedef struct sotto_cli_verb {
    const char *name; /* "run", "inspect tokens" */
    uint32_t    bit;
    int         max_args;
    int (*run)(const sotto_cli_settings *s);
    const char *summary, *usage, *examples;
} sotto_cli_verb;

int sotto_cmd_run(const sotto_cli_settings *s);
int sotto_cmd_chat(const sotto_cli_settings *s);
int sotto_cmd_convert(const sotto_cli_settings *s);
int sotto_cmd_export(const sotto_cli_settings *s);
int sotto_cmd_inspect(const sotto_cli_settings *s);
bool sotto_cli_is_package(const char *path); /* of Core ML, by its name */
int sotto_cli_inspect_package(const sotto_cli_settings *s, const char *path);
int sotto_cli_package_logits(const sotto_cli_settings *s);
/* The table of inspect: {"q4_0":{"tensors","bytes","params"},...} and their sum. */
void sotto_cli_print_types(json_t *types);
void sotto_cli_print_memory(const json_t *memory);
void sotto_cli_print_row_json(const float *row, int32_t n_vocab);
int sotto_cmd_inspect_tokens(const sotto_cli_settings *s);
int sotto_cmd_inspect_logits(const sotto_cli_settings *s);
int sotto_cmd_inspect_memory(const sotto_cli_settings *s);
int sotto_cmd_bench(const sotto_cli_settings *s);
int sotto_cmd_bench_ceiling(const sotto_cli_settings *s);
int sotto_cmd_bench_ladder(const sotto_cli_settings *s);
int sotto_cmd_bench_load(const sotto_cli_settings *s);
int sotto_cmd_quality(const sotto_cli_settings *s);
int sotto_cmd_talk(const sotto_cli_settings *s);
int sotto_cmd_history(const sotto_cli_settings *s);
int sotto_cmd_history_show(const sotto_cli_settings *s);
int sotto_cmd_history_search(const sotto_cli_settings *s);
int sotto_cmd_history_export(const sotto_cli_settings *s);
int sotto_cmd_history_delete(const sotto_cli_settings *s);

/* ---- options (option_table.c, options.c) --------------------------------------------------------------- */

typedef enum sotto_cli_kind {
    SOTTO_OPTION_FLAG,   /* bool */
    SOTTO_OPTION_INT,    /* int32_t */
    SOTTO_OPTION_FLOAT,  /* float */
    SOTTO_OPTION_SEED,   /* uint64_t; -1 is SOTTO_SEED_RANDOM */
    SOTTO_OPTION_BYTES,  /* uint64_t with K, M, G or T (powers of 1024) */
    SOTTO_OPTION_CHOICE, /* int32_t: index into `choices`, words separated by spaces */
    SOTTO_OPTION_TEXT,   /* const char * */
    SOTTO_OPTION_TEXTS,  /* sotto_cli_texts: may be repeated */
    SOTTO_OPTION_LIST    /* sotto_cli_list: 1,2,3 */
} sotto_cli_kind;

/* A row without a name is a heading of the help. */
typedef struct sotto_cli_option {
    const char    *name;
    char           letter; /* 0: none */
    sotto_cli_kind kind;
    size_t         offset; /* in sotto_cli_settings */
    uint32_t       verbs;
    const char    *value; /* what the help calls the value */
    const char    *help;
    double         min, max;
    const char    *choices;
} sotto_cli_option;

extern const sotto_cli_option sotto_cli_options[];
extern const size_t           sotto_cli_option_count;

/* Fill *s from the environment and argv[0..argc), options and arguments in any order. */
int sotto_cli_parse(sotto_cli_settings *s, const sotto_cli_verb *verb, int argc, char **argv);
/* Store a value as an option's row says. `base` is the start of a sotto_cli_settings; false: `why` says why
 * not. */
bool sotto_cli_store(const sotto_cli_option *o, sotto_cli_settings *base, const char *text, char why[160]);
/* The row of a sampling option by its name ("temp"), for /set; NULL when there is none. */
const sotto_cli_option *sotto_cli_sampling_option(const char *name);
bool                    sotto_cli_is_sampling(const sotto_cli_option *o);
/* Overwrite the fields of *to that were given on the command line or in the environment. */
void sotto_cli_apply_sampling(const sotto_cli_settings *s, sotto_sampling *to);
void sotto_cli_print_options(FILE *out, uint32_t verb_bit);
/* The name in a list nearest to a mistyped one, or NULL when none is near. */
typedef const char *(*sotto_cli_name_at)(const void *list, size_t i); /* NULL past the end */
const char *sotto_cli_nearest(const char *typed, sotto_cli_name_at at, const void *list);

/* ---- output (output.c, progress.c) --------------------------------------------------------------------- */

void sotto_cli_error(const char *fmt, ...) SOTTO_PRINTF(1, 2); /* "sotto: ...\n" on stderr */
/* Report an error of the library: the exit code, 130 when the status is CANCELLED. */
int  sotto_cli_fail(const sotto_error *err);
int  sotto_cli_fail_memory(void);
int  sotto_cli_usage(const sotto_cli_verb *verb, const char *fmt, ...) SOTTO_PRINTF(2, 3); /* 2 */
/* A remark on stderr, unless --quiet. */
void sotto_cli_note(const sotto_cli_settings *s, const char *fmt, ...) SOTTO_PRINTF(2, 3);
bool sotto_cli_colored(const sotto_cli_settings *s, int fd);
const char *sotto_cli_bytes(uint64_t n, char out[24]); /* "1.45 GiB" */
/* Text of a model or a file: on a terminal control characters are shown as U+FFFD, so that it cannot steer
 * it. */
void sotto_cli_print(FILE *out, const char *text, size_t n, bool terminal);
/* A JSON string of bytes that may not be UTF-8. */
json_t *sotto_cli_json_text(const char *text, size_t n);
json_t *sotto_cli_json_ids(const int32_t *ids, size_t n);
/* Print one JSON document and a newline on stdout; takes the reference. */
int     sotto_cli_print_json(json_t *doc);
/* All of stdin, without the last newline, in text->data. */
int     sotto_cli_read_stdin(sotto_buf *text);

/* A line on a terminal that shows how far something is. The step function is a sotto_progress_fn whose `user`
 * is the progress; it also asks to cancel after Ctrl-C. */
typedef struct sotto_cli_progress {
    const char *label, *unit; /* unit "B": bytes; else a word */
    bool        shown;        /* a terminal and not --quiet */
    bool        drawn;
    uint64_t    start_ns, drawn_ns;
} sotto_cli_progress;
void sotto_cli_progress_begin(sotto_cli_progress *p, const sotto_cli_settings *s, const char *label,
                              const char *unit);
bool sotto_cli_progress_step(void *progress, uint64_t done, uint64_t total);
void sotto_cli_progress_end(sotto_cli_progress *p);

/* ---- model, session (engine.c) ------------------------------------------------------------------------- */

typedef struct sotto_cli_engine {
    sotto_model       *model;
    sotto_session     *session;
    sotto_sampling     sampling;
    sotto_logit_bias  *bias; /* that sampling.bias lends */
    sotto_grammar     *grammar; /* NULL: answers are free */
    const char        *tools; /* offered to the model; NULL: none */
    sotto_toolbox     *toolbox; /* NULL: calls are chosen but not executed */
    bool               hears_results;
    sotto_cli_progress progress;
    double             load_ms;
} sotto_cli_engine;

/* Everything is checked that can be before the model is loaded. */
int  sotto_cli_model_open(sotto_cli_engine *e, const sotto_cli_settings *s); /* model only */
int  sotto_cli_engine_open(sotto_cli_engine *e, const sotto_cli_settings *s);
void sotto_cli_engine_close(sotto_cli_engine *e);
sotto_session_options sotto_cli_session_options(const sotto_cli_settings *s);
/* Save to --session, where it is given. */
int  sotto_cli_session_save(const sotto_cli_engine *e, const sotto_cli_settings *s);

/* ---- conversation, answer (conversation.c, answer.c) --------------------------------------------------- */

typedef struct sotto_cli_answer {
    sotto_buf           text;              /* what was said in the end */
    json_t             *tokens, *logprobs; /* of the model's last answer; logprobs: NULL unless asked for */
    json_t             *tool_calls;        /* of the turn: [{"name","arguments","result"}]; NULL: no tools */
    bool                chosen;            /* a call has been chosen, and not executed */
    bool                failed;            /* out of memory */
    sotto_dialog_answer figures;
} sotto_cli_answer;

typedef struct sotto_cli_chat {
    sotto_cli_settings *settings;
    sotto_cli_engine    engine;
    sotto_dialog       *dialog; /* NULL with --raw */
    bool                stream; /* answers are printed as they come */
    volatile int        cancel; /* Ctrl-C stops the answer */
    sotto_cli_answer    last;   /* of the last turn */
    bool                answered;
    bool                failed; /* a turn or a command failed: the exit code of a script */
    sotto_history      *history;      /* NULL: the conversation is not kept */
    int64_t             kept;         /* as what it is kept there; 0: nothing of it is yet */
    size_t              n_kept, same; /* turns there; how many of them, from the first on, are the dialog's */
} sotto_cli_chat;

/* Engine and dialog. */
int          sotto_cli_chat_open(sotto_cli_chat *chat);
/* The dialog, with the settings and the sampling as they are now; it is opened where there is none. */
sotto_status sotto_cli_chat_configure(sotto_cli_chat *chat, const char *system, sotto_error *err);
/* Answer the dialog's last turn. After Ctrl-C the result is OK and chat->last.figures.finish says CANCELLED. */
sotto_status sotto_cli_answer_turn(sotto_cli_chat *chat, sotto_error *err);
/* The answer to a prompt without a chat format. */
sotto_status sotto_cli_answer_raw(sotto_cli_chat *chat, const sotto_tokens *prompt, sotto_error *err);
void         sotto_cli_chat_close(sotto_cli_chat *chat); /* and its engine */
double       sotto_cli_answer_speed(const sotto_dialog_answer *a); /* tokens/s; 0: too short to tell */
json_t      *sotto_cli_answer_json(const sotto_cli_chat *chat);

/* Only the first n turns of the conversation stay. */
void         sotto_cli_chat_cut(sotto_cli_chat *chat, size_t n);

/* Index of the last user turn; the number of turns when there is none. */
size_t       sotto_cli_last_user(const sotto_dialog *d);
sotto_status sotto_cli_conversation_save(const sotto_dialog *d, const char *path, sotto_error *err);
/* In the place of what the chat's dialog has, its system prompt too. */
sotto_status sotto_cli_conversation_load(sotto_cli_chat *chat, const char *path, sotto_error *err);

/* ---- history (keep.c) ---------------------------------------------------------------------------------- */

/* Open the history where this conversation is to be kept, and go on with the one that --resume names. */
int  sotto_cli_keep_open(sotto_cli_chat *chat);
/* Make what is kept equal to the dialog. Where that fails it is said, and no more is kept. */
void sotto_cli_keep(sotto_cli_chat *chat);
void sotto_cli_keep_system(sotto_cli_chat *chat); /* the system prompt has changed */
void sotto_cli_keep_anew(sotto_cli_chat *chat);   /* what comes is another conversation */
/* Leave the session for --resume, and close the history. */
void sotto_cli_keep_close(sotto_cli_chat *chat);
/* Where the session of a conversation lies, so that going on with it needs no computing; free() it. NULL: nowhere. */
char *sotto_cli_session_path(int64_t id);
/* A conversation by its number, or "last". */
int   sotto_cli_history_id(const sotto_cli_settings *s, sotto_history *h, const char *text, int64_t *id);

/* ---- chat (chat_commands.c, line_reader.c) ------------------------------------------------------------- */

typedef enum sotto_cli_next { SOTTO_CHAT_GO_ON, SOTTO_CHAT_ANSWER, SOTTO_CHAT_QUIT } sotto_cli_next;
/* A line that begins with "/". ANSWER: the conversation ends with a user turn that is to be answered. */
sotto_cli_next sotto_cli_chat_command(sotto_cli_chat *chat, const char *line);
void           sotto_cli_chat_failed(sotto_cli_chat *chat, const char *fmt, ...) SOTTO_PRINTF(2, 3);

/* What a person types: with editing and history on a terminal, plain lines otherwise. */
typedef struct sotto_cli_reader sotto_cli_reader;
typedef enum sotto_cli_read { SOTTO_READ_TEXT, SOTTO_READ_END, SOTTO_READ_INTERRUPTED } sotto_cli_read;
/* `wait` (may be NULL) is called a few times a second while there is nothing to read, with `begin_line` true where the
 * cursor stands in an edited line, which is drawn again if it says that it has printed something. NULL: out of
 * memory. */
typedef bool (*sotto_cli_wait_fn)(void *user, bool begin_line);
sotto_cli_reader *sotto_cli_reader_open(const sotto_cli_settings *s, sotto_cli_wait_fn wait, void *user);
bool              sotto_cli_reader_interactive(const sotto_cli_reader *r);
/* One message, perhaps of many lines, without its last newline; lent until the next call. */
sotto_cli_read    sotto_cli_reader_next(sotto_cli_reader *r, const char **text);
void              sotto_cli_reader_close(sotto_cli_reader *r);

#endif
