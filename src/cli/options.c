/* Reading the command line and the environment by the option table.
 *
 * Long options take their value as --name=VALUE or --name VALUE, short ones as -nVALUE or -n VALUE; flags may
 * be clustered (-qf); "--" ends the options; "-" alone is an argument. Options and arguments may come in any
 * order. */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define WHY(...) (void)snprintf(why, 160, __VA_ARGS__)

/* ---- values -------------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, bool whole, double min, double max, double *out, char why[160]) {
    char *end;
    errno = 0;
    double value = whole ? (double)strtoll(text, &end, 10) : strtod(text, &end);
    if (end == text || *end || isspace((unsigned char)*text) || !isfinite(value)) {
        WHY("\"%.60s\" is not a%s number", text, whole ? " whole" : "");
        return false;
    }
    if (errno == ERANGE || value < min || value > max) {
        WHY("%.60s is out of range: %.*g to %.*g", text, whole ? 15 : 6, min, whole ? 15 : 6, max);
        return false;
    }
    *out = value;
    return true;
}

static bool parse_bytes(const char *text, uint64_t *out, char why[160]) {
    char  *end;
    double value = strtod(text, &end), unit = 1;
    if (end != text && *end) {
        const char *units = "KMGT", *u = strchr(units, toupper((unsigned char)*end));
        unit = u ? ldexp(1, 10 * (int)(u - units + 1)) : 0;
        if (u) end++;
        if (u && (strcmp(end, "B") == 0 || strcmp(end, "iB") == 0)) end += strlen(end);
    }
    if (end == text || *end || unit <= 0 || !(value * unit >= 1 && value * unit <= 1e18)) {
        WHY("\"%.60s\" is not a size: write 1500M or 2G", text);
        return false;
    }
    *out = (uint64_t)(value * unit);
    return true;
}

static bool parse_seed(const char *text, uint64_t *out, char why[160]) {
    char *end;
    errno = 0;
    *out = strcmp(text, "-1") == 0 ? SOTTO_SEED_RANDOM : strtoull(text, &end, 10);
    if (*out == SOTTO_SEED_RANDOM && strcmp(text, "-1") == 0) return true;
    if (isdigit((unsigned char)*text) && !*end && errno == 0) return true;
    WHY("\"%.60s\" is not a whole number (-1: a new seed each time)", text);
    return false;
}

static bool parse_choice(const char *choices, const char *text, int32_t *out, char why[160]) {
    size_t  n = strlen(text);
    int32_t i = 0;
    for (const char *word = choices; *word; i++) {
        size_t n_word = strcspn(word, " ");
        if (n_word == n && memcmp(word, text, n) == 0) {
            *out = i;
            return true;
        }
        word += n_word + (word[n_word] == ' ');
    }
    WHY("\"%.60s\" is none of: %s", text, choices);
    return false;
}

static bool parse_list(const sotto_cli_option *o, sotto_cli_settings *s, const char *text,
                       sotto_cli_list *out, char why[160]) {
    size_t n = 1;
    for (const char *p = text; *p; p++) n += *p == ',';
    int32_t *item = sotto_arena_array(&s->arena, n, sizeof *item);
    if (!item) {
        WHY("out of memory");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char   one[24];
        double value;
        size_t n_one = strcspn(text, ",");
        (void)snprintf(one, sizeof one, "%.*s", (int)SOTTO_MIN(n_one, sizeof one - 1), text);
        if (!parse_number(one, true, o->min, o->max, &value, why)) return false;
        item[i] = (int32_t)value;
        text += n_one + 1;
    }
    *out = (sotto_cli_list){item, n};
    return true;
}

/* The array grows by one: such options come a handful of times. */
static bool add_text(sotto_cli_settings *s, const char *text, sotto_cli_texts *out, char why[160]) {
    const char **item = sotto_arena_array(&s->arena, out->n + 1, sizeof *item);
    if (!item) {
        WHY("out of memory");
        return false;
    }
    if (out->n) memcpy(item, out->item, out->n * sizeof *item);
    item[out->n] = text;
    *out = (sotto_cli_texts){item, out->n + 1};
    return true;
}

/* Flags come with a text from the environment only. */
static bool parse_flag(const char *text, bool *out, char why[160]) {
    static const char *const no[] = {"", "0", "no", "off", "false"}, *const yes[] = {"1", "yes", "on",
                                                                                     "true"};
    for (size_t i = 0; i < SOTTO_COUNT(no); i++)
        if (strcmp(text, no[i]) == 0) return *out = false, true;
    for (size_t i = 0; i < SOTTO_COUNT(yes); i++)
        if (strcmp(text, yes[i]) == 0) return *out = true, true;
    WHY("\"%.60s\" is neither 1 nor 0", text);
    return false;
}

