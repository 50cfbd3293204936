/* The toolbox: opening, and doing one call: its arguments against the schema, the tool, the answer. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "chat/toolbox.h"

enum { ARGUMENTS_MAX = 64 << 10, TEXT_MAX = 500, NAME_MAX_CHARACTERS = 100 };

/* Texts are kept as they were said; `key` is what sotto_words_key makes of them. Times are seconds since 1970 UTC. */
static const char schema[] =
    "CREATE TABLE alarms(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL CHECK(kind IN('timer','reminder')),"
    " text TEXT NOT NULL, key TEXT NOT NULL, seconds INTEGER NOT NULL, due INTEGER NOT NULL);"
    "CREATE INDEX alarms_due ON alarms(due);"
    "CREATE TABLE items(id INTEGER PRIMARY KEY AUTOINCREMENT, list TEXT NOT NULL, list_key TEXT NOT NULL,"
    " item TEXT NOT NULL, key TEXT NOT NULL, UNIQUE(list_key, key));"
    "CREATE TABLE facts(id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, key TEXT NOT NULL,"
    " fact TEXT NOT NULL, UNIQUE(key, fact));"
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;";

/* "sott" in ASCII. */
static const sotto_store_kind file_kind = {.what = "tools", .name = "tools.db", .application_id = 0x736f7474,
                                           .version = 1, .length_max = 1 << 20, .schema = schema};

static int64_t system_now(void *user) {
    (void)user;
    return sotto_time_unix();
}

sotto_toolbox_options sotto_toolbox_options_default(void) {
    return (sotto_toolbox_options){.now = system_now, .seed = SOTTO_SEED_RANDOM};
}

sotto_status sotto_toolbox_open(sotto_toolbox **out, const sotto_toolbox_options *opt, sotto_error *err) {
    sotto_toolbox_options o = opt ? *opt : sotto_toolbox_options_default();
    sotto_toolbox        *box = calloc(1, sizeof *box);
    if (!box) return sotto_fail_memory(err, "a toolbox");
    box->now = o.now ? o.now : system_now;
    box->now_user = o.now_user;
    box->random = o.seed == SOTTO_SEED_RANDOM ? sotto_random_seed() : o.seed;
    sotto_status status = sotto_store_open(&box->store, &file_kind, o.path, err);
    if (status == SOTTO_OK) *out = box;
    else free(box);
    return status;
}

void sotto_toolbox_close(sotto_toolbox *box) {
    if (!box) return;
    sotto_store_close(&box->store);
    free(box);
}

sotto_status sotto_toolbox_hold(sotto_toolbox *box, sotto_error *err) { return sotto_store_hold(&box->store, err); }

sotto_status sotto_toolbox_release(sotto_toolbox *box, bool keep, sotto_error *err) {
    return sotto_store_release(&box->store, keep, err);
}

void sotto_tool_result_free(sotto_tool_result *r) {
    if (!r) return;
    free(r->json);
    free(r->spoken);
    *r = (sotto_tool_result){0};
}

/* ---- for the tools -------------------------------------------------------------------------------------- */

sotto_status sotto_call_refuse(sotto_call *c, const char *fmt, ...) {
    char    text[4096]; /* longer than any sentence with two texts of the greatest length */
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->failed = true;
    sotto_buf_clear(&c->spoken);
    (void)sotto_buf_append_utf8(&c->spoken, text, strlen(text)); /* a name may be anything, and cut anywhere */
    return SOTTO_OK;
}

const char *sotto_call_text(const sotto_call *c, const char *argument) {
    return json_string_value(json_object_get(c->arguments, argument));
}

bool sotto_call_number(const sotto_call *c, const char *argument, double *out) {
    json_t *value = json_object_get(c->arguments, argument);
    if (value) *out = json_number_value(value);
    return value != NULL;
}

sotto_status sotto_call_key(sotto_call *c, const char *text, const char **out) {
    sotto_buf key = {0};
    sotto_words_key(&key, text, "");
    *out = key.failed ? NULL : sotto_arena_text(&c->memory, key.data ? key.data : "", key.len);
    sotto_buf_free(&key);
    return *out ? SOTTO_OK : sotto_fail_memory(c->err, "a tool's words");
}

/* ---- arguments ------------------------------------------------------------------------------------------ */

static size_t longest(const char *argument) {
    static const char *const long_ones[] = {"text", "item", "fact", "expression"};
    for (size_t i = 0; i < SOTTO_COUNT(long_ones); i++)
        if (strcmp(argument, long_ones[i]) == 0) return TEXT_MAX;
    return NAME_MAX_CHARACTERS;
}

