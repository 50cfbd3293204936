/* From settings to a model and a session: options checked, memory budget said, files opened. */
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static const char *const cache_names[] = {"f16", "q8_0", "f32"}; /* as the option's choices, and the enum */

sotto_session_options sotto_cli_session_options(const sotto_cli_settings *s) {
    sotto_session_options o = sotto_session_options_default();
    o.context = s->context;
    o.batch = s->batch;
    o.cache_type = (sotto_cache_type)s->cache_type;
    o.memory_limit = s->memory_limit;
    return o;
}

/* "ID=VALUE" of --logit-bias. */
static bool parse_bias(const char *text, sotto_logit_bias *out) {
    char *end, *end_value;
    errno = 0;
    long   id = strtol(text, &end, 10);
    double value = *end == '=' ? strtod(end + 1, &end_value) : NAN;
    if (end == text || errno == ERANGE || id < 0 || id > INT32_MAX || isnan(value) || end_value == end + 1 ||
        *end_value)
        return false;
    *out = (sotto_logit_bias){(int32_t)id, (float)value};
    return true;
}

static int parse_biases(const sotto_cli_settings *s, sotto_cli_engine *e) {
    if (!s->biases.n) return SOTTO_EXIT_OK;
    e->bias = calloc(s->biases.n, sizeof *e->bias);
    if (!e->bias) return sotto_cli_fail_memory();
    for (size_t i = 0; i < s->biases.n; i++)
        if (!parse_bias(s->biases.item[i], &e->bias[i]))
            return sotto_cli_usage(s->verb, "--logit-bias: \"%.60s\" is not ID=VALUE", s->biases.item[i]);
    return SOTTO_EXIT_OK;
}

/* The text of --json-schema may be the schema itself, or the path of a file, as --grammar's always is. */
static sotto_status open_grammar(const sotto_cli_settings *s, sotto_cli_engine *e, sotto_error *err) {
    const char *path = s->grammar ? s->grammar : s->json_schema;
    if (!s->grammar && path[strspn(path, " \t\r\n")] == '{')
        return sotto_grammar_open_schema(&e->grammar, path, strlen(path), err);
    sotto_file file;
    SOTTO_TRY(sotto_file_open(&file, path, false, err));
    const char  *text = file.size ? (const char *)file.data : "";
    sotto_status status = s->grammar ? sotto_grammar_open(&e->grammar, text, file.size, err)
                                     : sotto_grammar_open_schema(&e->grammar, text, file.size, err);
    sotto_file_close(&file);
    return status ? sotto_fail_prefix(err, status, "%.200s", path) : SOTTO_OK;
}

