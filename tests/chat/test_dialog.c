/* Dialogs: turns and what the model sees of them, answers, calls and their gate, cancelling, prefill. Tiny models with
 * random weights say the nonsense; the starter model calls tools. */
#include <jansson.h>
#include <sotto/dialog.h>

#include "base/base.h"
#include "test.h"

#define STARTER "../models/starter/sotto-starter-q4_0.gguf"

typedef struct opened {
    sotto_model           *model;
    sotto_session         *session;
    sotto_toolbox         *toolbox;
    sotto_dialog          *dialog;
    sotto_sampling         sampling;
    sotto_generate_options generate;
    sotto_dialog_options   options;
} opened;

static bool open_dialog(opened *o, const char *path, const char *format, int32_t context) {
    sotto_error           err = {0};
    sotto_model_options   mo = {.threads = 1, .chat_format = format};
    sotto_session_options so = {.context = context, .batch = 16};
    *o = (opened){.generate = sotto_generate_options_default(), .options = sotto_dialog_options_default()};
    CHECK_OK(sotto_model_open(&o->model, path, &mo, &err), err);
    if (o->model) CHECK_OK(sotto_session_open(&o->session, o->model, &so, &err), err);
    if (!o->session) return false;
    o->sampling = sotto_sampling_default(o->model);
    o->sampling.temperature = 0;
    o->generate.sampling = &o->sampling;
    o->generate.max_tokens = 12;
    o->generate.ignore_end = true;
    o->options.generate = &o->generate;
    CHECK_OK(sotto_dialog_open(&o->dialog, o->session, &o->options, &err), err);
    return o->dialog != NULL;
}

/* The starter model with a toolbox that keeps nothing. */
static bool open_starter(opened *o) {
    sotto_toolbox_options to = sotto_toolbox_options_default();
    sotto_error           err = {0};
    if (!open_dialog(o, STARTER, NULL, 0)) return false;
    to.path = ":memory:";
    CHECK_OK(sotto_toolbox_open(&o->toolbox, &to, &err), err);
    o->generate.ignore_end = false;
    o->generate.max_tokens = -1;
    o->generate.slide = true;
    o->options.tools = sotto_tools_schema();
    o->options.toolbox = o->toolbox;
    CHECK_OK(sotto_dialog_configure(o->dialog, &o->options, &err), err);
    return o->toolbox != NULL;
}

static void configure(opened *o) {
    sotto_error err = {0};
    CHECK_OK(sotto_dialog_configure(o->dialog, &o->options, &err), err);
}

static void close_all(opened *o) {
    sotto_dialog_close(o->dialog);
    sotto_toolbox_close(o->toolbox);
    sotto_session_close(o->session);
    sotto_model_close(o->model);
}

/* What was heard of an answer, and when to stop it. */
typedef struct heard {
    sotto_buf    text;
    int          n_prompts, n_pieces, n_called, n_gates;
    int32_t      n_dropped;
    char         called[256];
    bool         has_result, gate_closed;
    int          cancel_after; /* pieces; 0: never */
    volatile int cancel;
} heard;

static void on_prompt(void *user, size_t n_prompt, size_t n_cached) {
    CHECK(n_cached <= n_prompt);
    ((heard *)user)->n_prompts++;
}

static void on_piece(void *user, const sotto_piece *piece) {
    heard *h = user;
    h->n_pieces += piece->token >= 0;
    if (h->n_pieces == h->cancel_after) h->cancel = 1;
}

static void on_text(void *user, const char *text, size_t n) { (void)sotto_buf_append(&((heard *)user)->text, text, n); }

static bool on_gate(void *user) {
    heard *h = user;
    CHECK_INT(h->n_called, 0);
    h->n_gates++;
    return !h->gate_closed;
}

static void on_called(void *user, const char *name, const char *arguments, const sotto_tool_result *result) {
    heard *h = user;
    h->n_called++;
    h->has_result = result != NULL;
    (void)snprintf(h->called, sizeof h->called, "%s %s", name, arguments);
}

static void on_dropped(void *user, int32_t n_tokens) { ((heard *)user)->n_dropped += n_tokens; }

