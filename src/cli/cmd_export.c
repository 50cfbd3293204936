/* sotto export: a model as a Core ML package. */
#include "cli/cli.h"

#include <stdlib.h>

#include <sotto/coreml.h>

/* The package's path: what -o says if that is one, else its own name in that folder; free() it. */
static char *package_path(const char *output, const char *name) {
    size_t n = output ? strlen(output) : 0;
    while (n > 1 && output[n - 1] == '/') n--;
    if (!sotto_str_ends((sotto_str){output, n}, ".mlpackage")) return sotto_path_join(n ? output : ".", name);
    sotto_buf path = {0};
    return sotto_buf_append(&path, output, n) ? path.data : NULL;
}

static int report(const sotto_cli_settings *s, const char *path, int bits, double seconds) {
    if (s->json)
        return sotto_cli_print_json(json_pack("{s:o, s:i, s:f}", "path", sotto_cli_json_text(path, strlen(path)),
                                              "bits", bits, "seconds", seconds));
    (void)printf("%s: %d-bit weights, %.1f s\n", path, bits, seconds);
    return SOTTO_EXIT_OK;
}

static int export_to(const sotto_cli_settings *s, const char *path, sotto_export_options *o) {
    if (!s->force && sotto_path_kind_of(path) != SOTTO_PATH_NONE) {
        sotto_cli_error("%s: exists already: --force replaces it, or name another with -o", path);
        return SOTTO_EXIT_FAILURE;
    }
    sotto_cli_progress progress;
    sotto_error        err;
    uint64_t           start = sotto_time_ns();
    o->progress = sotto_cli_progress_step;
    o->progress_user = &progress;
    sotto_cli_progress_begin(&progress, s, "export", "B");
    sotto_status status = sotto_export(s->args[0], path, o, &err);
    sotto_cli_progress_end(&progress);
    if (status) return sotto_cli_fail(&err);
    return s->quiet && !s->json ? SOTTO_EXIT_OK : report(s, path, o->bits, (double)(sotto_time_ns() - start) / 1e9);
}

int sotto_cmd_export(const sotto_cli_settings *s) {
    static const int32_t bits[] = {4, 8, 16};
    char                 name[256];
    sotto_error          err;
    if (s->n_args == 0 || !*s->args[0])
        return sotto_cli_usage(s->verb, "nothing to export: sotto export MODEL [-o DIR]");
    sotto_signals_catch_bus_error("sotto: the model became shorter while it was read: export it again");
    sotto_export_options o = {.context = s->context ? s->context : 128, .bits = bits[s->bits],
                              .last_logits = s->logits == SOTTO_LOGITS_LAST, .round_to_nearest = s->rtn,
                              .negative_scales = s->negative_scales, .importance = s->importance, .id = s->id};
    if (sotto_export_name(s->args[0], &o, name, &err)) return sotto_cli_fail(&err);
    char *path = package_path(s->output, name);
    if (!path) return sotto_cli_fail_memory();
    int code = export_to(s, path, &o);
    free(path);
    return code;
}
