/* chat.h: what the files of the chat formats share; private to text/.
 *
 * A conversation goes through three steps: chat_normal.c brings it into the form that a family can say (a
 * scene), chat.c writes the scene with the pieces of text of the family's row (chat_formats.c), and
 * chat_encode.c makes tokens of it. What a row cannot say as data is a function in chat_odd.c or chat_gemma4.c. */
#ifndef SOTTO_TEXT_CHAT_H
#define SOTTO_TEXT_CHAT_H

#include "text/text.h"

/* ---- limits -------------------------------------------------------------------------------------------- */

enum {
    SOTTO_CHAT_TEXT_MAX = 64 << 20,  /* bytes of a whole rendered conversation */
    SOTTO_CHAT_JSON_MAX = 4 << 20,   /* bytes of the tools, or of the calls of one turn */
    SOTTO_CHAT_JSON_DEPTH_MAX = 64,  /* of arrays and objects in there */
    SOTTO_CHAT_CALLS_MAX = 99999,    /* in a conversation: their numbers have five digits */
};

/* ---- the conversation in normal form ------------------------------------------------------------------- */

typedef enum sotto_chat_role {
    SOTTO_CHAT_SYSTEM, SOTTO_CHAT_USER, SOTTO_CHAT_ASSISTANT, SOTTO_CHAT_TOOL, SOTTO_CHAT_ROLE_COUNT
} sotto_chat_role;

/* The keys are those of the tool_calls JSON; `id` is nine letters and digits, given or made here. */
typedef struct sotto_chat_call {
    const char   *name;
    const json_t *arguments; /* an object */
    const char   *id;
    const char   *given_id;  /* as the caller wrote it, or NULL */
} sotto_chat_call;

/* A text that may grow: `own` is where it lives once it is ours, with room for so many bytes. */
typedef struct sotto_chat_text {
    sotto_str text;
    char     *own;
    size_t    room;
} sotto_chat_text;

typedef struct sotto_chat_message {
    sotto_chat_role  role;
    sotto_chat_text  said;
    sotto_chat_call *calls; /* assistant */
    size_t           n_calls;
    const char      *tool_name, *call_id; /* tool: never NULL */
} sotto_chat_message;

/* What rendering sees. */
typedef struct sotto_chat_scene {
    const sotto_chat_format *format;
    sotto_arena              arena;  /* of the messages and their texts */
    json_t                  *parsed; /* an array that owns all JSON of this conversation */
    sotto_chat_text          system; /* all leading system turns */
    bool                     has_system;
    const json_t            *tools; /* array of {"type":"function","function":{...}}, not empty; or NULL */
    sotto_chat_message      *turns;
    size_t                   n;
    size_t                   n_calls;
    size_t                   last_user; /* index of the last user turn; n when there is none */
    bool                     thinking, continue_last;
    const char              *date; /* or NULL */
    sotto_chat_prompt       *out;
} sotto_chat_scene;

/* Fill a scene for its format; sotto_chat_scene_free() whatever the result. */
sotto_status sotto_chat_scene_make(sotto_chat_scene *s, const sotto_chat_turn *turns, size_t n,
                                   const sotto_chat_params *params, sotto_error *err);
void         sotto_chat_scene_free(sotto_chat_scene *s);
/* Over SOTTO_CHAT_TEXT_MAX, or out of memory on the way there. */
sotto_status sotto_chat_fail_size(sotto_error *err);

/* ---- rows of the table --------------------------------------------------------------------------------- */

typedef enum sotto_json_style {
    SOTTO_JSON_LINE,   /* {"a": 1, "b": [2]}, as Python's json.dumps without ASCII escapes */
    SOTTO_JSON_INDENT, /* the same over lines, four spaces deep */
    SOTTO_JSON_PYTHON, /* {'a': 1, 'b': None}, as Python's repr */
} sotto_json_style;

typedef enum sotto_call_notation {
    SOTTO_CALL_JSON,    /* {"name": ..., "arguments": {...}}, or a list of such */
    SOTTO_CALL_GEMMA4,  /* call:NAME{key:value}, every string between two <|"|> tokens */
    SOTTO_CALL_STARTER, /* [NAME(key=value, ...), ...]; a number may be a sum that is still to be worked out */
} sotto_call_notation;

/* How calls are told from the text of an answer; see calls.c. NULL texts are none. */
typedef struct sotto_call_form {
    sotto_call_notation notation;
    bool        anywhere; /* else only at the beginning of an answer, one call after the other */
    bool        list;     /* all calls are one list in square brackets */
    bool        control;  /* only the control tokens count; the same texts, spelled, are ordinary ones */
    const char *open[6];  /* what a call begins with; a bracket at its end is the call's own. An opening that ends with
                             "{" may also begin an ordinary answer in JSON: what is inside decides */
    const char *close;    /* ends a call; what stands between the call's last bracket and this is dropped */
    const char *between;  /* may stand between two calls, white space around it */
    const char *think[2]; /* around thoughts, in which no call is looked for */
} sotto_call_form;