static sotto_status say(opened *o, const char *said, heard *h, sotto_dialog_answer *out, sotto_error *err) {
    const sotto_dialog_events events = {h, on_prompt, on_piece, on_text, on_gate, on_called, on_dropped};
    return sotto_dialog_answer_turn(o->dialog, said, &events, &h->cancel, out, err);
}

static sotto_dialog_answer ask(opened *o, const char *said, heard *h) {
    sotto_dialog_answer a = {0};
    sotto_error         err = {0};
    CHECK_OK(say(o, said, h, &a, &err), err);
    return a;
}

static void forget(heard *h) {
    sotto_buf_free(&h->text);
    *h = (heard){0};
}

/* Turn i as "role: content". */
static const char *turn_at(const opened *o, size_t i) {
    static char            text[1024];
    size_t                 n;
    const sotto_chat_turn *turns = sotto_dialog_turns(o->dialog, &n);
    if (i >= n) return "(none)";
    (void)snprintf(text, sizeof text, "%s: %s", turns[i].role, turns[i].content);
    return text;
}

static size_t n_turns(const opened *o) {
    size_t n;
    (void)sotto_dialog_turns(o->dialog, &n);
    return n;
}

/* ---- turns ---------------------------------------------------------------------------------------------- */

TEST(turns_are_added_cut_and_amended) {
    opened          o;
    sotto_error     err = {0};
    sotto_chat_turn user = {.role = "user", .content = "Hi"}, model = {.role = "model"},
                    tool = {.role = "tool", .content = "{}", .tool_name = "t", .tool_call_id = "1"},
                    system = {.role = "system", .content = "x"};
    if (!open_dialog(&o, "golden/gemma3", "gemma", 256)) return;
    CHECK_INT(sotto_dialog_amend(o.dialog, "x", &err), SOTTO_INVALID);
    CHECK_INT(sotto_dialog_answer_turn(o.dialog, NULL, NULL, NULL, NULL, &err), SOTTO_INVALID);
    CHECK_INT(sotto_dialog_add(o.dialog, &system, &err), SOTTO_INVALID);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(sotto_dialog_add(o.dialog, &user, &err), err);
        CHECK_OK(sotto_dialog_add(o.dialog, &model, &err), err);
    }
    CHECK_OK(sotto_dialog_add(o.dialog, &tool, &err), err);
    CHECK_INT(n_turns(&o), 41);
    CHECK_STR(turn_at(&o, 39), "assistant: ");
    CHECK_OK(sotto_dialog_amend(o.dialog, "Hello", &err), err);
    CHECK_STR(turn_at(&o, 39), "assistant: Hello");
    CHECK_STR(turn_at(&o, 40), "tool: {}");
    CHECK_STR(sotto_dialog_turns(o.dialog, &(size_t){0})[40].tool_call_id, "1");
    sotto_dialog_cut(o.dialog, 3);
    sotto_dialog_cut(o.dialog, 9);
    CHECK_INT(n_turns(&o), 3);
    CHECK(!sotto_dialog_system(o.dialog));
    o.options.system = "Be brief";
    configure(&o);
    o.options.system = sotto_dialog_system(o.dialog); /* its own text again */
    configure(&o);
    CHECK_STR(sotto_dialog_system(o.dialog), "Be brief");
    close_all(&o);
}

/* An answer is that of a session that has been given the same prompt by hand. */
static void check_by_hand(opened *o, const sotto_chat_turn *turns, size_t n, const char *text) {
    sotto_session  *fresh = NULL;
    sotto_tokens    prompt = {0};
    sotto_generator *g = NULL;
    sotto_piece     piece = {0};
    sotto_buf       said = {0};
    sotto_error     err = {0};
    sotto_session_options so = {.context = sotto_session_context(o->session)};
    CHECK_OK(sotto_session_open(&fresh, o->model, &so, &err), err);
    CHECK_OK(sotto_chat_tokens(o->model, turns, n, NULL, &prompt, &err), err);
    CHECK_OK(sotto_session_sync(fresh, prompt.ids, prompt.n, &err), err);
    CHECK_OK(sotto_generator_open(&g, fresh, &o->generate, &err), err);
    while (g && !piece.done && sotto_generator_next(g, &piece, &err) == SOTTO_OK)
        (void)sotto_buf_append(&said, piece.text, piece.n_text);
    CHECK_STR(text, sotto_buf_str(&said).p + (said.len > 0 && said.data[0] == ' '));
    sotto_generator_close(g);
    sotto_tokens_free(&prompt);
    sotto_session_close(fresh);
    sotto_buf_free(&said);
}