static size_t characters(const char *text) {
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* The value in the form that tools want it in, in *out: NULL for an empty text. False: it is not what the schema says,
 * and this has been said. */
static bool check_value(sotto_call *c, const char *tool, const char *name, const char *type, json_t *value,
                        json_t **out) {
    bool   integer = strcmp(type, "integer") == 0, number = integer || strcmp(type, "number") == 0;
    double x = json_number_value(value);
    *out = NULL;
    if (number ? !json_is_number(value) || (integer && x != floor(x)) : !json_is_string(value)) {
        (void)sotto_call_refuse(c, "The argument \"%s\" of %s must be %s.", name, tool,
                                integer ? "a whole number" : number ? "a number" : "a text");
        return false;
    }
    if (number) return *out = json_real(x), true;
    sotto_buf text = {0};
    sotto_words_clean(&text, json_string_value(value));
    size_t n = characters(text.data ? text.data : "");
    bool   ok = n <= longest(name);
    if (!ok)
        (void)sotto_call_refuse(c, "The argument \"%s\" of %s is too long: %zu characters, of at most %zu.", name, tool,
                                n, longest(name));
    else if (text.len > 0) *out = json_stringn(text.data, text.len);
    if (ok && text.len > 0 && !*out) c->spoken.failed = true; /* out of memory: there will be no answer */
    c->spoken.failed |= text.failed;
    sotto_buf_free(&text);
    return ok;
}

/* Every argument that is given is one that the tool has. An explicit null is as good as nothing. */
static void check_given(sotto_call *c, const sotto_tool *tool, json_t *given, json_t *properties) {
    const char *name;
    json_t     *value;
    json_object_foreach(given, name, value) {
        json_t     *kept, *property = json_object_get(properties, name);
        const char *type = json_string_value(json_object_get(property, "type"));
        if (!property && json_object_size(properties) == 0) {
            (void)sotto_call_refuse(c, "%s takes no arguments.", tool->name);
            return;
        }
        if (!property) {
            (void)sotto_call_refuse(c, "%s has no argument \"%.100s\".", tool->name, name);
            return;
        }
        if (json_is_null(value)) continue;
        if (!check_value(c, tool->name, name, type, value, &kept)) return;
        if (kept) (void)json_object_set_new(c->arguments, name, kept);
    }
}

static void check_required(sotto_call *c, const sotto_tool *tool, json_t *required) {
    size_t  i;
    json_t *name;
    json_array_foreach(required, i, name) {
        if (c->failed || json_object_get(c->arguments, json_string_value(name))) continue;
        (void)sotto_call_refuse(c, "%s needs the argument \"%s\".", tool->name, json_string_value(name));
    }
}

static sotto_status check_arguments(sotto_call *c, const sotto_tool *tool, const char *text) {
    json_t *parameters = json_loads(tool->parameters, 0, NULL);
    bool    blank = text[strspn(text, " \t\r\n")] == '\0', fits = strlen(text) <= ARGUMENTS_MAX;
    json_t *given = blank ? json_object() : fits ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    c->arguments = json_object();
    sotto_status status = parameters && c->arguments ? SOTTO_OK : sotto_fail_memory(c->err, "a tool's arguments");
    if (status == SOTTO_OK && !json_is_object(given)) {
        const char *what = fits ? "not a JSON object" : "too long";
        (void)sotto_call_refuse(c, "The arguments of %s are %s.", tool->name, what);
    } else if (status == SOTTO_OK) {
        check_given(c, tool, given, json_object_get(parameters, "properties"));
        check_required(c, tool, json_object_get(parameters, "required"));
    }
    json_decref(parameters);
    json_decref(given);
    return status;
}

/* ---- the call ------------------------------------------------------------------------------------------- */

/* What the caller gets. It is made before the change is committed, so that memory cannot run out in between. */
static sotto_status make_result(sotto_call *c, sotto_tool_result *out) {
    const char *spoken = c->spoken.data ? c->spoken.data : "";
    json_t     *content = c->failed ? json_string(spoken) : json_incref(c->result);
    json_t     *answer = content ? json_pack("{s:o}", c->failed ? "error" : "result", content) : NULL;
    char       *json = answer ? json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(SOTTO_DIGITS)) : NULL;
    char       *said = c->spoken.failed ? NULL : sotto_path_join("", spoken);
    json_decref(answer);
    if (!json || !said) {
        free(json);
        free(said);
        return sotto_fail_memory(c->err, "a tool's answer");
    }
    *out = (sotto_tool_result){json, said, c->failed, c->failed ? SOTTO_EFFECT_NONE : c->effect, c->volume};
    return SOTTO_OK;
}

static sotto_status run_tool(sotto_call *c, const sotto_tool *tool, sotto_tool_result *out) {
    if (tool->writes) SOTTO_TRY(sotto_store_begin(c->store, c->err));
    sotto_status status = tool->run(c);
    if (status == SOTTO_OK) status = make_result(c, out);
    if (tool->writes && status == SOTTO_OK && !c->failed) status = sotto_store_commit(c->store, c->err);
    else if (tool->writes) sotto_store_rollback(c->store);
    if (status != SOTTO_OK) sotto_tool_result_free(out);
    return status;
}

/* Times that are counted from now must stay within what a calendar can show. */
static bool clock_is_right(int64_t now) {
    sotto_wall w;
    return now >= 0 && sotto_wall_from_unix(&w, now) && w.year < 9900;
}

sotto_status sotto_toolbox_call(sotto_toolbox *box, const char *name, const char *arguments, sotto_tool_result *out,
                                sotto_error *err) {
    sotto_call        c = {.box = box, .store = &box->store, .now = box->now(box->now_user), .err = err};
    sotto_tool_result result = {0};
    const sotto_tool *tool = sotto_tool_find(name);
    sotto_status      status = SOTTO_OK;
    if (!clock_is_right(c.now))
        return sotto_fail(err, SOTTO_INVALID, "the clock of this machine shows no possible date");
    if (!tool) status = sotto_call_refuse(&c, "There is no tool \"%.100s\".", name);
    else status = check_arguments(&c, tool, arguments ? arguments : "");
    if (status == SOTTO_OK) status = c.failed ? make_result(&c, &result) : run_tool(&c, tool, &result);
    json_decref(c.arguments);
    json_decref(c.result);
    sotto_arena_free(&c.memory);
    sotto_buf_free(&c.spoken);
    if (status != SOTTO_OK) return status;
    sotto_tool_result_free(out);
    *out = result;
    return SOTTO_OK;
}
