/* What the program makes of its command line and its environment. */
#include "cli/program.h"

static void check_usage(program_run r, const char *says) {
    CHECK_CODE(r, 2);
    CHECK_STR(r.out, "");
    CHECK(strncmp(r.err, "sotto: ", 7) == 0);
    CHECK_HAS(r.err, says);
    program_free(&r);
}

TEST(help_goes_to_stdout_and_its_absence_is_a_usage_error) {
    program_run r = RUN(NULL, "--help");
    CHECK_CODE(r, 0);
    CHECK_STR(r.err, "");
    CHECK_HAS(r.out, "sotto convert");
    program_free(&r);
    static const char *const verbs[][2] = {{"run", "--temp"}, {"chat", "--slide"}, {"convert", "--head"},
                                           {"inspect", "--tensors"}, {"bench", "--synthetic"},
                                           {"quality", "--against"}};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        r = RUN(NULL, verbs[i][0], "--help");
        CHECK_CODE(r, 0);
        CHECK_HAS(r.out, verbs[i][1]);
        CHECK_HAS(r.out, "Examples");
        program_run same = RUN(NULL, "help", verbs[i][0]);
        CHECK_STR(same.out, r.out);
        program_free(&same);
        program_free(&r);
    }
    r = RUN(NULL, "inspect", "logits", "--help");
    CHECK_HAS(r.out, "--tokens");
    CHECK_HAS(r.out, "[1..8192]"); /* limits are said where there are any */
    program_free(&r);
    r = RUN(NULL, NULL);
    CHECK_CODE(r, 2);
    CHECK_STR(r.out, "");
    program_free(&r);
}

TEST(version_names_processor_and_kernels) {
    program_run r = RUN(NULL, "--version");
    CHECK_CODE(r, 0);
    CHECK(strncmp(r.out, "sotto 0.", 8) == 0);
    CHECK_HAS(r.out, "kernels:");
    CHECK_HAS(r.out, "features:");
    program_free(&r);
}

TEST(mistakes_are_named_and_the_nearest_name_is_offered) {
    check_usage(RUN(NULL, "rnu"), "did you mean run?");
    check_usage(RUN(NULL, "xyzzy"), "unknown verb");
    check_usage(RUN(NULL, "-m", MODEL), "a verb comes first");
    check_usage(RUN(NULL, "run", "--tmep", "1"), "did you mean --temp?");
    check_usage(RUN(NULL, "run", "--xyzzy"), "--xyzzy: unknown option");
    check_usage(RUN(NULL, "run", "-X"), "-X: unknown option");
    check_usage(RUN(NULL, "run", "--temp"), "needs a value");
    check_usage(RUN(NULL, "run", "--json=1"), "takes no value");
    check_usage(RUN(NULL, "run", "--force"), "unknown option"); /* another verb's */
    check_usage(RUN(NULL, "run", "-p", "a", "b"), "an argument too many");
    check_usage(RUN(NULL, "run", "-m", "", "-p", "a"), "no model given");
    check_usage(RUN(NULL, "run", "-m", MODEL, "-p", ""), "the prompt is empty");
    check_usage(RUN("\n", "run", "-m", MODEL), "the prompt is empty");
    check_usage(RUN(NULL, "run", "-q", "-m", "golden/qwen2", "--raw", "-p", ""), "the prompt is empty, and");
    check_usage(RUN(NULL, "convert"), "nothing to convert");
    check_usage(RUN(NULL, "convert", MODEL, ""), "nothing to convert");
    check_usage(RUN(NULL, "inspect", ""), "nothing to inspect");
    check_usage(RUN(NULL, "inspect", "logits", "-m", MODEL), "no tokens given");
    check_usage(RUN(NULL, "bench", "-m", ""), "--synthetic");
    check_usage(RUN(NULL, "bench", "--synthetic", "gemma-2c"), "did you mean gemma-2b?");
    check_usage(RUN(NULL, "run", "-m", MODEL, "-p", "a", "--logprobs", "1"), "--json only");
    check_usage(RUN(NULL, "run", "-m", MODEL, "-p", "a", "--raw", "--system", "b"), "--raw");
}

TEST(numbers_are_checked) {
    check_usage(RUN(NULL, "run", "--temp", "warm"), "\"warm\" is not a number");
    check_usage(RUN(NULL, "run", "--temp", "-1"), "out of range");
    check_usage(RUN(NULL, "run", "--temp=nan"), "is not a number");
    check_usage(RUN(NULL, "run", "--top-k", "1.5"), "not a whole number");
    check_usage(RUN(NULL, "run", "-n", "99999999999"), "out of range");
    check_usage(RUN(NULL, "run", "-n", "99999999999999999999999"), "out of range");
    check_usage(RUN(NULL, "run", "-n", ""), "not a whole number");
    check_usage(RUN(NULL, "run", "-c", "0"), "out of range");
    check_usage(RUN(NULL, "run", "-t", "257"), "out of range: 1 to 256");
    check_usage(RUN(NULL, "bench", "-t", "1,257"), "out of range: 1 to 256");
    check_usage(RUN(NULL, "run", "-b", "8193"), "out of range: 1 to 8192");
    check_usage(RUN(NULL, "run", "--seed", "x"), "not a whole number");
    check_usage(RUN(NULL, "run", "--memory-limit", "2X"), "is not a size");
    check_usage(RUN(NULL, "run", "--memory-limit", "-1"), "is not a size");
    check_usage(RUN(NULL, "run", "--cache-type", "q4"), "none of: f16 q8_0 f32");
    check_usage(RUN(NULL, "run", "--color", "blue"), "none of: auto always never");
    check_usage(RUN(NULL, "inspect", "logits", "--tokens", "1,,2"), "not a whole number");
    check_usage(RUN(NULL, "run", "-m", MODEL, "-p", "a", "--logit-bias", "5"), "is not ID=VALUE");
}

