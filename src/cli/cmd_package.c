/* Core ML packages, looked into and run. */
#include "cli/cli.h"

#include <sotto/coreml.h>

bool sotto_cli_is_package(const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    return sotto_str_ends((sotto_str){path, n}, ".mlpackage");
}

static json_t *get(const json_t *doc, const char *key) { return json_object_get(doc, key); }

static void print_text(const char *text) { sotto_cli_print(stdout, text, strlen(text), true); }

static void print_row(const char *title, const char *text) {
    if (!text || !*text) return;
    (void)printf("%-16s ", title);
    print_text(text);
    (void)putchar('\n');
}

/* " [2, 1, 1, 64, 32]", and the range of every axis that has one; of outputs a package need not say it. */
static void print_shape(const json_t *f) {
    size_t  k;
    json_t *dim;
    json_array_foreach(get(f, "shape"), k, dim) {
        json_int_t low = json_integer_value(json_array_get(get(f, "lower"), k));
        json_int_t high = json_integer_value(json_array_get(get(f, "upper"), k));
        (void)printf("%s", k ? ", " : " [");
        if (get(f, "lower") && high < 0)
            (void)printf("%lld..", (long long)low);
        else if (get(f, "lower") && low != high)
            (void)printf("%lld..%lld", (long long)low, (long long)high);
        else
            (void)printf("%lld", (long long)json_integer_value(dim));
    }
    (void)printf("%s\n", k ? "]" : "");
}

/* "keyCache fp16 [2, 1, 1, 64, 32]" */
static void print_features(const char *title, json_t *list) {
    size_t  i;
    json_t *f;
    json_array_foreach(list, i, f) {
        (void)printf("%-16s ", title);
        print_text(json_string_value(get(f, "name")));
        (void)printf(" %s", json_string_value(get(f, "type")));
        print_shape(f);
    }
}

static void print_page(const sotto_cli_settings *s, const json_t *doc) {
    const char *name;
    char        size[24];
    size_t      i;
    json_t     *value;
    print_row("file", json_string_value(get(doc, "path")));
    (void)printf("%-16s Core ML ML Program, specification %lld, ", "format",
                 (long long)json_integer_value(get(doc, "specification")));
    print_text(json_string_value(get(doc, "opset")));
    (void)printf(", %s\n", sotto_cli_bytes((uint64_t)json_integer_value(get(doc, "file_bytes")), size));
    print_row("name", json_string_value(get(doc, "name")));
    print_row("description", json_string_value(get(doc, "description")));
    print_row("family", json_string_value(get(doc, "family")));
    print_row("chat format", json_string_value(get(doc, "chat_format")));
    print_features("input", get(doc, "inputs"));
    print_features("output", get(doc, "outputs"));
    print_features("state", get(doc, "states"));
    sotto_cli_print_types(get(doc, "types"));
    sotto_cli_print_memory(get(doc, "memory"));
    (void)printf("\n%-40s %8s\n", "operation", "count");
    json_object_foreach(get(doc, "operations"), name, value) {
        print_text(name);
        (void)printf("%*s %8lld\n", strlen(name) < 40 ? (int)(40 - strlen(name)) : 0, "",
                     (long long)json_integer_value(value));
    }
    json_array_foreach(get(doc, "problems"), i, value) sotto_cli_note(s, "note: %s", json_string_value(value));
}

int sotto_cli_inspect_package(const sotto_cli_settings *s, const char *path) {
    sotto_error err;
    sotto_bytes text = {0};
    if (sotto_inspect(path, &text, &err)) return sotto_cli_fail(&err);
    json_t *doc = json_loadb(text.data, text.n, 0, NULL);
    sotto_bytes_free(&text);
    if (!doc) return sotto_cli_fail_memory();
    if (s->json) return sotto_cli_print_json(doc);
    print_page(s, doc);
    json_decref(doc);
    return SOTTO_EXIT_OK;
}

#if SOTTO_COREML

/* ---- logits -------------------------------------------------------------------------------------------- */

static void print_best(int32_t token, size_t position, const float *row, int32_t n_vocab) {
    int32_t best = 0;
    for (int32_t i = 1; i < n_vocab; i++)
        if (row[i] > row[best]) best = i;
    (void)printf("%6zu %7d  %d %.4g\n", position, token, best, (double)row[best]);
}

/* Token by token where the package gives only the last one's. */
static int each_row(const sotto_cli_settings *s, sotto_program *p, sotto_program_state *st) {
    sotto_error  err;
    const float *rows;
    int32_t      n_rows = 0, n_vocab;
    size_t       step = s->ids.n;
    for (size_t at = 0; at < s->ids.n;) {
        if (sotto_program_feed(p, st, s->ids.item + at, step, at, &rows, &n_rows, &n_vocab, &err))
            return sotto_cli_fail(&err);
        if ((size_t)n_rows < step && !s->last) {
            step = 1; /* from the start */
            continue;
        }
        if (at == 0 && s->json) (void)printf("{\"n_vocab\":%d,\"logits\":[", n_vocab);
        if (at == 0 && !s->json) (void)printf("%6s %7s  likeliest next token\n", "", "token");
        for (int32_t i = s->last ? n_rows - 1 : 0; i < n_rows; i++) {
            size_t       position = at + step - (size_t)(n_rows - i);
            const float *row = rows + (size_t)i * (size_t)n_vocab;
            if (!s->json) print_best(s->ids.item[position], position, row, n_vocab);
            if (s->json) (void)printf("%s\n", position && !s->last ? "," : "");
            if (s->json) sotto_cli_print_row_json(row, n_vocab);
        }
        at += step;
    }
    if (s->json) (void)fputs("]}\n", stdout);
    return SOTTO_EXIT_OK;
}

int sotto_cli_package_logits(const sotto_cli_settings *s) {
    sotto_error           err;
    sotto_program        *p = NULL;
    sotto_program_state  *st = NULL;
    sotto_program_options o = {.threads = s->threads, .cpu = s->cpu};
    int                   code = SOTTO_EXIT_OK;
    if (sotto_program_open(&p, s->model, &o, &err) || sotto_program_state_open(&st, p, &err))
        code = sotto_cli_fail(&err);
    if (!code) code = each_row(s, p, st);
    sotto_program_state_close(st);
    sotto_program_close(p);
    return code;
}

#else

int sotto_cli_package_logits(const sotto_cli_settings *s) {
    sotto_cli_error("%s: this sotto was built without Core ML", s->model);
    return SOTTO_EXIT_FAILURE;
}

#endif
