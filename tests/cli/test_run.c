/* sotto run and sotto inspect tokens|logits|memory: results, prompts, sessions, Ctrl-C. */
#include "cli/program.h"

static json_t *run_json(program_run *r) {
    json_t *doc = json_line(r->out, 0);
    CHECK_CODE(*r, 0);
    CHECK(doc != NULL);
    CHECK_INT(count_lines(r->out), 1);
    program_free(r);
    return doc;
}

#define RAW "run", "-m", MODEL, "--raw", "--temp", "0"

TEST(json_has_the_promised_fields) {
    program_run r = RUN(NULL, RAW, "-p", "Hello", "-n", "6", "--ignore-end", "--json", "--logprobs", "2");
    json_t     *doc = run_json(&r);
    CHECK(json_is_string(json_at(doc, "text")));
    CHECK_INT(json_array_size(json_at(doc, "tokens")), 6);
    CHECK_STR(json_text_at(doc, "finish_reason"), "length");
    CHECK_INT(json_int_at(doc, "usage.prompt_tokens"), 6); /* BOS and five letters */
    CHECK_INT(json_int_at(doc, "usage.completion_tokens"), 6);
    CHECK_INT(json_int_at(doc, "usage.total_tokens"), 12);
    CHECK(json_is_integer(json_at(doc, "usage.cached_tokens")));
    CHECK(json_int_at(doc, "lookup.accepted") <= json_int_at(doc, "lookup.proposed"));
    static const char *const timings[] = {
        "load_ms",        "prefill_ms",    "prefill_tokens_per_s", "decode_tokens_per_s",
        "first_token_ms", "peak_rss_bytes"};
    for (size_t i = 0; i < sizeof timings / sizeof timings[0]; i++)
        CHECK(json_number_value(json_object_get(json_at(doc, "timings"), timings[i])) > 0);
    json_t *first = json_array_get(json_at(doc, "logprobs"), 0);
    CHECK_INT(json_array_size(json_at(doc, "logprobs")), 6);
    CHECK_INT(json_array_size(json_at(first, "top")), 2);
    /* Greedy: the token taken is the likeliest of the alternatives. */
    CHECK_INT(json_int_at(first, "token"), json_int_at(json_array_get(json_at(first, "top"), 0), "token"));
    CHECK(json_number_value(json_at(first, "logprob")) < 0);
    json_decref(doc);
}

TEST(plain_output_is_the_text_alone) {
    program_run r = RUN(NULL, RAW, "-p", "Hello", "-n", "6", "--json"),
                plain = RUN(NULL, RAW, "-p", "Hello", "-n", "6");
    json_t     *doc = run_json(&r);
    char        want[256];
    const char *text = json_text_at(doc, "text");
    (void)snprintf(want, sizeof want, "%s%s", text, *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
    CHECK_STR(plain.out, want);
    program_free(&plain);
    json_decref(doc);
}

TEST(prompt_from_stdin_is_the_same_prompt) {
    program_run a = RUN(NULL, RAW, "-p", "Hello there", "-n", "8"), b = RUN("Hello there\n", RAW, "-n", "8");
    program_run c = RUN("Hello there\n", RAW, "-p", "-", "-n", "8");
    CHECK_CODE(b, 0);
    CHECK_STR(b.out, a.out);
    CHECK_STR(c.out, a.out);
    program_free(&a), program_free(&b), program_free(&c);
}

TEST(chat_format_is_needed_and_named) {
    program_run r = RUN(NULL, "run", "-m", MODEL, "-p", "Hello");
    CHECK_CODE(r, 1);
    CHECK_STR(r.out, "");
    CHECK_HAS(r.err, "--chat-format");
    CHECK_HAS(r.err, "--raw");
    program_free(&r);
    r = RUN(NULL, "run", CHAT_MODEL, "-p", "Hello", "--system", "Be kind", "-n", "3", "--json",
            "--ignore-end");
    json_t *doc = run_json(&r);
    CHECK(json_int_at(doc, "usage.prompt_tokens") > 20);
    json_decref(doc);
    r = RUN(NULL, "run", "-m", MODEL, "--chat-format", "nonsense", "-p", "Hello");
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "nonsense");
    program_free(&r);
}

