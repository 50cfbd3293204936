/* sotto inspect tokens, logits and memory: what a model makes of a text, of tokens, and of this machine. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>

/* ---- tokens -------------------------------------------------------------------------------------------- */

/* The text that each token stands for; a vocabulary's own spelling ("<0x0A>") where that is no whole
 * character. */
static json_t *piece_json(const sotto_model *model, int32_t id) {
    sotto_bytes text = {0};
    if (sotto_detokenize(model, &id, 1, true, &text, NULL)) return NULL;
    size_t      n = 0;
    const char *stored = sotto_token_piece(model, id, &n);
    bool        whole = text.n > 0 && !strstr(text.data, "\xEF\xBF\xBD");
    json_t *json = whole || !stored ? sotto_cli_json_text(text.data, text.n) : sotto_cli_json_text(stored, n);
    sotto_bytes_free(&text);
    return json;
}

static int print_tokens(const sotto_cli_settings *s, const sotto_model *model, const sotto_tokens *t) {
    json_t *pieces = json_array();
    for (size_t i = 0; i < t->n && pieces; i++)
        if (json_array_append_new(pieces, piece_json(model, t->ids[i])) != 0)
            json_decref(pieces), pieces = NULL;
    if (!pieces) return sotto_cli_fail_memory();
    if (s->json)
        return sotto_cli_print_json(
            json_pack("{s:o, s:o}", "tokens", sotto_cli_json_ids(t->ids, t->n), "pieces", pieces));
    for (size_t i = 0; i < t->n; i++) {
        json_t *piece = json_array_get(pieces, i);
        (void)printf("%7d  ", t->ids[i]);
        /* Quoted, so that spaces and line breaks can be seen. */
        (void)json_dumpf(piece, stdout, JSON_ENCODE_ANY);
        (void)putchar('\n');
    }
    json_decref(pieces);
    return SOTTO_EXIT_OK;
}

int sotto_cmd_inspect_tokens(const sotto_cli_settings *s) {
    sotto_cli_engine e = {0};
    sotto_buf        input = {0};
    sotto_tokens     tokens = {0};
    sotto_error      err;
    bool             piped = s->n_args == 0 || strcmp(s->args[0], "-") == 0;
    if (s->n_args == 0 && sotto_terminal_is(0))
        return sotto_cli_usage(s->verb,
                               "no text given: sotto inspect tokens -m MODEL TEXT, or a text through a pipe");
    int       code = piped ? sotto_cli_read_stdin(&input) : SOTTO_EXIT_OK;
    sotto_str text = piped ? sotto_buf_str(&input) : sotto_str_from(s->args[0]);
    if (!code) code = sotto_cli_model_open(&e, s);
    sotto_tokenize_options o = {.special = s->special, .bos = !s->no_bos};
    if (!code && sotto_tokenize(e.model, text.p, text.n, o, &tokens, &err)) code = sotto_cli_fail(&err);
    if (!code) code = print_tokens(s, e.model, &tokens);
    sotto_tokens_free(&tokens);
    sotto_buf_free(&input);
    sotto_cli_engine_close(&e);
    return code;
}

/* ---- logits -------------------------------------------------------------------------------------------- */

enum { ROWS_AT_ONCE = 16, SHOWN_BEST = 5 };

void sotto_cli_print_row_json(const float *row, int32_t n_vocab) {
    (void)putchar('[');
    for (int32_t i = 0; i < n_vocab; i++) {
        if (i) (void)putchar(',');
        if (isfinite(row[i]))
            (void)printf("%.9g", (double)row[i]);
        else
            (void)fputs("null", stdout); /* JSON has no infinity */
    }
    (void)putchar(']');
}

static void print_row_text(const sotto_model *model, int32_t token, size_t position, const float *row,
                           int32_t n_vocab) {
    int32_t best[SHOWN_BEST], n = 0;
    for (int32_t i = 0; i < n_vocab; i++) {
        int32_t at = n < SHOWN_BEST ? n++ : SHOWN_BEST;
        for (; at > 0 && row[best[at - 1]] < row[i]; at--)
            if (at < SHOWN_BEST) best[at] = best[at - 1];
        if (at < SHOWN_BEST) best[at] = i;
    }
    (void)printf("%6zu %7d ", position, token);
    for (int32_t i = 0; i < n; i++) {
        json_t *piece = piece_json(model, best[i]);
        (void)printf(" %d ", best[i]);
        (void)json_dumpf(piece, stdout, JSON_ENCODE_ANY);
        (void)printf(" %.4g", (double)row[best[i]]);
        json_decref(piece);
    }
    (void)putchar('\n');
}

static void print_logits(const sotto_cli_settings *s, const sotto_cli_engine *e, size_t position, bool first,
                         const float *row, int32_t n_vocab) {
    if (!s->json) {
        print_row_text(e->model, s->ids.item[position], position, row, n_vocab);
        return;
    }
    if (!first) (void)putchar(',');
    (void)putchar('\n');
    sotto_cli_print_row_json(row, n_vocab);
}

