/* Failure injection into dialogs and the history: every allocation of a turn with calls fails in turn. Each failure
 * comes back as a status with a message, leaves the dialog as it was, and leaks nothing (the sanitizer run sees to
 * that). */
#include <jansson.h>
#include <sotto/history.h>

#include "fault/allocations.h"
#include "test.h"

static long fail_at; /* the n-th allocation from now fails, and every one after it; 0: none */
static bool failed;

static bool fails(void) {
    if (fail_at == 0) return false;
    if (fail_at > 1) return fail_at--, false;
    return failed = true;
}

void *__wrap_malloc(size_t n) { return fails() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return fails() ? NULL : __real_realloc(p, n); }
void *__wrap_aligned_alloc(size_t align, size_t n) { return fails() ? NULL : __real_aligned_alloc(align, n); }

static sotto_session *session;
static sotto_toolbox *toolbox;

static void on_text(void *user, const char *text, size_t n) {
    (void)text;
    *(size_t *)user += n;
}

static sotto_status talk(sotto_dialog *d, sotto_error *err) {
    size_t              n_text = 0, n;
    sotto_dialog_answer a;
    sotto_dialog_events events = {.user = &n_text, .text = on_text};
    sotto_chat_turn     turn = {.role = "user", .content = "hello"}, model = {.role = "model", .content = "good day"};
    if (sotto_dialog_add(d, &turn, err)) return err->status;
    if (sotto_dialog_add(d, &model, err)) return err->status;
    if (sotto_dialog_amend(d, "good", err)) return err->status;
    sotto_status status = sotto_dialog_prefill(d, "set a timer", NULL, err);
    (void)sotto_dialog_turns(d, &n);
    CHECK_INT(n, 2);
    if (status == SOTTO_OK)
        status = sotto_dialog_answer_turn(d, "set a timer for five minutes", &events, NULL, &a, err);
    (void)sotto_dialog_turns(d, &n);
    CHECK_INT(n, status == SOTTO_OK ? 6 : 2);
    if (status == SOTTO_OK) CHECK(n_text > 0);
    return status;
}

static bool take_all(void *user, const sotto_history_entry *entry) {
    *(bool *)user = entry->title[0] != '\0';
    return true;
}

static sotto_status keep(sotto_dialog *d, sotto_error *err) {
    sotto_history         *h = NULL;
    sotto_bytes            out = {0};
    int64_t                id = 0;
    size_t                 n, before;
    bool                   listed = false;
    const sotto_chat_turn *turns = sotto_dialog_turns(d, &before);
    sotto_status           status = sotto_history_open(&h, ":memory:", err);
    if (status == SOTTO_OK) status = sotto_history_begin(h, "chat", "m", "Be brief", &id, err);
    if (status == SOTTO_OK) status = sotto_history_append(h, id, turns, before, true, err);
    if (status == SOTTO_OK) status = sotto_history_list(h, "timer five", take_all, &listed, err);
    if (status == SOTTO_OK) CHECK(listed);
    if (status == SOTTO_OK) status = sotto_history_export(h, id, SOTTO_HISTORY_JSON, &out, err);
    if (status == SOTTO_OK) status = sotto_history_export(h, id, SOTTO_HISTORY_MARKDOWN, &out, err);
    if (status == SOTTO_OK) status = sotto_history_load(h, id, d, &out, err);
    (void)sotto_dialog_turns(d, &n);
    CHECK_INT(n, status == SOTTO_OK ? 2 * before : before);
    sotto_bytes_free(&out);
    sotto_history_close(h);
    return status;
}

static sotto_status scenario(sotto_error *err) {
    sotto_dialog          *d = NULL;
    sotto_generate_options generate = sotto_generate_options_default();
    sotto_dialog_options   o = {.system = "Be brief", .generate = &generate, .tools = sotto_tools_schema(),
                                .toolbox = toolbox};
    generate.slide = true;
    sotto_status status = sotto_dialog_open(&d, session, &o, err);
    if (status == SOTTO_OK) status = talk(d, err);
    if (status == SOTTO_OK) status = keep(d, err);
    sotto_dialog_close(d);
    return status;
}

TEST(every_allocation_fails) {
    sotto_model          *model = NULL;
    sotto_error           err = {0};
    sotto_model_options   mo = {.threads = 1};
    sotto_toolbox_options to = sotto_toolbox_options_default();
    long                  runs = 0;
    to.path = ":memory:";
    CHECK_OK(sotto_model_open(&model, "../models/starter/sotto-starter-q4_0.gguf", &mo, &err), err);
    CHECK_OK(sotto_session_open(&session, model, NULL, &err), err);
    CHECK_OK(sotto_toolbox_open(&toolbox, &to, &err), err);
    CHECK_OK(scenario(&err), err); /* what is made once, for the model, is there now */
    for (long n = 1;; n += 1 + n / 40, runs++) {
        err = (sotto_error){0};
        failed = false;
        fail_at = n;
        sotto_status status = scenario(&err);
        fail_at = 0;
        if (!failed) {
            CHECK_OK(status, err);
            break;
        }
        test_checks++;
        if (status != SOTTO_OK && !err.message[0]) TEST_FAIL("failure %ld has no message", n);
    }
    CHECK(runs > 10);
    printf("  %ld failures injected\n", runs);
    sotto_toolbox_close(toolbox);
    sotto_session_close(session);
    sotto_model_close(model);
}

int main(int argc, char **argv) {
    json_set_alloc_funcs(__wrap_malloc, free);
    return test_main(argc, argv);
}