TEST(seed_repeats_and_stop_ends) {
    program_run a = RUN(NULL, "run", "-m", MODEL, "--raw", "-p", "x", "--temp", "2", "--seed", "7", "-n",
                        "20", "--ignore-end");
    program_run b = RUN(NULL, "run", "-m", MODEL, "--raw", "-p", "x", "--temp", "2", "--seed", "7", "-n",
                        "20", "--ignore-end");
    program_run c = RUN(NULL, "run", "-m", MODEL, "--raw", "-p", "x", "--temp", "2", "--seed", "8", "-n",
                        "20", "--ignore-end");
    CHECK_STR(a.out, b.out);
    CHECK(strcmp(a.out, c.out) != 0);
    program_free(&a), program_free(&b), program_free(&c);
    program_run whole = RUN(NULL, RAW, "-p", "Hello", "-n", "24", "--json", "--ignore-end");
    json_t     *doc = run_json(&whole);
    const char *text = json_text_at(doc, "text");
    char        stop[8] = {text[strlen(text) / 2]}; /* an ASCII letter, or the test says nothing */
    if (stop[0] > 32 && stop[0] < 127) {
        program_run cut = RUN(NULL, RAW, "-p", "Hello", "-n", "24", "--json", "--ignore-end", "--stop",
                              "never", "--stop", stop);
        json_t     *short_doc = run_json(&cut);
        CHECK_STR(json_text_at(short_doc, "finish_reason"), "stop");
        CHECK(!strstr(json_text_at(short_doc, "text"), stop));
        CHECK(strncmp(text, json_text_at(short_doc, "text"), strlen(json_text_at(short_doc, "text"))) == 0);
        json_decref(short_doc);
    }
    json_decref(doc);
}

TEST(logit_bias_forces_and_forbids) {
    program_run r = RUN(NULL, RAW, "-p", "Hello", "-n", "4", "--json", "--ignore-end", "--logit-bias",
                        "20=1000", "--logit-bias", "21=5");
    json_t     *doc = run_json(&r);
    for (size_t i = 0; i < 4; i++)
        CHECK_INT(json_integer_value(json_array_get(json_at(doc, "tokens"), i)), 20);
    json_decref(doc);
    r = RUN(NULL, RAW, "-p", "Hello", "-n", "1", "--json", "--logit-bias", "20=1000", "--logit-bias",
            "20=-inf");
    doc = run_json(&r);
    CHECK(json_integer_value(json_array_get(json_at(doc, "tokens"), 0)) != 20);
    json_decref(doc);
}

TEST(one_space_before_an_answer_belongs_to_the_chat_format) {
    const char *const space = "276=1000"; /* the model's token for a space */
    program_run chat = RUN(NULL, "run", "-m", "golden/llama2", "--chat-format", "llama2", "-p", "Hello", "-n", "3",
                           "--json", "--ignore-end", "--logit-bias", space);
    program_run raw = RUN(NULL, "run", "-m", "golden/llama2", "--raw", "-p", "Hello", "-n", "3", "--json",
                          "--ignore-end", "--logit-bias", space);
    json_t *shown = run_json(&chat), *whole = run_json(&raw);
    CHECK_STR(json_text_at(shown, "text"), "  ");
    CHECK_STR(json_text_at(whole, "text"), "   ");
    CHECK(json_equal(json_at(shown, "tokens"), json_at(whole, "tokens")));
    json_decref(shown), json_decref(whole);
}

TEST(session_file_saves_the_prompt) {
    const char *file = program_file("prompt.session");
    program_run first = RUN(NULL, RAW, "-p", "A long beginning", "-n", "5", "--json", "--session", file);
    json_t     *doc = run_json(&first);
    CHECK_INT(json_int_at(doc, "usage.cached_tokens"), 0);
    CHECK_INT(access(file, R_OK), 0);
    program_run again =
        RUN(NULL, RAW, "-p", "A long beginning, and more", "-n", "5", "--json", "--session", file);
    json_t     *more = run_json(&again);
    CHECK_INT(json_int_at(more, "usage.cached_tokens"), json_int_at(doc, "usage.prompt_tokens"));
    program_run fresh = RUN(NULL, RAW, "-p", "A long beginning, and more", "-n", "5", "--json");
    json_t     *want = run_json(&fresh);
    CHECK(json_equal(json_at(more, "tokens"), json_at(want, "tokens")));
    json_decref(doc), json_decref(more), json_decref(want);
    program_run other = RUN(NULL, "run", "-m", "golden/gemma1", "--raw", "-p", "A", "--session", file);
    CHECK_CODE(other, 1); /* of another model */
    CHECK_STR(other.out, "");
    program_free(&other);
    program_run nowhere = RUN(NULL, RAW, "-p", "A", "--session", "/nowhere/at/all.session");
    CHECK_CODE(nowhere, 1); /* before anything is computed */
    CHECK_STR(nowhere.out, "");
    program_free(&nowhere);
}