TEST(answers_are_those_of_the_same_prompt_by_hand) {
    opened o;
    heard  h = {0};
    if (!open_dialog(&o, "golden/gemma3", "gemma", 256)) return;
    o.options.system = "Be brief";
    configure(&o);
    sotto_dialog_answer a = ask(&o, "Hello", &h);
    CHECK_INT(a.finish, SOTTO_FINISH_LENGTH);
    CHECK_INT(a.n_tokens, 12);
    CHECK_INT(a.n_cached, 0);
    CHECK_INT(h.n_prompts, 1);
    CHECK_INT(h.n_pieces, 12);
    sotto_chat_turn turns[4] = {{.role = "system", .content = "Be brief"}, {.role = "user", .content = "Hello"}};
    check_by_hand(&o, turns, 2, h.text.data);
    size_t n;
    CHECK_STR(sotto_dialog_turns(o.dialog, &n)[1].content, h.text.data);
    CHECK_INT(n, 2);
    forget(&h);
    /* What was heard of the answer is what the next one follows from. */
    sotto_error err = {0};
    CHECK_OK(sotto_dialog_amend(o.dialog, "Good day", &err), err);
    a = ask(&o, "And you", &h);
    turns[2] = (sotto_chat_turn){.role = "assistant", .content = "Good day"};
    turns[3] = (sotto_chat_turn){.role = "user", .content = "And you"};
    check_by_hand(&o, turns, 4, h.text.data);
    CHECK(a.n_cached > 0);
    forget(&h);
    sotto_dialog_cut(o.dialog, 1); /* the first again */
    a = ask(&o, NULL, &h);
    check_by_hand(&o, turns, 2, h.text.data);
    CHECK_INT(n_turns(&o), 2);
    forget(&h);
    close_all(&o);
}

TEST(the_first_space_of_a_format_is_left_out) {
    opened o;
    heard  h = {0};
    if (!open_dialog(&o, "golden/llama2", "llama2", 0)) return;
    for (int i = 0; i < 4; i++) {
        char said[32];
        (void)snprintf(said, sizeof said, "Number %d", i);
        (void)ask(&o, said, &h);
        CHECK(h.text.len == 0 || h.text.data[0] != ' ' || strlen(h.text.data) > 1);
        CHECK_STR(turn_at(&o, 2 * (size_t)i + 1) + strlen("assistant: "), sotto_buf_str(&h.text).p);
        forget(&h);
    }
    close_all(&o);
}

/* ---- cancelling ----------------------------------------------------------------------------------------- */

TEST(a_cancelled_answer_keeps_what_was_said) {
    opened o;
    heard  h = {.cancel_after = 5}, whole = {0};
    if (!open_dialog(&o, "golden/gemma3", "gemma", 256)) return;
    sotto_dialog_answer a = ask(&o, "Hello", &h);
    CHECK_INT(a.finish, SOTTO_FINISH_CANCELLED);
    CHECK_INT(a.n_tokens, 5);
    CHECK_INT(n_turns(&o), 2);
    CHECK_STR(turn_at(&o, 1) + strlen("assistant: "), h.text.data);
    sotto_dialog_cut(o.dialog, 1);
    a = ask(&o, NULL, &whole);
    CHECK_INT(a.n_tokens, 12);
    CHECK(strncmp(whole.text.data, h.text.data, SOTTO_MIN(h.text.len, (size_t)3)) == 0);
    /* Before anything was computed: nothing is said, and all goes on as if it had not been. */
    heard early = {.cancel = 1}, after = {0}, fresh = {0};
    sotto_dialog_cut(o.dialog, 0);
    a = ask(&o, "This is another beginning, which has not been computed", &early);
    CHECK_INT(a.finish, SOTTO_FINISH_CANCELLED);
    CHECK_INT(early.n_prompts + early.n_pieces, 0);
    CHECK_STR(turn_at(&o, 1), "assistant: ");
    sotto_dialog_cut(o.dialog, 0);
    (void)ask(&o, "Something else", &after);
    opened other;
    if (open_dialog(&other, "golden/gemma3", "gemma", 256)) {
        (void)ask(&other, "Something else", &fresh);
        CHECK_STR(after.text.data, fresh.text.data);
    }
    close_all(&other);
    forget(&h), forget(&whole), forget(&early), forget(&after), forget(&fresh);
    close_all(&o);
}