/* How a family declares tools, calls them and hears their results. NULL texts are empty. */
typedef struct sotto_chat_tools {
    bool             plain; /* the family has no form of its own: everything goes into ordinary turns as text */
    bool             deaf;  /* it knows its tools and hears no results: declarations, system turns, results and what
                               was said of them are not written */
    sotto_call_form  form;
    int32_t          call_search; /* see sotto_generate_options; the format's own */
    sotto_json_style style;
    const char      *declare_before, *declare_between, *declare_after;
    bool             drops_content; /* a turn with calls says nothing else */
    const char      *calls_header;  /* in place of the assistant's header; NULL: that header */
    void           (*write_calls)(sotto_chat_scene *s, const sotto_chat_message *m); /* NULL: with these texts */
    const char      *calls_before, *call_name, *call_arguments, *call_id, *call_after, *calls_between, *calls_after;
    bool             result_quoted; /* the result is written as a JSON string */
    const char      *results_before, *result_before, *result_id, *result_after, *results_after;
} sotto_chat_tools;

enum { /* flags of a row */
    SOTTO_CHAT_USER_FIRST = 1 << 0,       /* the first turn must be a user's: an empty one is put there */
    SOTTO_CHAT_SYSTEM_IN_FIRST = 1 << 1,  /* the system text goes into the first user turn */
    SOTTO_CHAT_SYSTEM_IN_LAST = 1 << 2,   /* ... into the last one */
    SOTTO_CHAT_SYSTEM_LATER = 1 << 3,     /* system turns amid the conversation exist (else: a user's) */
    SOTTO_CHAT_TOOLS_IN_SYSTEM = 1 << 4,  /* where tools are declared: at the end of the system turn, */
    SOTTO_CHAT_TOOLS_IN_FIRST = 1 << 5,   /* at the beginning of the first user turn, */
    SOTTO_CHAT_TOOLS_BEFORE_LAST = 1 << 6,/* before the last user turn */
    SOTTO_CHAT_TRIM_SYSTEM = 1 << 7,      /* whose contents are trimmed at both ends */
    SOTTO_CHAT_TRIM_USER = 1 << 8,
    SOTTO_CHAT_TRIM_ASSISTANT = 1 << 9,
    SOTTO_CHAT_TRIM_WITH_SYSTEM = 1 << 10,/* both together are trimmed where a system text stands before the user's */
    SOTTO_CHAT_BARE_ANSWER = 1 << 11,     /* the coming answer begins without the header of its turn */
};

typedef struct sotto_chat_piece { const char *before, *after; } sotto_chat_piece;

struct sotto_chat_format {
    const char *name;
    const char *has[5];      /* a template of this format holds every one of these texts, */
    const char *has_not[8];  /* and none of these; see sotto_chat_format_recognise */
    unsigned    flags;
    const char *bos;                              /* the very first text */
    sotto_chat_piece turn[SOTTO_CHAT_ROLE_COUNT]; /* around a turn; a tool's is in `tools` */
    sotto_chat_piece system_in_user;              /* around a system text inside a user turn */
    const char *system;                           /* when the conversation has none; NULL: no system turn then */
    const char *answer[2];                        /* after the header of the coming answer: thinking off, on */
    const sotto_chat_tools *tools;
    const char *stop[3];
    /* What data cannot say; NULL: as the data say. */
    void (*write_system)(sotto_chat_scene *s);           /* the system turn */
    bool (*write_content)(sotto_chat_scene *s, size_t i); /* an assistant's turn i; false: it said nothing */
    void (*write)(sotto_chat_scene *s);                  /* everything after bos */
    int variant;                                         /* for those functions */
};

extern const sotto_chat_format sotto_chat_formats[];
extern const size_t            sotto_chat_format_count;

/* The row whose marks a template has; NULL when it is none of ours. The first row that fits wins. */
const sotto_chat_format *sotto_chat_format_recognise(sotto_str chat_template);

/* ---- writing ------------------------------------------------------------------------------------------- */

/* Out of memory and over-long texts are remembered in out->text.failed. */
void sotto_chat_say(sotto_chat_scene *s, const char *text);  /* template text: trusted; NULL is empty */
void sotto_chat_quote(sotto_chat_scene *s, sotto_str text);  /* people's text: untrusted */
void sotto_chat_quote_json(sotto_chat_scene *s, const json_t *v, sotto_json_style style);
/* Between declare_before and declare_after: every tool, as the format's style says. */
void sotto_chat_write_tools(sotto_chat_scene *s);
/* The system text, and the content of a turn that is no tool's: trimmed if the format trims. */
sotto_str sotto_chat_system(const sotto_chat_scene *s);
sotto_str sotto_chat_content(const sotto_chat_scene *s, size_t i);
/* True for the turn that is left open because the answer goes on there. */
static inline bool sotto_chat_is_open(const sotto_chat_scene *s, size_t i) {
    return s->continue_last && i + 1 == s->n;
}

/* A member of an object; `index` is its place there. */
typedef struct sotto_chat_member {
    const char   *key;
    const json_t *value;
    size_t        index;
} sotto_chat_member;

