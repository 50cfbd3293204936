/* sotto quality: where its text comes from, what it prints, and what it refuses. The figures themselves are checked in
 * tests/golden/test_quality.c. */
#include "cli/program.h"

static const char text[] = "A short walk, twice around the pond and then home by way of the mill, takes 25 minutes.\n";

static const char *small(void) {
    const char *path = program_file("small.gguf");
    if (access(path, R_OK) != 0) {
        program_run r = RUN(NULL, "convert", MODEL, path, "--type", "q8_0", "-q");
        CHECK_CODE(r, 0);
        program_free(&r);
    }
    return path;
}

static double real_at(json_t *doc, const char *path) { return json_number_value(json_at(doc, path)); }

TEST(json_has_every_figure_with_its_error) {
    program_run r = RUN(NULL, "quality", "-m", small(), "--against", MODEL, "-c", "128", "--json");
    json_t     *doc = json_line(r.out, 0);
    CHECK_CODE(r, 0);
    CHECK_STR(r.err, "");
    CHECK_INT(count_lines(r.out), 1);
    CHECK_STR(json_text_at(doc, "model"), small());
    CHECK_STR(json_text_at(doc, "reference"), MODEL);
    CHECK(json_is_null(json_at(doc, "text.path")));
    CHECK(json_int_at(doc, "text.tokens") > 2000);
    CHECK_INT(json_int_at(doc, "text.window"), 128);
    CHECK_INT(json_int_at(doc, "text.scored"), json_int_at(doc, "text.tokens") + 1 - 64); /* BOS, half a window */
    CHECK_INT(json_int_at(doc, "text.windows"), (json_int_at(doc, "text.scored") + 63) / 64);
    static const char *const estimates[] = {"perplexity", "reference_perplexity", "perplexity_ratio", "delta_p_rms",
                                            "agreement"};
    for (size_t i = 0; i < sizeof estimates / sizeof estimates[0]; i++) {
        json_t *e = json_at(doc, estimates[i]);
        CHECK(real_at(e, "value") > 0 && real_at(e, "error") > 0);
    }
    CHECK(json_is_real(json_at(doc, "delta_p.value")) && json_is_real(json_at(doc, "delta_p.error")));
    CHECK(real_at(doc, "kl.mean") > 0 && real_at(doc, "kl.error") > 0);
    CHECK(real_at(doc, "kl.median") <= real_at(doc, "kl.p99") && real_at(doc, "kl.p99") <= real_at(doc, "kl.p99_9") &&
          real_at(doc, "kl.p99_9") <= real_at(doc, "kl.max"));
    CHECK(real_at(doc, "agreement.value") < 1);
    json_decref(doc);
    program_free(&r);
    r = RUN(NULL, "quality", "-m", MODEL, "--json");
    doc = json_line(r.out, 0);
    CHECK_CODE(r, 0);
    CHECK(real_at(doc, "perplexity.value") > 1 && !json_at(doc, "kl") && !json_at(doc, "reference"));
    json_decref(doc);
    program_free(&r);
}

TEST(a_file_and_standard_input_give_the_same) {
    const char *path = program_file("walk.txt");
    program_write_file(path, text);
    program_run file = RUN(NULL, "quality", "-m", MODEL, "-f", path, "--json", "-t", "1");
    program_run pipe = RUN(text, "quality", "-m", MODEL, "--file", "-", "--json", "-t", "2");
    json_t     *a = json_line(file.out, 0), *b = json_line(pipe.out, 0);
    CHECK_CODE(file, 0);
    CHECK_CODE(pipe, 0);
    CHECK_STR(json_text_at(a, "text.path"), path);
    CHECK_STR(json_text_at(b, "text.path"), "-");
    CHECK_INT(json_int_at(a, "text.windows"), 1);
    CHECK_INT(json_int_at(a, "text.window"), json_int_at(a, "text.tokens") + 1); /* shorter than asked for */
    CHECK(json_equal(json_at(a, "perplexity"), json_at(b, "perplexity")));
    json_decref(a), json_decref(b);
    program_free(&file), program_free(&pipe);
}

TEST(people_get_a_table) {
    program_run r = RUN(text, "quality", "-m", MODEL, "--against", MODEL, "-f", "-");
    CHECK_CODE(r, 0);
    CHECK_STR(r.err, ""); /* no progress where there is no terminal */
    CHECK_HAS(r.out, "standard input: ");
    CHECK_HAS(r.out, "perplexity  ");
    CHECK_HAS(r.out, "KL divergence              0.0000 ± 0.0000");
    CHECK_HAS(r.out, "99.9 %                   0\n");
    CHECK_HAS(r.out, "same likeliest token       100.0000 ± 0.0000");
    program_free(&r);
    r = RUN(text, "quality", "-m", MODEL, "-f", "-");
    CHECK_HAS(r.out, "perplexity  ");
    CHECK_INT(count_lines(r.out), 2);
    program_free(&r);
}

static void check_failure(program_run r, int code, const char *says) {
    CHECK_CODE(r, code);
    CHECK_STR(r.out, "");
    CHECK(strncmp(r.err, "sotto: ", 7) == 0);
    CHECK_HAS(r.err, says);
    program_free(&r);
}

TEST(what_cannot_be_measured_is_said_in_a_sentence) {
    check_failure(RUN(NULL, "quality", "-m", MODEL, "--against", "golden/gemma2"), 1, "different vocabularies");
    check_failure(RUN("Too short.", "quality", "-m", MODEL, "-f", "-"), 1, "too short");
    check_failure(RUN(NULL, "quality", "-m", MODEL, "-f", "-"), 1, "it has 0 tokens");
    check_failure(RUN(NULL, "quality", "-m", MODEL, "-f", "no/such/text"), 1, "no/such/text");
    check_failure(RUN(NULL, "quality", "-m", MODEL, "--against", "no/such/model"), 1, "no/such/model");
    check_failure(RUN(NULL, "quality", "-m", MODEL, "-c", "1000"), 1, "choose 16 to 256");
    check_failure(RUN(NULL, "quality", "-m", MODEL, "-c", "15"), 2, "out of range");
    check_failure(RUN(NULL, "quality", "-m", MODEL, "--against", ""), 2, "--against: an empty path");
    check_failure(RUN(NULL, "quality", "-m", MODEL, "-f", ""), 2, "--file: an empty path");
    check_failure(RUN(NULL, "quality", "-m", MODEL, "text.txt"), 2, "an argument too many");
}

TEST(help_teaches_it) {
    program_run r = RUN(NULL, "quality", "--help");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "--against PATH");
    CHECK_HAS(r.out, "-f, --file FILE");
    CHECK_HAS(r.out, "-c, --window N");
    program_free(&r);
}

/* Ctrl-C in the middle: nothing on standard output, and the code for it. The text is long enough for a minute. */
TEST(an_interruption_ends_it) {
    const char *path = program_file("long.txt");
    FILE       *f = fopen(path, "wb");
    for (int i = 0; f && i < 5000; i++) (void)fputs(text, f);
    CHECK(f && fclose(f) == 0);
    pid_t pid = START(NULL, "quality", "-m", MODEL, "-f", path, "-t", "1");
    program_sleep_ms(1500);
    CHECK_INT(kill(pid, SIGINT), 0);
    program_run r = program_finish(pid);
    CHECK_CODE(r, 130);
    CHECK_STR(r.out, "");
    CHECK_HAS(r.err, "cancelled");
    program_free(&r);
}

TEST_MAIN()