TEST(an_error_leaves_the_dialog_as_it_was) {
    opened              o;
    heard               h = {0};
    sotto_error         err = {0};
    sotto_dialog_answer a = {.n_tokens = 77};
    char                lengthy[2000] = "";
    if (!open_dialog(&o, "golden/gemma3", "gemma", 256)) return;
    (void)ask(&o, "Hello", &h);
    memset(lengthy, 'x', sizeof lengthy - 1);
    CHECK_INT(say(&o, lengthy, &h, &a, &err), SOTTO_CONTEXT_FULL);
    CHECK_INT(a.n_tokens, 77);
    CHECK_INT(n_turns(&o), 2);
    CHECK_INT(sotto_dialog_prefill(o.dialog, lengthy, NULL, &err), SOTTO_CONTEXT_FULL);
    CHECK_INT(n_turns(&o), 2);
    forget(&h);
    (void)ask(&o, "And you", &h);
    CHECK_INT(n_turns(&o), 4);
    forget(&h);
    close_all(&o);
}

/* ---- prefill -------------------------------------------------------------------------------------------- */

static const struct {
    const char *path, *format;
} models[] = {{"golden/gemma3", "gemma"}, {"golden/llama3", "llama3"}, {"golden/qwen3", "qwen3"},
              {"golden/llama2", "llama2"}};

static void check_same_logits(const opened *a, const opened *b) {
    sotto_model_info info;
    sotto_model_get_info(a->model, &info);
    const float *x = sotto_session_logits(a->session), *y = sotto_session_logits(b->session);
    CHECK(x && y && memcmp(x, y, (size_t)info.n_vocab * sizeof *x) == 0);
}

TEST(prefill_changes_nothing_but_the_time) {
    static const char *const parts[] = {"", "what", "what is", "what is the wea", "what is the weather like in Paris"};
    static const char *const whole[] = {"what is the weather like in Paris today", "wait, how many are there"};
    sotto_error              err = {0};
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        opened with, without;
        heard  a = {0}, b = {0};
        if (!open_dialog(&with, models[m].path, models[m].format, 0) ||
            !open_dialog(&without, models[m].path, models[m].format, 0))
            return;
        for (size_t turn = 0; turn < 2; turn++) { /* the second goes on from another beginning than was heard first */
            size_t before = 0, after;
            for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
                (void)sotto_session_tokens(with.session, &before);
                CHECK_OK(sotto_dialog_prefill(with.dialog, parts[i], NULL, &err), err);
                CHECK_INT(n_turns(&with), 2 * turn);
                (void)sotto_session_tokens(with.session, &after);
                CHECK(i == 0 || after >= before);
            }
            sotto_dialog_answer x = ask(&with, whole[turn], &a), y = ask(&without, whole[turn], &b);
            CHECK_STR(a.text.data, b.text.data);
            CHECK_INT(x.n_prompt, y.n_prompt);
            CHECK_INT(x.n_tokens, y.n_tokens);
            /* All but the last words: what was sure of the prompt was not computed again. And what turned out to be
             * wrong has not cost what was right before it, though gemma3's window is of 8 tokens only. */
            CHECK(turn == 0 ? x.n_cached * 3 > x.n_prompt : x.n_cached >= y.n_cached);
            check_same_logits(&with, &without);
            forget(&a), forget(&b);
        }
        close_all(&with), close_all(&without);
    }
}