TEST(options_may_be_written_in_every_usual_way) {
    program_run a = RUN(NULL, "inspect", "tokens", "-m", MODEL, "--json", "Hello");
    CHECK_CODE(a, 0);
    program_run b = RUN(NULL, "inspect", "tokens", "Hello", "--json", "--model=" MODEL);
    program_run c = RUN(NULL, "inspect", "tokens", "-qm" MODEL, "--json", "--", "Hello");
    program_run d = RUN("Hello\n", "inspect", "tokens", "-m=" MODEL, "--json", "-");
    CHECK_STR(b.out, a.out);
    CHECK_STR(c.out, a.out);
    CHECK_STR(d.out, a.out);
    program_free(&a), program_free(&b), program_free(&c), program_free(&d);
    a = RUN(NULL, "inspect", "tokens", "-m", MODEL, "--json", "--no-bos", "--", "--json");
    json_t *doc = json_line(a.out, 0);
    CHECK_INT(json_array_size(json_at(doc, "tokens")), 6); /* the text, not the option */
    json_decref(doc);
    program_free(&a);
}

TEST(environment_stands_behind_the_command_line) {
    (void)setenv("SOTTO_MODEL", MODEL, 1);
    (void)setenv("SOTTO_MAX_TOKENS", "3", 1);
    (void)setenv("SOTTO_JSON", "1", 1);
    (void)setenv("SOTTO_STOP", "never said", 1);
    program_run r = RUN(NULL, "run", "--raw", "-p", "a", "--ignore-end", "--temp", "0");
    json_t     *doc = json_line(r.out, 0);
    CHECK_CODE(r, 0);
    CHECK_INT(json_int_at(doc, "usage.completion_tokens"), 3);
    json_decref(doc);
    program_free(&r);
    r = RUN(NULL, "run", "--raw", "-p", "a", "--ignore-end", "--temp", "0", "-n", "5");
    doc = json_line(r.out, 0);
    CHECK_INT(json_int_at(doc, "usage.completion_tokens"), 5);
    json_decref(doc);
    program_free(&r);
    (void)setenv("SOTTO_JSON", "0", 1);
    r = RUN(NULL, "run", "--raw", "-p", "a", "--temp", "0");
    CHECK(r.out[0] != '{');
    program_free(&r);
    (void)setenv("SOTTO_MAX_TOKENS", "many", 1);
    check_usage(RUN(NULL, "run", "--raw", "-p", "a"), "SOTTO_MAX_TOKENS: \"many\"");
    (void)unsetenv("SOTTO_MODEL"), (void)unsetenv("SOTTO_MAX_TOKENS"), (void)unsetenv("SOTTO_JSON"),
        (void)unsetenv("SOTTO_STOP");
}

TEST(color_only_where_it_is_wanted) {
    program_run r = RUN(NULL, "run", "-m", MODEL, "--raw", "-p", "a", "-n", "2");
    CHECK(!strchr(r.err, '\033')); /* not a terminal */
    CHECK_HAS(r.err, "memory: weights");
    program_free(&r);
    r = RUN(NULL, "run", "-m", MODEL, "--raw", "-p", "a", "-n", "2", "--color=always");
    CHECK(strchr(r.err, '\033') != NULL);
    CHECK(!strchr(r.out, '\033'));
    program_free(&r);
    r = RUN(NULL, "run", "-m", MODEL, "--raw", "-p", "a", "-n", "2", "--quiet");
    CHECK_STR(r.err, "");
    program_free(&r);
}

TEST(a_result_that_cannot_be_written_is_a_failure) {
    program_run r = RUN(NULL, "inspect", MODEL);
    CHECK_CODE(r, 0);
    program_free(&r);
    if (access("/dev/full", W_OK) != 0) return; /* only Linux has it */
    char command[512];
    (void)snprintf(command, sizeof command, "\"$SOTTO_PROGRAM\" inspect " MODEL " > /dev/full 2> %.100s",
                   program_file("err"));
    int   status = system(command);
    char *err = program_read_file(program_file("err"));
    CHECK_INT(WEXITSTATUS(status), 1);
    CHECK_HAS(err, "standard output: cannot write");
    free(err);
}

TEST_MAIN()
