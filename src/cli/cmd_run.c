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

/* The prompt as it is. */
static int answer_raw(sotto_cli_chat *run, sotto_str text) {
    sotto_cli_settings    *s = run->settings;
    sotto_error            err;
    sotto_tokens           prompt = {0};
    sotto_tokenize_options o = {.special = false, .bos = true};
    int                    code = SOTTO_EXIT_OK;
    if (sotto_tokenize(run->engine.model, text.p, text.n, o, &prompt, &err))
        code = sotto_cli_fail(&err);
    else if (!prompt.n)
        code = sotto_cli_usage(s->verb, "the prompt is empty, and this model has no token to begin with");
    else if (sotto_cli_answer_raw(run, &prompt, &err))
        code = sotto_cli_fail(&err);
    sotto_tokens_free(&prompt);
    return code;
}

/* The prompt as a person's turn. */
static int answer_turn(sotto_cli_chat *run, sotto_str text) {
    sotto_error     err;
    sotto_chat_turn turn = {.role = "user", .content = text.p};
    if (sotto_cli_chat_configure(run, run->settings->system, &err) || sotto_dialog_add(run->dialog, &turn, &err))
        return sotto_cli_fail(&err);
    if (!sotto_cli_answer_turn(run, &err)) return SOTTO_EXIT_OK;
    sotto_model_info info;
    sotto_model_get_info(run->engine.model, &info);
    if (info.chat_format) return sotto_cli_fail(&err);
    sotto_cli_error("%s; or use --raw", err.message);
    return SOTTO_EXIT_FAILURE;
}

static int print_answer(const sotto_cli_chat *run) {
    const sotto_cli_settings *s = run->settings;
    const sotto_buf          *text = &run->last.text;
    const sotto_dialog_answer *a = &run->last.figures;
    if (s->json) return sotto_cli_print_json(sotto_cli_answer_json(run));
    if (text->len && text->data[text->len - 1] != '\n') (void)putchar('\n');
    if (s->stats)
        sotto_cli_note(
            s, "%zu prompt tokens (%zu from the cache) in %.0f ms, %zu answer tokens, %.1f tokens/s, "
            "%zu of %zu guesses came true",
            a->n_prompt, a->n_cached, a->prefill_ms, a->n_tokens,
            sotto_cli_answer_speed(a), a->n_accepted, a->n_proposed);
    return SOTTO_EXIT_OK;
}

static int answer(sotto_cli_chat *run, sotto_str text) {
    int code = run->settings->raw ? answer_raw(run, text) : answer_turn(run, text);
    if (!code) code = print_answer(run);
    if (!code) code = sotto_cli_session_save(&run->engine, run->settings);
    if (!code && run->last.figures.finish == SOTTO_FINISH_CANCELLED) code = SOTTO_EXIT_INTERRUPTED;
    return code;
}

int sotto_cmd_run(const sotto_cli_settings *s) {
    sotto_cli_settings settings = *s;
    sotto_cli_chat     run = {.settings = &settings, .stream = !s->json};
    sotto_buf          input = {0};
    sotto_str          text = {0};
    if (s->raw && s->system)
        return sotto_cli_usage(s->verb, "--system: does not go with --raw: write it into the prompt");
    if (s->logprobs >= 0 && !s->json) return sotto_cli_usage(s->verb, "--logprobs: is shown in --json only");
    int code = read_prompt(s, &input, &text);
    if (!code && text.n == 0 && !s->raw)
        code = sotto_cli_usage(s->verb, "the prompt is empty: -p TEXT, or a text through a pipe");
    if (!code) code = sotto_cli_engine_open(&run.engine, s);
    if (!code) code = answer(&run, text);
    sotto_cli_chat_close(&run);
    sotto_buf_free(&input);
    return code;
}