TEST(prefill_can_be_cancelled) {
    opened             o;
    heard              h = {0}, fresh = {0};
    sotto_error        err = {0};
    const volatile int stop = 1;
    size_t             n;
    if (!open_dialog(&o, "golden/gemma3", "gemma", 256)) return;
    CHECK_INT(sotto_dialog_prefill(o.dialog, "Tell me something", &stop, &err), SOTTO_CANCELLED);
    CHECK_INT(n_turns(&o), 0);
    (void)sotto_session_tokens(o.session, &n);
    CHECK_INT(n, 0);
    (void)ask(&o, "Tell me something", &h);
    opened other;
    if (open_dialog(&other, "golden/gemma3", "gemma", 256)) (void)ask(&other, "Tell me something", &fresh);
    CHECK_STR(h.text.data, fresh.text.data);
    forget(&h), forget(&fresh);
    close_all(&o), close_all(&other);
}

/* ---- sliding -------------------------------------------------------------------------------------------- */

TEST(a_long_dialog_slides) {
    opened o;
    heard  h = {0};
    if (!open_dialog(&o, "golden/gemma3", "gemma", 256)) return;
    o.generate.slide = true;
    o.options.system = "Be good";
    configure(&o);
    int32_t dropped = 0;
    size_t  first = 0;
    for (int i = 0; i < 12; i++) {
        char        said[64];
        sotto_error err = {0};
        (void)snprintf(said, sizeof said, "Say %d things that are rather long", i);
        CHECK_OK(sotto_dialog_prefill(o.dialog, "Say", NULL, &err), err);
        sotto_dialog_answer a = ask(&o, said, &h);
        CHECK(a.n_prompt <= 256 - 12);
        CHECK_INT(a.n_tokens, 12);
        CHECK(sotto_dialog_first_seen(o.dialog) >= first);
        first = sotto_dialog_first_seen(o.dialog);
        CHECK((first > 0) == (dropped + h.n_dropped > 0));
        if (h.n_dropped) CHECK(a.n_cached * 2 > a.n_prompt); /* what stays is not computed again */
        dropped += h.n_dropped;
        CHECK_STR(sotto_dialog_turns(o.dialog, &(size_t){0})[first].role, "user");
        forget(&h);
    }
    CHECK(dropped > 0);
    CHECK_INT(n_turns(&o), 24);
    sotto_dialog_cut(o.dialog, 2);
    CHECK_INT(sotto_dialog_first_seen(o.dialog), SOTTO_MIN(first, (size_t)2));
    close_all(&o);
}

/* ---- calls ---------------------------------------------------------------------------------------------- */

TEST(calls_are_executed_and_said) {
    opened o;
    heard  h = {0};
    if (!open_starter(&o)) return;
    sotto_dialog_answer a = ask(&o, "set a timer for five minutes", &h);
    CHECK_INT(a.finish, SOTTO_FINISH_STOP);
    CHECK_INT(h.n_gates, 1);
    CHECK_INT(h.n_called, 1);
    CHECK(h.has_result);
    CHECK_STR(h.called, "set_timer {\"seconds\":300}");
    CHECK_STR(h.text.data, "Timer: 5 minutes.");
    CHECK_INT(n_turns(&o), 4); /* user, call, result, sentence */
    CHECK(strstr(sotto_dialog_turns(o.dialog, &(size_t){0})[1].tool_calls, "set_timer"));
    CHECK(strstr(turn_at(&o, 2), "tool: {\"result\":"));
    CHECK_STR(turn_at(&o, 3), "assistant: Timer: 5 minutes.");
    CHECK(sotto_toolbox_next_due(o.toolbox) > 290);
    forget(&h);
    (void)ask(&o, "repeat that", &h);
    CHECK_STR(h.text.data, "Timer: 5 minutes.");
    forget(&h);
    close_all(&o);
}