TEST(limits_are_refused_with_numbers) {
    program_run r = RUN(NULL, RAW, "-p", "Hello", "--memory-limit", "100K");
    CHECK_CODE(r, 1);
    CHECK_STR(r.out, "");
    program_free(&r);
    char prompt[512];
    memset(prompt, 'x', 400);
    prompt[400] = '\0';
    r = RUN(NULL, RAW, "-p", prompt);
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "401");
    CHECK_HAS(r.err, "256");
    program_free(&r);
    r = RUN(NULL, "run", "-m", "no/such/model", "--raw", "-p", "a");
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "no/such/model");
    program_free(&r);
}

#define SCHEMA                                                                                             \
    "{\"properties\":{\"a\":{\"enum\":[\"x\",7]},\"b\":{\"type\":\"integer\"}},\"required\":[\"a\"]}"

TEST(answers_follow_a_schema_or_a_grammar) {
    const char *schema = program_file("schema.json"), *gbnf = program_file("answer.gbnf");
    program_write_file(schema, SCHEMA);
    program_write_file(gbnf, "root ::= (\"ab\" | \"ba\"){3} \".\"\n");
    for (int i = 0; i < 2; i++) { /* as itself and as a file */
        program_run r = RUN(NULL, RAW, "-p", "Hello", "-n", "100", "--json", "--json-schema", i ? schema : SCHEMA);
        json_t     *doc = run_json(&r), *answer = json_loads(json_text_at(doc, "text"), 0, NULL);
        CHECK_STR(json_text_at(doc, "finish_reason"), "stop");
        CHECK(json_object_get(answer, "a") != NULL);
        json_decref(answer);
        json_decref(doc);
    }
    program_run r = RUN(NULL, RAW, "-p", "Hello", "-n", "100", "--grammar", gbnf, "--ignore-end");
    CHECK_CODE(r, 0);
    CHECK_INT(strlen(r.out), 8); /* with its newline */
    CHECK_INT(strspn(r.out, "ab"), 6);
    program_free(&r);
    r = RUN(NULL, RAW, "-p", "Hello", "-n", "3", "--json", "--grammar", gbnf);
    json_t *doc = run_json(&r);
    CHECK_STR(json_text_at(doc, "finish_reason"), "length");
    json_decref(doc);
    r = RUN("Hello\nAnd now\n", "chat", CHAT_MODEL, "-n", "100", "--grammar", gbnf);
    CHECK_CODE(r, 0);
    CHECK_INT(count_lines(r.out), 2);
    program_free(&r);
}

/* Before the model is looked for. */
TEST(wrong_grammars_are_told_at_once) {
    const char *gbnf = program_file("wrong.gbnf");
    program_write_file(gbnf, "root ::= \"a\n");
    program_run r = RUN(NULL, "run", "-m", "no/such/model", "-p", "a", "--grammar", gbnf);
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "wrong.gbnf: grammar, line 1, column 10: this text has no closing quote");
    program_free(&r);
    r = RUN(NULL, "run", "-m", "no/such/model", "-p", "a", "--grammar", program_file("missing.gbnf"));
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "missing.gbnf");
    program_free(&r);
    r = RUN(NULL, "chat", "-m", "no/such/model", "--json-schema", "{\"not\": {}}");
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "JSON schema, #/not: this keyword is not supported");
    program_free(&r);
    r = RUN(NULL, RAW, "-p", "a", "--json-schema", "{}", "--grammar", gbnf);
    CHECK_CODE(r, 2);
    CHECK_HAS(r.err, "--json-schema");
    program_free(&r);
}

