/* sotto convert: a Hugging Face folder or a GGUF file to a GGUF file of another type. */
#include "cli/cli.h"

#include <stdlib.h>

/* "folder/gemma-2b/" and "gemma-2b.gguf" become "gemma-2b-q4_0.gguf" in the current folder; free() it. */
static char *default_name(const char *in, const char *type) {
    size_t n = strlen(in);
    while (n > 1 && in[n - 1] == '/') n--;
    if (n > 5 && memcmp(in + n - 5, ".gguf", 5) == 0) n -= 5;
    size_t begin = n;
    while (begin > 0 && in[begin - 1] != '/') begin--;
    sotto_buf name = {0};
    bool dots = n - begin <= 2 && in[begin] == '.'; /* "." and "..": no name to go by */
    if (dots || n == begin)
        sotto_buf_puts(&name, "model");
    else
        sotto_buf_append(&name, in + begin, n - begin);
    if (sotto_buf_printf(&name, "-%s.gguf", type)) return name.data;
    sotto_buf_free(&name);
    return NULL;
}

/* Bytes and bits per weight of a file, from its inspection. */
static sotto_status measure(const char *path, uint64_t *n_bytes, double *bits, sotto_error *err) {
    sotto_bytes text = {0};
    SOTTO_TRY(sotto_inspect(path, &text, err));
    json_t     *doc = json_loadb(text.data, text.n, 0, NULL), *type;
    const char *name;
    double      bytes = 0, params = 0;
    json_object_foreach(json_object_get(doc, "types"), name, type) {
        bytes += json_number_value(json_object_get(type, "bytes"));
        params += json_number_value(json_object_get(type, "params"));
    }
    *n_bytes = (uint64_t)json_integer_value(json_object_get(doc, "file_bytes"));
    *bits = params > 0 ? bytes * 8 / params : 0;
    json_decref(doc);
    sotto_bytes_free(&text);
    return SOTTO_OK;
}

static int report(const sotto_cli_settings *s, const char *in, const char *out, const char *type,
                  double seconds) {
    sotto_error err;
    uint64_t    in_bytes, out_bytes;
    double      in_bits, out_bits;
    char        in_text[24], out_text[24];
    if (measure(in, &in_bytes, &in_bits, &err) || measure(out, &out_bytes, &out_bits, &err))
        return sotto_cli_fail(&err);
    if (s->json)
        return sotto_cli_print_json(json_pack(
            "{s:o, s:s, s:I, s:f, s:I, s:f, s:f}", "path", sotto_cli_json_text(out, strlen(out)), "type",
            type, "bytes", (json_int_t)out_bytes, "bits_per_weight", out_bits, "input_bytes",
            (json_int_t)in_bytes, "input_bits_per_weight", in_bits, "seconds", seconds));
    (void)printf("%s: %s, %.2f bits per weight (before: %s, %.2f), %.1f s\n", out,
                 sotto_cli_bytes(out_bytes, out_text), out_bits, sotto_cli_bytes(in_bytes, in_text), in_bits,
                 seconds);
    return SOTTO_EXIT_OK;
}

static int convert(const sotto_cli_settings *s, const char *in, const char *out, const char *type) {
    if (!s->force && sotto_path_kind_of(out) != SOTTO_PATH_NONE) {
        sotto_cli_error("%s: exists already: --force replaces it, or name another file", out);
        return SOTTO_EXIT_FAILURE;
    }
    sotto_cli_progress    progress;
    sotto_error           err;
    sotto_convert_options o = sotto_convert_options_default();
    o.type = type;
    o.head = s->head;
    o.progress = sotto_cli_progress_step;
    o.progress_user = &progress;
    uint64_t start = sotto_time_ns();
    sotto_cli_progress_begin(&progress, s, "convert", "B");
    sotto_status status = sotto_convert(in, out, &o, &err);
    sotto_cli_progress_end(&progress);
    if (status) return sotto_cli_fail(&err);
    return s->quiet && !s->json ? SOTTO_EXIT_OK
                                : report(s, in, out, type, (double)(sotto_time_ns() - start) / 1e9);
}

int sotto_cmd_convert(const sotto_cli_settings *s) {
    if (s->n_args == 0 || !*s->args[0] || (s->n_args > 1 && !*s->args[1]))
        return sotto_cli_usage(s->verb, "nothing to convert: sotto convert IN [OUT.gguf]");
    sotto_signals_catch_bus_error("sotto: the input became shorter while it was read: convert it again");
    const char *in = s->args[0], *type = s->type ? s->type : "q4_0";
    char       *name = s->n_args > 1 ? NULL : default_name(in, type);
    if (s->n_args == 1 && !name) return sotto_cli_fail_memory();
    int code = convert(s, in, name ? name : s->args[1], type);
    free(name);
    return code;
}
