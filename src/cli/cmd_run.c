/* sotto run: one answer to one prompt, for scripts and pipes. */
#include "cli/cli.h"

/* The prompt's text: lent by the settings, or read into *from_stdin. */
static int read_prompt(const sotto_cli_settings *s, sotto_buf *from_stdin, sotto_str *out) {
    if (s->prompt && strcmp(s->prompt, "-") != 0) {
        *out = sotto_str_from(s->prompt);
        return SOTTO_EXIT_OK;
    }
    if (!s->prompt && sotto_terminal_is(0))
        return sotto_cli_usage(s->verb, "no prompt given: -p TEXT, or a text through a pipe");
    int code = sotto_cli_read_stdin(from_stdin);
    *out = sotto_buf_str(from_stdin);
    if (!code && memchr(out->p, '\0', out->n)) {
        sotto_cli_error("standard input: holds a NUL byte: give text");
        code = SOTTO_EXIT_FAILURE;
    }
    return code;
}

/* The tokens of the prompt, and what of it sliding must keep. */
static int make_tokens(const sotto_cli_settings *s, const sotto_model *model, sotto_str text,
                       sotto_tokens *out, sotto_cli_window *window) {
    sotto_error err;
    if (s->raw) {
        sotto_tokenize_options o = {.special = false, .bos = true};
        if (sotto_tokenize(model, text.p, text.n, o, out, &err)) return sotto_cli_fail(&err);
        if (out->n) return SOTTO_EXIT_OK;
        return sotto_cli_usage(s->verb, "the prompt is empty, and this model has no token to begin with");
    }
    sotto_chat_params params = {.thinking = s->thinking};
    sotto_chat_turn   turns[2] = {{.role = "system", .content = s->system},
                                  {.role = "user", .content = text.p}};
    sotto_chat_turn  *first = s->system ? turns : turns + 1;
    size_t            n = s->system ? 2 : 1;
    if (sotto_chat_tokens(model, first, n, &params, out, &err)) {
        sotto_model_info info;
        sotto_model_get_info(model, &info);
        if (info.chat_format) return sotto_cli_fail(&err);
        sotto_cli_error("%s; or use --raw", err.message);
        return SOTTO_EXIT_FAILURE;
    }
    bool failed = s->slide && sotto_cli_content_start(model, first, n, &params, &window->keep, &err);
    return failed ? sotto_cli_fail(&err) : SOTTO_EXIT_OK;
}

static int print_answer(const sotto_cli_settings *s, const sotto_cli_engine *e, const sotto_cli_answer *a) {
    if (s->json) return sotto_cli_print_json(sotto_cli_answer_json(a, e));
    if (a->text.len && a->text.data[a->text.len - 1] != '\n') (void)putchar('\n');
    if (s->stats)
        sotto_cli_note(
            s, "%zu prompt tokens (%zu from the cache) in %.0f ms, %zu answer tokens, %.1f tokens/s",
            a->n_prompt, a->n_cached, a->prefill_ms, a->n_tokens,
            sotto_cli_answer_speed(a));
    return SOTTO_EXIT_OK;
}

static int answer(const sotto_cli_settings *s, sotto_cli_engine *e, sotto_str text) {
    sotto_error      err;
    sotto_tokens     prompt = {0};
    sotto_cli_window window = {.system = s->system != NULL};
    sotto_cli_answer a = {0};
    int              code = make_tokens(s, e->model, text, &prompt, &window);
    if (!code && sotto_cli_answer_make(e, s, &prompt, &window, !s->json, &a, &err))
        code = sotto_cli_fail(&err);
    if (!code) code = print_answer(s, e, &a);
    if (!code) code = sotto_cli_session_save(e, s);
    if (!code && a.finish == SOTTO_FINISH_CANCELLED) code = SOTTO_EXIT_INTERRUPTED;
    sotto_cli_answer_free(&a);
    sotto_tokens_free(&prompt);
    return code;
}

int sotto_cmd_run(const sotto_cli_settings *s) {
    sotto_cli_engine e = {0};
    sotto_buf        input = {0};
    sotto_str        text = {0};
    if (s->raw && s->system)
        return sotto_cli_usage(s->verb, "--system: does not go with --raw: write it into the prompt");
    if (s->logprobs >= 0 && !s->json) return sotto_cli_usage(s->verb, "--logprobs: is shown in --json only");
    int code = read_prompt(s, &input, &text);
    if (!code && text.n == 0 && !s->raw)
        code = sotto_cli_usage(s->verb, "the prompt is empty: -p TEXT, or a text through a pipe");
    if (!code) code = sotto_cli_engine_open(&e, s);
    if (!code) code = answer(s, &e, text);
    sotto_cli_engine_close(&e);
    sotto_buf_free(&input);
    return code;
}
