/* The program with tools: the starter model chooses them, the program executes them, results stay. */
#include "cli/program.h"

/* Sentences that the model has known all its life; how well it does with others is measured in tests/starter. */
#define FILE_OPTION "--tools-file", program_file("tools.db")

static json_t *calls_of(program_run *r, int line) {
    json_t *doc = json_line(r->out, line);
    json_t *calls = json_incref(json_at(doc, "tool_calls"));
    CHECK(json_is_array(calls));
    json_decref(doc);
    return calls;
}

static json_t *first_call(program_run *r, int line) {
    json_t *calls = calls_of(r, line), *call = json_incref(json_array_get(calls, 0));
    json_decref(calls);
    return call;
}

TEST(without_a_model_the_starter_answers) {
    program_run r = RUN(NULL, "run", "-p", "set a timer for five minutes", "--json", FILE_OPTION);
    CHECK_CODE(r, 0);
    json_t *doc = json_line(r.out, 0), *call = first_call(&r, 0);
    CHECK_STR(json_text_at(call, "name"), "set_timer");
    CHECK_INT(json_int_at(call, "arguments.seconds"), 300);
    CHECK_INT(json_int_at(call, "result.result.seconds"), 300);
    CHECK_HAS(json_text_at(doc, "text"), "5 minutes");
    CHECK_STR(json_text_at(doc, "finish_reason"), "stop");
    json_decref(doc), json_decref(call);
    program_free(&r);
    r = RUN(NULL, "run", "-p", "flip a coin", FILE_OPTION);
    CHECK(strcmp(r.out, "Heads.\n") == 0 || strcmp(r.out, "Tails.\n") == 0);
    CHECK_HAS(r.err, "[flip_coin {}]");
    program_free(&r);
}

TEST(a_dry_run_chooses_and_does_nothing) {
    const char *file = program_file("never.db");
    program_run r = RUN(NULL, "run", "-p", "set a timer for five minutes", "--json", "--dry-run-tools",
                        "--tools-file", file);
    json_t     *doc = json_line(r.out, 0), *call = first_call(&r, 0);
    CHECK_CODE(r, 0);
    CHECK_STR(json_text_at(call, "name"), "set_timer");
    CHECK(json_is_null(json_at(call, "result")));
    CHECK_STR(json_text_at(doc, "finish_reason"), "tool_calls");
    CHECK_STR(json_text_at(doc, "text"), "");
    CHECK(access(file, F_OK) != 0);
    CHECK_HAS(r.err, "[set_timer {\"seconds\":300}]"); /* for people */
    json_decref(doc), json_decref(call);
    program_free(&r);
}

TEST(a_conversation_keeps_what_it_was_told) {
    program_run r = RUN("set a timer for five minutes\nlist my timers\nflip a coin\n", "chat", "--json", "-q",
                        "--tools-file", program_file("talk.db"));
    CHECK_CODE(r, 0);
    CHECK_INT(count_lines(r.out), 3);
    static const char *const names[] = {"set_timer", "list_timers", "flip_coin"};
    for (int i = 0; i < 3; i++) {
        json_t *call = first_call(&r, i);
        CHECK_STR(json_text_at(call, "name"), names[i]);
        json_decref(call);
    }
    program_free(&r);
    /* What is not yet due is there in the next run. */
    r = RUN(NULL, "run", "-q", "-p", "list my timers", "--tools-file", program_file("talk.db"));
    CHECK_HAS(r.out, "minutes");
    program_free(&r);
}

TEST(a_timer_that_is_due_speaks_up) {
    program_run r = RUN(NULL, "run", "-q", "-p", "set a timer for one second", "--tools-file", program_file("due.db"));
    CHECK_CODE(r, 0);
    program_free(&r);
    program_sleep_ms(2100);
    r = RUN("flip a coin\n", "chat", "-q", "--json", "--tools-file", program_file("due.db"));
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "{\"due\":{");
    CHECK_INT(count_lines(r.out), 2);
    program_free(&r);
    r = RUN("flip a coin\n", "chat", "-q", "--json", "--tools-file", program_file("due.db"));
    CHECK(!strstr(r.out, "\"due\"")); /* said once */
    program_free(&r);
}

/* A model that hears results goes on after them: here one with random weights, whose first answer has to be a call. */
TEST(results_are_given_to_a_model_that_hears_them) {
    program_run r = RUN(NULL, "run", "-m", "golden/gemma3-mm", "--chat-format", "gemma", "-c", "8192", "-p", "A", "-n",
                        "160", "--json", "--tool-choice", "flip_coin", FILE_OPTION);
    json_t     *doc = json_line(r.out, 0), *calls = calls_of(&r, 0), *call = json_array_get(calls, 0);
    CHECK_CODE(r, 0);
    CHECK_INT(json_array_size(calls), 1);
    CHECK_STR(json_text_at(call, "name"), "flip_coin");
    CHECK(json_is_string(json_at(call, "result.result")));
    CHECK(json_int_at(doc, "usage.cached_tokens") > 1000); /* the second answer's prompt goes on from the first's */
    CHECK(json_int_at(doc, "usage.prompt_tokens") > json_int_at(doc, "usage.cached_tokens") + 20);
    json_decref(doc), json_decref(calls);
    program_free(&r);
    r = RUN(NULL, "run", "-p", "a", "--tool-choice", "juggle", FILE_OPTION);
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "juggle");
    program_free(&r);
}

TEST(options_that_contradict_each_other_are_refused) {
    static const char *const more[][3] = {{"--no-tools", "--tools"}, {"--no-tools", "--tool-choice", "flip_coin"},
                                          {"--tools", "--json-schema", "{}"}, {"--raw", "--dry-run-tools"}};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        program_run r = RUN(NULL, "run", "-p", "a", more[i][0], more[i][1], more[i][2]);
        CHECK_CODE(r, 2);
        CHECK_STR(r.out, "");
        program_free(&r);
    }
}

TEST(tools_can_be_left_out_and_offered) {
    program_run r = RUN(NULL, "run", "-p", "set a timer for five minutes", "--json", "--no-tools");
    json_t     *doc = json_line(r.out, 0);
    CHECK_CODE(r, 0);
    CHECK(!json_at(doc, "tool_calls"));
    json_decref(doc);
    program_free(&r);
    /* Another model is told of the tools: its prompt grows by their schemas. */
#define QWEN "run", "-m", "golden/qwen3", "--chat-format", "qwen3", "-p", "Hi", "-n", "2"
    program_run plain = RUN(NULL, QWEN, "-c", "64"), with = RUN(NULL, QWEN, "--tools", FILE_OPTION);
    CHECK_CODE(plain, 0);
    CHECK_CODE(with, 1); /* more than the 256 tokens of this tiny model */
    CHECK_HAS(with.err, "tokens");
    program_free(&plain), program_free(&with);
    r = RUN(NULL, "run", "-p", "flip a coin", "--tools-file", "/dev/null/tools.db");
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "/dev/null");
    program_free(&r);
}

TEST_MAIN()
