/* sotto inspect: what a model file is, as a page to read or as the library's JSON document. */
#include "cli/cli.h"

static json_t *get(const json_t *doc, const char *key) { return json_object_get(doc, key); }

/* Texts come from a file: they must not steer the terminal. */
static void print_text(const char *text, size_t n) { sotto_cli_print(stdout, text, n, true); }

static void print_row(const char *name, const char *value) {
    (void)printf("%-16s ", name);
    print_text(value, strlen(value));
    (void)putchar('\n');
}

/* A text over several lines, cut between words. */
static void print_wrapped(const char *name, const char *text) {
    enum { WIDTH = 62 };
    while (*text) {
        size_t n = strlen(text);
        for (size_t i = 0, last = 0; i <= n; i++) {
            if (text[i] && text[i] != ' ') continue;
            if (i > WIDTH && last) {
                n = last;
                break;
            }
            last = i;
        }
        (void)printf("%-16s ", name);
        print_text(text, n);
        (void)putchar('\n');
        text += n;
        text += strspn(text, " ");
        name = "";
    }
}

static const char *text_or(const json_t *value, const char *otherwise) {
    const char *text = json_string_value(value);
    return text && *text ? text : otherwise;
}

static void print_head(const json_t *doc) {
    char        size[24], line[160];
    const char *sizes = sotto_cli_bytes((uint64_t)json_integer_value(get(doc, "file_bytes")), size);
    print_row("file", text_or(get(doc, "path"), ""));
    (void)snprintf(line, sizeof line, "%s, %s in %lld file%s", text_or(get(doc, "format"), ""), sizes,
                   (long long)json_integer_value(get(doc, "files")),
                   json_integer_value(get(doc, "files")) == 1 ? "" : "s");
    print_row("format", line);
    print_row("name", text_or(get(doc, "name"), "-"));
    print_wrapped("description", text_or(get(doc, "description"), ""));
    print_row("family", text_or(get(doc, "family"), "unknown"));
    print_row("chat format", text_or(get(doc, "chat_format"), "none known"));
}

static void print_value(const json_t *value) {
    if (json_is_string(value)) {
        /* On one line, and not longer than a screen has room for. */
        const char *text = json_string_value(value);
        size_t      n = strcspn(text, "\r\n"), most = 60, shown = SOTTO_MIN(n, most);
        shown -= sotto_utf8_incomplete(text, shown);
        print_text(text, shown);
        if (text[shown]) (void)fputs("...", stdout);
        return;
    }
    char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(7));
    if (dump) print_text(dump, strlen(dump));
    json_free_t release;
    json_get_alloc_funcs(NULL, &release);
    if (dump) release(dump);
}

/* {"a":1,"b":2} as "title   a 1, b 2", wrapped. */
static void print_object(const char *title, json_t *object) {
    const char *key;
    json_t     *value;
    size_t      column = 0;
    if (!json_is_object(object)) return;
    json_object_foreach(object, key, value) {
        size_t n = strlen(key) + 14;
        if (column == 0 || column + n > 62) {
            (void)printf("%s%-16s ", column ? "\n" : "", column ? "" : title);
            column = 0;
        } else {
            (void)fputs(", ", stdout);
        }
        (void)printf("%s ", key);
        print_value(value);
        column += n;
    }
    (void)putchar('\n');
}

void sotto_cli_print_types(json_t *types) {
    const char *name;
    json_t     *type;
    double      all_bytes = 0, all_params = 0;
    char        size[24];
    (void)printf("\n%-16s %8s %12s %16s %8s\n", "type", "tensors", "size", "weights", "bits");
    json_object_foreach(types, name, type) {
        double bytes = json_number_value(get(type, "bytes")), params = json_number_value(get(type, "params"));
        (void)printf("%-16s %8lld %12s %16.0f %8.2f\n", name,
                     (long long)json_integer_value(get(type, "tensors")),
                     sotto_cli_bytes((uint64_t)bytes, size), params, params > 0 ? bytes * 8 / params : 0.0);
        all_bytes += bytes;
        all_params += params;
    }
    (void)printf("%-16s %8s %12s %16.0f %8.2f\n", "in all", "", sotto_cli_bytes((uint64_t)all_bytes, size),
                 all_params, all_params > 0 ? all_bytes * 8 / all_params : 0.0);
}