TEST(full_context_ends_the_answer_and_sliding_goes_on) {
    program_run r = RUN(NULL, RAW, "-p", "Hello", "-c", "32", "--ignore-end", "--json");
    json_t     *doc = run_json(&r);
    CHECK_STR(json_text_at(doc, "finish_reason"), "length");
    CHECK(json_is_true(json_at(doc, "context_full")));
    json_decref(doc);
    r = RUN(NULL, RAW, "-p", "Hello", "-c", "32", "--ignore-end", "--slide", "-n", "100", "--json");
    CHECK_HAS(r.err, "[dropped the oldest ");
    doc = run_json(&r);
    CHECK_INT(json_int_at(doc, "usage.completion_tokens"), 100);
    CHECK(json_int_at(doc, "dropped_tokens") > 60);
    json_decref(doc);
}

TEST(interrupt_stops_the_answer_with_130) {
    pid_t pid = START(NULL, RAW, "-p", "Hello", "--ignore-end", "--slide", "-n", "2000000000", "--quiet");
    CHECK(program_wait_output(101));
    (void)kill(pid, SIGINT);
    program_run r = program_finish(pid);
    CHECK_CODE(r, 130);
    CHECK(strlen(r.out) > 100); /* what was said until then */
    program_free(&r);
}

/* ---- inspect ------------------------------------------------------------------------------------------- */

TEST(tokens_come_with_their_pieces) {
    program_run r = RUN(NULL, "inspect", "tokens", "-m", MODEL, "Hi <bos>", "--json");
    json_t     *doc = run_json(&r);
    json_t     *tokens = json_at(doc, "tokens"), *pieces = json_at(doc, "pieces");
    CHECK_INT(json_array_size(tokens), json_array_size(pieces));
    CHECK_STR(json_string_value(json_array_get(pieces, 0)), "<bos>");
    CHECK_STR(json_string_value(json_array_get(pieces, 1)), "H");
    CHECK_INT(json_array_size(tokens), 9); /* "<bos>" in the text is five characters */
    json_decref(doc);
    r = RUN(NULL, "inspect", "tokens", "-m", MODEL, "Hi <bos>", "--json", "--special", "--no-bos");
    doc = run_json(&r);
    CHECK_INT(json_array_size(json_at(doc, "tokens")), 4);
    json_decref(doc);
    r = RUN(NULL, "inspect", "tokens", "-m", MODEL, "Hi");
    CHECK_INT(count_lines(r.out), 3);
    program_free(&r);
}

TEST(logits_of_every_position_and_of_the_last) {
    program_run r = RUN(NULL, "inspect", "logits", "-m", MODEL, "--tokens", "2,106,9,44", "--json", "-q");
    json_t     *doc = json_loads(r.out, 0, NULL);
    CHECK_CODE(r, 0);
    CHECK_STR(r.err, "");
    size_t n_vocab = (size_t)json_int_at(doc, "n_vocab");
    CHECK_INT(json_array_size(json_at(doc, "logits")), 4);
    for (size_t i = 0; i < 4; i++)
        CHECK_INT(json_array_size(json_array_get(json_at(doc, "logits"), i)), n_vocab);
    program_run one =
        RUN(NULL, "inspect", "logits", "-m", MODEL, "--tokens", "2,106,9,44", "--last", "--json");
    json_t      *last = json_loads(one.out, 0, NULL);
    CHECK_INT(json_array_size(json_at(last, "logits")), 1);
    CHECK(json_equal(json_array_get(json_at(last, "logits"), 0), json_array_get(json_at(doc, "logits"), 3)));
    json_decref(doc), json_decref(last);
    program_free(&r), program_free(&one);
    r = RUN(NULL, "inspect", "logits", "-m", MODEL, "--tokens", "2,99999");
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "99999");
    program_free(&r);
}

TEST(memory_grows_with_the_context) {
    program_run r = RUN(NULL, "inspect", "memory", "-m", MODEL, "-c", "64", "--json");
    json_t     *doc = run_json(&r), *small = json_array_get(json_at(doc, "memory"), 0);
    r = RUN(NULL, "inspect", "memory", MODEL, "--json");
    json_t *all = run_json(&r), *large = json_array_get(json_at(all, "memory"), 0);
    CHECK_INT(json_int_at(small, "context"), 64);
    CHECK_INT(json_int_at(large, "context"), 256);
    CHECK(json_int_at(small, "total_bytes") < json_int_at(large, "total_bytes"));
    CHECK_INT(json_int_at(large, "total_bytes"), json_int_at(large, "weights_bytes") +
                                                     json_int_at(large, "cache_bytes") +
                                                     json_int_at(large, "scratch_bytes"));
    json_decref(doc), json_decref(all);
}

TEST_MAIN()
