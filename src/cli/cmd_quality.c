/* sotto quality: how well a model foretells a text, and how far it is from a reference. */
#include "cli/cli.h"

typedef struct quality {
    const sotto_cli_settings *s;
    sotto_cli_engine          model, reference;
    sotto_buf                 piped;
    sotto_file                file;
    sotto_quality_options     options;
    sotto_quality             result;
} quality;

/* ---- text and models ----------------------------------------------------------------------------------- */

/* A file without its last newline, as standard input is read, so that both give the same figures. */
static int read_file(quality *q, const char *path) {
    sotto_error err;
    if (sotto_file_open(&q->file, path, !q->s->no_mmap, &err)) return sotto_cli_fail(&err);
    const char *text = q->file.size ? (const char *)q->file.data : "";
    size_t      n = q->file.size;
    if (n && text[n - 1] == '\n') n--;
    if (n && text[n - 1] == '\r') n--;
    q->options.text = text;
    q->options.n_text = n;
    return SOTTO_EXIT_OK;
}

static int read_text(quality *q) {
    const char *path = q->s->file;
    if (!path) return SOTTO_EXIT_OK; /* the library has one */
    if (strcmp(path, "-") != 0) return read_file(q, path);
    int code = sotto_cli_read_stdin(&q->piped);
    q->options.text = q->piped.data;
    q->options.n_text = q->piped.len;
    return code;
}

static int open_models(quality *q) {
    int code = sotto_cli_model_open(&q->model, q->s);
    if (code || !q->s->against) return code;
    sotto_cli_settings other = *q->s;
    other.model = q->s->against;
    return sotto_cli_model_open(&q->reference, &other);
}

static int measure(quality *q) {
    sotto_error        err;
    sotto_cli_progress progress;
    q->options.window = q->s->context;
    q->options.collect = q->s->collect;
    q->options.progress = sotto_cli_progress_step;
    q->options.progress_user = &progress;
    sotto_cli_progress_begin(&progress, q->s, "quality", "tokens");
    sotto_status status =
        sotto_quality_measure(q->model.model, q->reference.model, &q->options, &q->result, &err);
    sotto_cli_progress_end(&progress);
    return status ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

/* ---- what is said -------------------------------------------------------------------------------------- */

/* "0.01234 ± 0.00021": both with as many places as show two figures of the error. */
static const char *estimate_text(sotto_estimate e, double scale, char out[64]) {
    double error = e.error * scale;
    int    places = 4;
    if (error > 0) {
        places = 1;
        for (double unit = 1; unit > error && places < 9; unit /= 10) places++;
    }
    (void)snprintf(out, 64, "%.*f ± %.*f", places, e.value * scale, places, error);
    return out;
}

static void line(const char *name, const char *text, const char *about) {
    (void)printf("%-26s %s%s%s\n", name, text, *about ? "  " : "", about);
}

static void estimate_line(const char *name, sotto_estimate e, double scale, const char *about) {
    char text[64];
    line(name, estimate_text(e, scale, text), about);
}

static void number_line(const char *name, double value) {
    char text[32];
    (void)snprintf(text, sizeof text, "%.4g", value);
    line(name, text, "");
}

static int print_table(const quality *q) {
    const sotto_quality *r = &q->result;
    const char *name = !q->s->file ? "built in" : strcmp(q->s->file, "-") == 0 ? "standard input" : q->s->file;
    (void)printf("%-26s %s: %llu tokens, %llu of them scored in %llu windows of %d\n", "text", name,
                 (unsigned long long)r->n_tokens, (unsigned long long)r->n_scored,
                 (unsigned long long)r->n_windows, r->window);
    estimate_line("perplexity", r->perplexity, 1, "");
    if (!q->s->against) return SOTTO_EXIT_OK;
    estimate_line("  of the reference", r->reference_perplexity, 1, "");
    estimate_line("  model / reference", r->perplexity_ratio, 1, "");
    estimate_line("KL divergence", r->kl, 1, "nats per token, of the model from the reference");
    number_line("  median", r->kl_median);
    number_line("  99 %", r->kl_99);
    number_line("  99.9 %", r->kl_999);
    number_line("  maximum", r->kl_max);
    estimate_line("true token's probability", r->delta_p, 100, "% mean change");
    estimate_line("", r->delta_p_rms, 100, "% root mean square change");
    estimate_line("same likeliest token", r->agreement, 100, "% of scored tokens");
    return SOTTO_EXIT_OK;
}

static json_t *estimate_json(sotto_estimate e) {
    return json_pack("{s:f, s:f}", "value", e.value, "error", e.error);
}

static int print_json(const quality *q) {
    const sotto_quality      *r = &q->result;
    const sotto_cli_settings *s = q->s;
    json_t *doc = json_pack(
        "{s:o, s:{s:o, s:I, s:I, s:I, s:i}, s:o}", "model", sotto_cli_json_text(s->model, strlen(s->model)),
        "text", "path", s->file ? sotto_cli_json_text(s->file, strlen(s->file)) : json_null(), "tokens",
        (json_int_t)r->n_tokens, "scored", (json_int_t)r->n_scored, "windows", (json_int_t)r->n_windows,
        "window", r->window, "perplexity", estimate_json(r->perplexity));
    json_t *more = !s->against ? NULL : json_pack(
        "{s:o, s:o, s:o, s:{s:f, s:f, s:f, s:f, s:f, s:f}, s:o, s:o, s:o}", "reference",
        sotto_cli_json_text(s->against, strlen(s->against)), "reference_perplexity",
        estimate_json(r->reference_perplexity), "perplexity_ratio", estimate_json(r->perplexity_ratio), "kl",
        "mean", r->kl.value, "error", r->kl.error, "median", r->kl_median, "p99", r->kl_99, "p99_9", r->kl_999,
        "max", r->kl_max, "delta_p", estimate_json(r->delta_p), "delta_p_rms", estimate_json(r->delta_p_rms),
        "agreement", estimate_json(r->agreement));
    if (s->against && (!doc || !more || json_object_update(doc, more) != 0)) {
        json_decref(doc);
        doc = NULL;
    }
    json_decref(more);
    return sotto_cli_print_json(doc);
}

int sotto_cmd_quality(const sotto_cli_settings *s) {
    if ((s->against && !*s->against) || (s->file && !*s->file)) /* from a variable that is not set */
        return sotto_cli_usage(s->verb, "%s: an empty path", s->file && !*s->file ? "--file" : "--against");
    quality q = {.s = s, .options = sotto_quality_options_default()};
    int     code = open_models(&q);
    if (!code) code = read_text(&q);
    if (!code) code = measure(&q);
    if (!code) code = s->json ? print_json(&q) : print_table(&q);
    sotto_cli_engine_close(&q.model);
    sotto_cli_engine_close(&q.reference);
    sotto_file_close(&q.file);
    sotto_buf_free(&q.piped);
    return code;
}