TEST(a_closed_gate_executes_nothing) {
    opened o;
    heard  h = {.gate_closed = true};
    if (!open_starter(&o)) return;
    sotto_dialog_answer a = ask(&o, "set a timer for five minutes", &h);
    CHECK_INT(a.finish, SOTTO_FINISH_CANCELLED);
    CHECK_INT(h.n_gates, 1);
    CHECK_INT(h.n_called, 0);
    CHECK_INT(h.text.len, 0);
    CHECK_INT(sotto_toolbox_next_due(o.toolbox), -1);
    CHECK_INT(n_turns(&o), 2);
    CHECK(!sotto_dialog_turns(o.dialog, &(size_t){0})[1].tool_calls);
    forget(&h);
    sotto_dialog_cut(o.dialog, 0);
    h.cancel_after = 1000;
    (void)ask(&o, "set a timer for five minutes and ten seconds", &h);
    CHECK_STR(h.called, "set_timer {\"seconds\":310}");
    forget(&h);
    close_all(&o);
}

/* Cancelled after each number of pieces, the last one too: a call that was whole by then is not executed either. */
TEST(a_cancelled_answer_executes_nothing) {
    opened o;
    heard  h = {0};
    int    n_pieces;
    if (!open_starter(&o)) return;
    (void)ask(&o, "flip a coin", &h);
    n_pieces = h.n_pieces;
    CHECK(n_pieces > 2);
    CHECK_INT(h.n_called, 1);
    for (int i = 1; i <= n_pieces; i++) {
        forget(&h);
        h.cancel_after = i;
        sotto_dialog_cut(o.dialog, 0);
        sotto_dialog_answer a = ask(&o, "flip a coin", &h);
        CHECK_INT(a.finish, SOTTO_FINISH_CANCELLED);
        CHECK_INT(h.n_called + h.n_gates, 0);
        CHECK_INT(n_turns(&o), 2);
        CHECK(!sotto_dialog_turns(o.dialog, &(size_t){0})[1].tool_calls);
    }
    forget(&h);
    close_all(&o);
}

TEST(without_a_toolbox_calls_are_chosen_only) {
    opened o;
    heard  h = {.gate_closed = true};
    if (!open_starter(&o)) return;
    o.options.toolbox = NULL;
    configure(&o);
    sotto_dialog_answer a = ask(&o, "set a timer for five minutes", &h);
    CHECK_INT(a.finish, SOTTO_FINISH_STOP);
    CHECK_INT(h.n_gates, 0);
    CHECK_INT(h.n_called, 1);
    CHECK(!h.has_result);
    CHECK_INT(h.text.len, 0);
    CHECK_INT(n_turns(&o), 2);
    CHECK_INT(sotto_toolbox_next_due(o.toolbox), -1);
    forget(&h);
    close_all(&o);
}

/* A model that hears results answers after them; one that never stops calling is stopped. */
TEST(results_lead_to_another_answer) {
    opened                o;
    heard                 h = {0};
    sotto_error           err = {0};
    sotto_toolbox_options to = sotto_toolbox_options_default();
    if (!open_dialog(&o, "golden/gemma3-mm", "gemma", 8192)) return;
    to.path = ":memory:";
    CHECK_OK(sotto_toolbox_open(&o.toolbox, &to, &err), err);
    o.options.tools = "[{\"name\":\"flip_coin\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}]";
    o.options.toolbox = o.toolbox;
    o.generate.tool_choice = SOTTO_TOOLS_REQUIRED;
    o.generate.max_tokens = 120;
    o.generate.ignore_end = false;
    configure(&o);
    sotto_dialog_answer a = ask(&o, "A", &h);
    CHECK(h.n_called >= 1);
    CHECK_INT(h.n_prompts, 2);
    CHECK(a.n_cached > 0 && a.n_cached < a.n_prompt);
    size_t n;
    const sotto_chat_turn *turns = sotto_dialog_turns(o.dialog, &n);
    CHECK_STR(turns[n - 1].role, "assistant");
    CHECK_STR(turns[n - 2].role, "tool");
    CHECK_STR(turns[n - 2].tool_name, "flip_coin");
    forget(&h);
    close_all(&o);
}

TEST_MAIN()