static int choose_grammar(const sotto_cli_settings *s, sotto_cli_engine *e) {
    sotto_error err;
    if (!s->grammar && !s->json_schema) return SOTTO_EXIT_OK;
    if (s->grammar && s->json_schema)
        return sotto_cli_usage(s->verb, "--grammar: does not go with --json-schema: give one of them");
    return open_grammar(s, e, &err) ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

static int no_model(const sotto_cli_settings *s) {
    return sotto_cli_usage(s->verb, "no model given: -m FILE or folder, or set SOTTO_MODEL");
}

static int check_tools(const sotto_cli_settings *s) {
    bool asked = s->tools || s->dry_run_tools || s->tool_choice;
    if (asked && s->no_tools) return sotto_cli_usage(s->verb, "--no-tools: does not go with other options of tools");
    if (asked && (s->grammar || s->json_schema))
        return sotto_cli_usage(s->verb, "an answer cannot be held to a grammar and call tools; leave out one");
    if (asked && s->raw) return sotto_cli_usage(s->verb, "--raw: tools need a chat format");
    return SOTTO_EXIT_OK;
}

/* A model that hears no results knows sotto's tools without being told of them; others are told if asked to. */
static int open_tools(sotto_cli_engine *e, const sotto_cli_settings *s) {
    sotto_model_info      info;
    sotto_error           err;
    sotto_toolbox_options o = sotto_toolbox_options_default();
    sotto_model_get_info(e->model, &info);
    e->hears_results = info.hears_results;
    bool asked = s->tools || s->dry_run_tools || s->tool_choice;
    if (s->raw || s->no_tools || e->grammar || (info.hears_results && !asked)) return SOTTO_EXIT_OK;
    e->tools = sotto_tools_schema();
    o.path = s->tools_file;
    if (s->dry_run_tools || !sotto_toolbox_open(&e->toolbox, &o, &err)) return SOTTO_EXIT_OK;
    return sotto_cli_fail(&err);
}

/* Said before anything is loaded, because that is when a person can still change their mind. */
static int say_budget(const sotto_cli_settings *s, sotto_error *err) {
    sotto_session_options o = sotto_cli_session_options(s);
    sotto_memory          m;
    if (sotto_memory_estimate(s->model, &o, &m, err)) return sotto_cli_fail(err);
    sotto_system machine;
    sotto_system_get(&machine);
    char weights[24], cache[24], scratch[24], total[24], of[24], has[48] = "";
    if (machine.memory_bytes)
        (void)snprintf(has, sizeof has, " of %s", sotto_cli_bytes(machine.memory_bytes, of));
    sotto_cli_note(s, "memory: weights %s + cache %s (%d tokens, %s) + scratch %s = %s%s",
                   sotto_cli_bytes(m.weights_bytes, weights), sotto_cli_bytes(m.cache_bytes, cache),
                   m.context, cache_names[s->cache_type], sotto_cli_bytes(m.scratch_bytes, scratch),
                   sotto_cli_bytes(m.total_bytes, total), has);
    if (machine.memory_available_bytes && m.total_bytes > machine.memory_available_bytes)
        sotto_cli_note(s, "memory: only %s are available now; it may become slow",
                       sotto_cli_bytes(machine.memory_available_bytes, of));
    return SOTTO_EXIT_OK;
}

int sotto_cli_model_open(sotto_cli_engine *e, const sotto_cli_settings *s) {
    if (!s->model) return no_model(s);
    sotto_signals_catch_bus_error(
        "sotto: a model file became shorter while it was in use: start again, or use --no-mmap");
    sotto_error         err;
    sotto_model_options o = sotto_model_options_default();
    o.threads = s->threads;
    o.no_map = s->no_mmap;
    o.cpu = s->cpu;
    o.chat_format = s->chat_format;
    return sotto_model_open(&e->model, s->model, &o, &err) ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

static int restore(sotto_cli_engine *e, const sotto_cli_settings *s) {
    sotto_error err;
    if (!s->session) return SOTTO_EXIT_OK;
    if (sotto_cli_is_package(s->model)) return sotto_session_save(e->session, s->session, &err), sotto_cli_fail(&err);
    if (sotto_path_kind_of(s->session) != SOTTO_PATH_NONE)
        return sotto_session_restore(e->session, s->session, &err) ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
    sotto_writer *trial; /* where it cannot be saved later, say so before the answer is computed */
    if (sotto_writer_open(&trial, s->session, &err)) return sotto_cli_fail(&err);
    sotto_writer_close(trial);
    return SOTTO_EXIT_OK;
}

int sotto_cli_engine_open(sotto_cli_engine *e, const sotto_cli_settings *s) {
    *e = (sotto_cli_engine){0};
    sotto_error err;
    if (!s->model) return no_model(s);
    int code = parse_biases(s, e);
    if (!code) code = check_tools(s);
    if (!code) code = choose_grammar(s, e);
    if (!code && !s->starter) code = say_budget(s, &err);
    uint64_t start = sotto_time_ns();
    if (!code) code = sotto_cli_model_open(e, s);
    if (!code) {
        sotto_session_options o = sotto_cli_session_options(s);
        o.progress = sotto_cli_progress_step;
        o.progress_user = &e->progress;
        if (sotto_session_open(&e->session, e->model, &o, &err)) code = sotto_cli_fail(&err);
    }
    if (!code) code = restore(e, s);
    if (!code) code = open_tools(e, s);
    if (code) {
        sotto_cli_engine_close(e);
        return code;
    }
    e->load_ms = (double)(sotto_time_ns() - start) / 1e6;
    e->sampling = sotto_sampling_default(e->model);
    sotto_cli_apply_sampling(s, &e->sampling);
    if (e->bias) {
        e->sampling.bias = e->bias;
        e->sampling.n_bias = s->biases.n;
    }
    return SOTTO_EXIT_OK;
}

int sotto_cli_session_save(const sotto_cli_engine *e, const sotto_cli_settings *s) {
    sotto_error err;
    if (!s->session || !sotto_session_save(e->session, s->session, &err)) return SOTTO_EXIT_OK;
    return sotto_cli_fail(&err);
}

void sotto_cli_engine_close(sotto_cli_engine *e) {
    sotto_toolbox_close(e->toolbox);
    sotto_session_close(e->session);
    sotto_model_close(e->model);
    sotto_grammar_close(e->grammar);
    free(e->bias);
    *e = (sotto_cli_engine){0};
}