void sotto_cli_print_memory(const json_t *m) {
    static const char *const keys[] = {"weights_bytes", "cache_bytes", "scratch_bytes", "total_bytes"};
    char                     size[SOTTO_COUNT(keys)][24];
    if (!json_is_object(m)) return;
    for (size_t i = 0; i < SOTTO_COUNT(keys); i++)
        (void)sotto_cli_bytes((uint64_t)json_integer_value(get(m, keys[i])), size[i]);
    (void)printf("\n%-16s weights %s + cache %s (%lld tokens) + scratch %s = %s\n", "memory", size[0],
                 size[1], (long long)json_integer_value(get(m, "context")), size[2], size[3]);
}

static void print_tensors(json_t *tensors) {
    size_t  i, d;
    json_t *t, *dim;
    (void)printf("\n%-44s %-6s %-18s %12s\n", "tensor", "type", "shape", "size");
    json_array_foreach(tensors, i, t) {
        char   shape[64] = "", size[24];
        size_t n = 0;
        json_array_foreach(get(t, "shape"), d, dim) {
            if (n >= sizeof shape) break;
            n += (size_t)snprintf(shape + n, sizeof shape - n, "%s%lld", d ? " x " : "",
                                  (long long)json_integer_value(dim));
        }
        const char *name = text_or(get(t, "name"), "");
        print_text(name, strlen(name));
        (void)printf("%*s %-6s %-18s %12s\n", strlen(name) < 44 ? (int)(44 - strlen(name)) : 0, "",
                     text_or(get(t, "dtype"), ""), shape,
                     sotto_cli_bytes((uint64_t)json_integer_value(get(t, "bytes")), size));
    }
}

static void print_metadata(json_t *metadata) {
    const char *key;
    json_t     *value;
    (void)putchar('\n');
    json_object_foreach(metadata, key, value) {
        print_text(key, strlen(key));
        (void)printf("%*s ", strlen(key) < 44 ? (int)(44 - strlen(key)) : 0, "");
        print_value(value);
        (void)putchar('\n');
    }
}

static void print_page(const sotto_cli_settings *s, const json_t *doc) {
    size_t  i;
    json_t *problem;
    print_head(doc);
    print_object("shape", get(doc, "config"));
    print_object("tokenizer", get(doc, "tokenizer"));
    print_object("sampling", get(doc, "sampling"));
    sotto_cli_print_types(get(doc, "types"));
    sotto_cli_print_memory(get(doc, "memory"));
    if (s->tensors) print_tensors(get(doc, "tensors"));
    if (s->metadata) print_metadata(get(doc, "metadata"));
    json_array_foreach(get(doc, "problems"), i, problem)
        sotto_cli_note(s, "note: %s", json_string_value(problem));
}

int sotto_cmd_inspect(const sotto_cli_settings *s) {
    const char *path = s->n_args ? s->args[0] : s->model;
    if (!path || !*path) return sotto_cli_usage(s->verb, "nothing to inspect: sotto inspect MODEL");
    if (sotto_cli_is_package(path)) return sotto_cli_inspect_package(s, path);
    sotto_error err;
    sotto_bytes text = {0};
    if (sotto_inspect(path, &text, &err)) return sotto_cli_fail(&err);
    if (s->json) {
        (void)fwrite(text.data, 1, text.n, stdout);
        (void)putchar('\n');
        sotto_bytes_free(&text);
        return SOTTO_EXIT_OK;
    }
    json_t *doc = json_loadb(text.data, text.n, 0, NULL);
    sotto_bytes_free(&text);
    if (!doc) return sotto_cli_fail_memory();
    print_page(s, doc);
    json_decref(doc);
    return SOTTO_EXIT_OK;
}