/* The functions that rows name. */
void sotto_chat_llama3_system(sotto_chat_scene *s);
void sotto_chat_smollm3_system(sotto_chat_scene *s);
bool sotto_chat_smollm3_content(sotto_chat_scene *s, size_t i);
bool sotto_chat_qwen3_content(sotto_chat_scene *s, size_t i);
void sotto_chat_gemma4_write(sotto_chat_scene *s);
void sotto_chat_gemma4_sort(sotto_chat_member *list, size_t n); /* by key, whatever its case */
void sotto_chat_starter_system(sotto_chat_scene *s);
void sotto_chat_starter_calls(sotto_chat_scene *s, const sotto_chat_message *m);
enum { SOTTO_SMOLLM3_ENDS_SYSTEM = 1, SOTTO_GEMMA4_THINKS_ON = 1 }; /* variants */

/* ---- calls in an answer: the parts of calls.h ------------------------------------------------------------- */

/* The calls in a text of one notation: a new array of {"name": string, "arguments": object}. NULL: it is not of that
 * notation, or, unless it is `sure` that this is a call, has no arguments. <|"|> tokens are SOTTO_CALL_QUOTE. */
json_t *sotto_calls_parse(sotto_call_notation notation, sotto_str text, bool sure);
#define SOTTO_CALL_QUOTE '\xff' /* stands for <|"|>; no byte of UTF-8 */

enum {
    SOTTO_CALLS_MAX = 64,             /* in one answer; what comes after them is dropped */
    SOTTO_CALL_BYTES_MAX = 256 << 10, /* of the text of one call */
    SOTTO_CALL_DEPTH_MAX = 64,        /* of arrays, objects and brackets in there */
};

/* Initialise with {0}; close it whatever the result of open. */
typedef struct sotto_call_list {
    json_t         *tools; /* name -> function */
    sotto_arena     arena; /* the texts of the calls */
    sotto_tool_call calls[SOTTO_CALLS_MAX];
    size_t          n;
    bool            failed; /* out of memory */
} sotto_call_list;
sotto_status  sotto_call_list_open(sotto_call_list *l, const char *tools, sotto_error *err);
void          sotto_call_list_close(sotto_call_list *l);
const json_t *sotto_call_list_tool(const sotto_call_list *l, sotto_str name); /* its function; NULL: there is none */
/* Each of a list that could be read (sotto_calls_parse), with what is wrong with it, if anything. */
void          sotto_call_list_add(sotto_call_list *l, const json_t *calls);
/* One that could not. */
void          sotto_call_list_add_broken(sotto_call_list *l, sotto_str name, const char *what);

/* Whether the header of an answer in this format opens a thought, so that the answer begins inside it. */
bool sotto_calls_begin_thinking(const sotto_chat_format *f);

/* The value of a sum of decimal numbers with + - * / ( ): false for anything else, and where it is not finite. */
bool sotto_calls_sum(sotto_str text, double *out);

/* The schema of a function's arguments; NULL: it says nothing of them. Where it lists properties, even none, it is made
 * to refuse others unless it allows them itself. */
json_t *sotto_schema_of_tool(json_t *function);
/* Whether a value fits a JSON schema; what it does not like is appended to `why` in words that follow a name, as in
 * "set_timer: " ... Checks type, enum, const, properties, required, additionalProperties (false where properties are
 * given and it is not), items, minItems, maxItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength,
 * maxLength, anyOf; nothing else. */
bool sotto_schema_fits(const json_t *schema, const json_t *value, sotto_buf *why);

/* ---- JSON and text ------------------------------------------------------------------------------------- */

/* Parse what a caller wrote, `what` naming it in the error; *out is a new reference. */
sotto_status sotto_chat_json_parse(json_t **out, const char *text, const char *what, sotto_error *err);
/* The tools in the one form {"type":"function","function":{"name":...}}: a new array. */
sotto_status sotto_chat_tools_parse(json_t **out, const char *text, sotto_error *err);
void sotto_chat_json_write(sotto_buf *out, const json_t *v, sotto_json_style style);
void sotto_chat_json_number(sotto_buf *out, const json_t *v); /* as Python prints it */
/* The members of an object in their order: an array in the arena. NULL without memory or where there are none. */
sotto_chat_member *sotto_chat_members(sotto_arena *arena, const json_t *object);
bool sotto_chat_json_too_deep(const json_t *v);               /* beyond SOTTO_CHAT_JSON_DEPTH_MAX */

/* Python's str.strip(): white space of Unicode at both ends, or at one. */
sotto_str sotto_chat_trim(sotto_str text);
sotto_str sotto_chat_trim_start(sotto_str text);
sotto_str sotto_chat_trim_end(sotto_str text);
/* The same for newlines only. */
sotto_str sotto_chat_trim_newlines(sotto_str text, bool start, bool end);
/* Where `needle` first (or last) begins in text; SIZE_MAX when nowhere. */
size_t sotto_chat_find(sotto_str text, const char *needle);
size_t sotto_chat_find_last(sotto_str text, const char *needle);
static inline sotto_str sotto_chat_from(sotto_str text, size_t offset) {
    return (sotto_str){text.p + offset, text.n - offset};
}

#endif