bool sotto_cli_store(const sotto_cli_option *o, sotto_cli_settings *base, const char *text, char why[160]) {
    void  *field = (char *)base + o->offset;
    double value = 0;
    switch (o->kind) {
    case SOTTO_OPTION_FLAG: return parse_flag(text, field, why);
    case SOTTO_OPTION_INT:
        if (!parse_number(text, true, o->min, o->max, &value, why)) return false;
        *(int32_t *)field = (int32_t)value;
        return true;
    case SOTTO_OPTION_FLOAT:
        if (!parse_number(text, false, o->min, o->max, &value, why)) return false;
        *(float *)field = (float)value;
        return true;
    case SOTTO_OPTION_SEED: return parse_seed(text, field, why);
    case SOTTO_OPTION_BYTES: return parse_bytes(text, field, why);
    case SOTTO_OPTION_CHOICE: return parse_choice(o->choices, text, field, why);
    case SOTTO_OPTION_TEXT: *(const char **)field = text; return true;
    case SOTTO_OPTION_TEXTS: return add_text(base, text, field, why);
    case SOTTO_OPTION_LIST: return parse_list(o, base, text, field, why);
    }
    return false;
}

/* ---- names --------------------------------------------------------------------------------------------- */

/* Edits (insert, delete, replace one character) from a to b: Wagner & Fischer 1974, one row at a time. */
static size_t edit_distance(const char *a, const char *b) {
    size_t row[32], n = strlen(b);
    if (n >= SOTTO_COUNT(row)) return SIZE_MAX;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= n; j++) {
            size_t above = row[j], replace = diagonal + (a[i] != b[j - 1]);
            row[j] = SOTTO_MIN(replace, SOTTO_MIN(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[n];
}

const char *sotto_cli_nearest(const char *typed, sotto_cli_name_at at, const void *list) {
    const char *best = NULL, *name;
    size_t      least = strlen(typed) / 3 + 2; /* further away than this is another word */
    for (size_t i = 0; (name = at(list, i)); i++) {
        size_t n = edit_distance(typed, name);
        if (n < least) least = n, best = name;
    }
    return best;
}

/* The i-th option of a verb. */
static const char *option_name_at(const void *verb, size_t i) {
    for (size_t k = 0; k < sotto_cli_option_count; k++) {
        const sotto_cli_option *o = &sotto_cli_options[k];
        if (o->name && (o->verbs & ((const sotto_cli_verb *)verb)->bit) && i-- == 0) return o->name;
    }
    return NULL;
}

/* By long name (n bytes of it) or, with n == 0, by letter. */
static const sotto_cli_option *find(const sotto_cli_verb *verb, const char *name, size_t n, char letter) {
    for (size_t i = 0; i < sotto_cli_option_count; i++) {
        const sotto_cli_option *o = &sotto_cli_options[i];
        if (!o->name || !(o->verbs & verb->bit)) continue;
        if (n ? strlen(o->name) == n && memcmp(o->name, name, n) == 0 : o->letter == letter) return o;
    }
    return NULL;
}

/* ---- the command line ---------------------------------------------------------------------------------- */

typedef struct command_line {
    sotto_cli_settings *s;
    int                 argc, at;
    char              **argv;
} command_line;

static int set(sotto_cli_settings *s, const sotto_cli_option *o, const char *shown, const char *text) {
    char why[160];
    if (!sotto_cli_store(o, s, text, why)) return sotto_cli_usage(s->verb, "%s: %s", shown, why);
    s->given[o - sotto_cli_options] = true;
    return SOTTO_EXIT_OK;
}

/* The value is what follows in the same argument, or the next argument. */
static int set_from_line(command_line *c, const sotto_cli_option *o, const char *shown, const char *inside) {
    if (o->kind == SOTTO_OPTION_FLAG)
        return inside ? sotto_cli_usage(c->s->verb, "%s: takes no value", shown) : set(c->s, o, shown, "1");
    if (!inside && c->at + 1 >= c->argc)
        return sotto_cli_usage(c->s->verb, "%s: needs a value: %s %s", shown, shown, o->value);
    return set(c->s, o, shown, inside ? inside : c->argv[++c->at]);
}

static int parse_long(command_line *c, const char *arg) {
    const char *name = arg + 2, *equals = strchr(name, '=');
    size_t      n = equals ? (size_t)(equals - name) : strlen(name);
    char        shown[48];
    (void)snprintf(shown, sizeof shown, "--%.*s", (int)SOTTO_MIN(n, (size_t)40), name);
    const sotto_cli_option *o = n ? find(c->s->verb, name, n, 0) : NULL;
    if (o) return set_from_line(c, o, shown, equals ? equals + 1 : NULL);
    const char *near = sotto_cli_nearest(shown + 2, option_name_at, c->s->verb);
    return near ? sotto_cli_usage(c->s->verb, "%s: unknown option: did you mean --%s?", shown, near)
                : sotto_cli_usage(c->s->verb, "%s: unknown option", shown);
}

static int parse_short(command_line *c, const char *arg) {
    for (const char *p = arg + 1; *p; p++) {
        char                    shown[3] = {'-', *p, '\0'};
        const sotto_cli_option *o = find(c->s->verb, NULL, 0, *p);
        if (!o) return sotto_cli_usage(c->s->verb, "%.40s: unknown option", p == arg + 1 ? arg : shown);
        bool flag = o->kind == SOTTO_OPTION_FLAG;
        int  code = set_from_line(c, o, shown, flag || !p[1] ? NULL : p + 1 + (p[1] == '='));
        if (code || !flag) return code;
    }
    return SOTTO_EXIT_OK;
}

static int parse_environment(sotto_cli_settings *s) {
    for (size_t i = 0; i < sotto_cli_option_count; i++) {
        const sotto_cli_option *o = &sotto_cli_options[i];
        if (!o->name || !(o->verbs & s->verb->bit)) continue;
        char name[40];
        (void)snprintf(name, sizeof name, "SOTTO_%s", o->name);
        for (char *p = name; *p; p++) *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
        const char *text = getenv(name);
        if (!text || !*text) continue;
        int code = set(s, o, name, text);
        if (code) return code;
    }
    return SOTTO_EXIT_OK;
}

/* Repeatable options on the command line replace what the environment says: they start from an empty list. */
static void forget_environment_lists(sotto_cli_settings *s) {
    s->stops = s->biases = (sotto_cli_texts){0};
    memset(s->given, 0, sizeof s->given);
}

/* The model that comes with sotto; NULL: it is not there. */
static const char *starter_model(sotto_cli_settings *s) {
    char       *path = sotto_path_shipped("models/starter", SOTTO_CLI_STARTER);
    const char *found = path ? sotto_arena_text(&s->arena, path, strlen(path)) : NULL;
    free(path);
    return found;
}

int sotto_cli_parse(sotto_cli_settings *s, const sotto_cli_verb *verb, int argc, char **argv) {
    *s = (sotto_cli_settings){.verb = verb, .max_tokens = -1, .logprobs = -1, .repeat = 5,
                                .prompt_tokens = 7, .limit = 120,
                                .talk = {.lm_weight = -1, .snr = -1}};
    sotto_cli_texts stops, biases;
    bool            from_environment[SOTTO_CLI_OPTION_MAX];
    int             code = parse_environment(s);
    if (code) return code;
    stops = s->stops, biases = s->biases;
    memcpy(from_environment, s->given, sizeof from_environment);
    forget_environment_lists(s);

    s->args = sotto_arena_array(&s->arena, (size_t)argc + 1, sizeof *s->args);
    if (!s->args) return sotto_cli_fail_memory();
    command_line c = {.s = s, .argc = argc, .argv = argv};
    bool         options = true;
    for (; c.at < argc && !code; c.at++) {
        const char *arg = argv[c.at];
        if (options && strcmp(arg, "--") == 0)
            options = false;
        else if (options && arg[0] == '-' && arg[1] == '-')
            code = parse_long(&c, arg);
        else if (options && arg[0] == '-' && arg[1])
            code = parse_short(&c, arg);
        else
            s->args[s->n_args++] = arg;
    }
    if (!s->stops.n) s->stops = stops;
    if (!s->biases.n) s->biases = biases;
    for (size_t i = 0; i < SOTTO_CLI_OPTION_MAX; i++) s->given[i] |= from_environment[i];
    if (!s->model && !s->synthetic) s->starter = (s->model = starter_model(s)) != NULL;
    if (s->model && !*s->model) s->model = NULL; /* -m "$MODEL", and it is not set */
    if (!code && !s->help && s->n_args > verb->max_args)
        code = sotto_cli_usage(verb, "\"%.60s\": an argument too many", s->args[verb->max_args]);
    return code;
}