/* Rows are printed as they are computed: all of them together can be more than the memory holds. */
static int each_row(const sotto_cli_settings *s, sotto_cli_engine *e, int32_t n_vocab, float *rows) {
    sotto_error err;
    for (size_t at = 0; at < s->ids.n; at += ROWS_AT_ONCE) {
        size_t n = SOTTO_MIN(s->ids.n - at, (size_t)ROWS_AT_ONCE);
        if (sotto_session_append_logits(e->session, s->ids.item + at, n, rows, &err))
            return sotto_cli_fail(&err);
        for (size_t i = 0; i < n; i++)
            print_logits(s, e, at + i, at + i == 0, rows + i * (size_t)n_vocab, n_vocab);
    }
    return SOTTO_EXIT_OK;
}

static int last_row(const sotto_cli_settings *s, sotto_cli_engine *e, int32_t n_vocab) {
    sotto_error err;
    if (sotto_session_sync(e->session, s->ids.item, s->ids.n, &err)) return sotto_cli_fail(&err);
    print_logits(s, e, s->ids.n - 1, true, sotto_session_logits(e->session), n_vocab);
    return SOTTO_EXIT_OK;
}

int sotto_cmd_inspect_logits(const sotto_cli_settings *s) {
    sotto_cli_engine e = {0};
    sotto_model_info info;
    if (!s->ids.n) return sotto_cli_usage(s->verb, "no tokens given: --tokens 2,106,9");
    if (s->model && sotto_cli_is_package(s->model)) return sotto_cli_package_logits(s);
    int code = sotto_cli_engine_open(&e, s);
    if (code) return code;
    sotto_model_get_info(e.model, &info);
    float *rows = calloc((size_t)info.n_vocab * ROWS_AT_ONCE, sizeof *rows);
    if (!rows) code = sotto_cli_fail_memory();
    if (!code && s->json)
        (void)printf("{\"n_vocab\":%d,\"logits\":[", info.n_vocab);
    else if (!code)
        (void)printf("%6s %7s  likeliest next tokens\n", "", "token");
    if (!code) code = s->last ? last_row(s, &e, info.n_vocab) : each_row(s, &e, info.n_vocab, rows);
    if (!code && s->json) (void)fputs("]}\n", stdout);
    free(rows);
    sotto_cli_engine_close(&e);
    return code;
}

/* ---- memory -------------------------------------------------------------------------------------------- */

static json_t *memory_json(const sotto_memory *m) {
    return json_pack("{s:i, s:I, s:I, s:I, s:I}", "context", m->context, "weights_bytes",
                     (json_int_t)m->weights_bytes, "cache_bytes", (json_int_t)m->cache_bytes, "scratch_bytes",
                     (json_int_t)m->scratch_bytes, "total_bytes", (json_int_t)m->total_bytes);
}

static void print_memory(const sotto_memory *m) {
    char weights[24], cache[24], scratch[24], total[24];
    (void)printf("%8d %12s %12s %12s %12s\n", m->context, sotto_cli_bytes(m->weights_bytes, weights),
                 sotto_cli_bytes(m->cache_bytes, cache), sotto_cli_bytes(m->scratch_bytes, scratch),
                 sotto_cli_bytes(m->total_bytes, total));
}

/* The longest context that the model is made for; 0 when it is not known. */
static int32_t longest_context(const char *path) {
    sotto_bytes text = {0};
    if (sotto_inspect(path, &text, NULL)) return 0;
    json_t *doc = json_loadb(text.data, text.n, 0, NULL);
    int32_t n =
        (int32_t)json_integer_value(json_object_get(json_object_get(doc, "config"), "context_length"));
    json_decref(doc);
    sotto_bytes_free(&text);
    return n;
}

static int add_row(const sotto_cli_settings *s, const char *path, int32_t context, json_t *rows) {
    sotto_error           err;
    sotto_memory          m;
    sotto_session_options o = sotto_cli_session_options(s);
    o.context = context;
    if (sotto_memory_estimate(path, &o, &m, &err)) return sotto_cli_fail(&err);
    if (s->json)
        return json_array_append_new(rows, memory_json(&m)) == 0 ? SOTTO_EXIT_OK : sotto_cli_fail_memory();
    print_memory(&m);
    return SOTTO_EXIT_OK;
}

int sotto_cmd_inspect_memory(const sotto_cli_settings *s) {
    const char *path = s->n_args ? s->args[0] : s->model;
    if (!path) return sotto_cli_usage(s->verb, "no model given: -m FILE or folder, or set SOTTO_MODEL");
    json_t *rows = json_array();
    int     code = rows ? SOTTO_EXIT_OK : sotto_cli_fail_memory();
    if (!code && !s->json)
        (void)printf("%8s %12s %12s %12s %12s\n", "context", "weights", "cache", "scratch", "in all");
    int32_t longest = s->context ? 0 : longest_context(path);
    if (!code && !longest) code = add_row(s, path, s->context, rows);
    for (int64_t n = 2048; longest && !code; n *= 2) {
        code = add_row(s, path, (int32_t)SOTTO_MIN(n, (int64_t)longest), rows);
        if (n >= longest) break;
    }
    if (!code && s->json) return sotto_cli_print_json(json_pack("{s:o}", "memory", rows));
    json_decref(rows);
    return code;
}
