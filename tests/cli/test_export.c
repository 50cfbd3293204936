/* sotto export: where the package goes, and what is said of it. */
#include "cli/program.h"

#define PACKAGE "Gemma3-Stateful-4bit-32.mlpackage"

static bool has_file(const char *folder, const char *name) {
    char        path[256];
    struct stat st;
    (void)snprintf(path, sizeof path, "%.127s/%.127s", folder, name);
    return stat(path, &st) == 0;
}

TEST(a_package_goes_into_the_folder_that_is_named) {
    const char *folder = program_file("packages");
    (void)mkdir(folder, 0700);
    program_run r = RUN(NULL, "export", MODEL, "-o", folder, "-c", "32");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, PACKAGE);
    CHECK_STR(r.err, "");
    program_free(&r);
    CHECK(has_file(folder, PACKAGE "/Data/com.apple.CoreML/weights/weight.bin"));
    CHECK(has_file(folder, "Gemma3-Stateful-4bit-32.tokenizer/tokenizer.json"));
    r = RUN(NULL, "export", MODEL, "-o", folder, "-c", "32");
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "--force");
    program_free(&r);
    r = RUN(NULL, "export", MODEL, "-o", folder, "-c", "32", "--force", "--json");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "\"bits\":4");
    program_free(&r);
}

TEST(a_package_can_be_named_itself) {
    const char *path = program_file("mine.mlpackage");
    program_run r = RUN(NULL, "export", MODEL, "-o", path, "--bits", "16", "--logits", "last", "-q");
    CHECK_CODE(r, 0);
    CHECK_STR(r.out, "");
    CHECK(has_file(path, "Manifest.json"));
    program_free(&r);
}

TEST(a_package_can_be_looked_into_and_run) {
    const char *path = program_file("run.mlpackage");
    program_run r = RUN(NULL, "export", MODEL, "-o", path, "-c", "32", "-q");
    CHECK_CODE(r, 0);
    program_free(&r);
    r = RUN(NULL, "inspect", path);
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "inputIds int32 [1, 1..32]");
    CHECK_HAS(r.out, "logits fp16\n");
    CHECK_HAS(r.out, "scaled_dot_product_attention");
    CHECK(strstr(r.err, "not supported") == NULL);
    program_free(&r);
    r = RUN(NULL, "inspect", path, "--json");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "\"keyCache\"");
    program_free(&r);
    r = RUN(NULL, "inspect", "logits", "-m", path, "--tokens", "2,9,33", "--json");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "{\"n_vocab\":");
    program_free(&r);
    r = RUN(NULL, "inspect", "logits", "-m", path, "--tokens", "2,99999999");
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "index 99999999 is not in");
    program_free(&r);
}

/* ---- the starter model as a package -------------------------------------------------------------------- */

static const char *starter_package(void) {
    static bool made;
    const char *path = program_file("starter.mlpackage");
    if (made) return path;
    program_run r = RUN(NULL, "export", "../models/starter/sotto-starter", "-o", path, "-c", "256", "-q");
    CHECK_CODE(r, 0);
    program_free(&r);
    made = true;
    return path;
}

static int likeliest(json_t *row) {
    size_t best = 0;
    for (size_t i = 1; i < json_array_size(row); i++)
        if (json_number_value(json_array_get(row, i)) > json_number_value(json_array_get(row, best))) best = i;
    return (int)best;
}

/* Every token of a greedy answer is the likeliest after those before it, by the program alone. */
TEST(what_is_generated_follows_from_the_logits) {
    static const char text[] = "what is three times four";
    const char       *path = starter_package();
    program_run       r = RUN(NULL, "run", "-m", path, "--raw", "-p", text, "-n", "12", "--temp", "0", "--ignore-end",
                            "--json");
    CHECK_CODE(r, 0);
    json_t *answer = json_line(r.out, 0), *tokens = json_at(answer, "tokens");
    program_free(&r);
    r = RUN(NULL, "inspect", "tokens", "-m", path, text, "--json");
    CHECK_CODE(r, 0);
    json_t *prompt = json_line(r.out, 0), *ids = json_at(prompt, "tokens");
    size_t  n_prompt = json_array_size(ids), n = json_array_size(tokens), used = 0;
    program_free(&r);
    CHECK_INT(json_int_at(answer, "usage.prompt_tokens"), (long long)n_prompt);
    CHECK(n >= 4);
    char list[1024] = "";
    (void)json_array_extend(ids, tokens);
    for (size_t i = 0; i < n_prompt + n && used < 1000; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%d", i ? "," : "",
                                 (int)json_integer_value(json_array_get(ids, i)));
    r = RUN(NULL, "inspect", "logits", "-m", path, "--tokens", list, "--json");
    CHECK_CODE(r, 0);
    json_t *doc = json_loads(r.out, 0, NULL), *rows = json_at(doc, "logits");
    CHECK_INT(json_array_size(rows), n_prompt + n);
    for (size_t i = 0; i < n; i++)
        CHECK_INT(likeliest(json_array_get(rows, n_prompt + i - 1)), json_integer_value(json_array_get(tokens, i)));
    program_free(&r);
    json_decref(doc);
    json_decref(prompt);
    json_decref(answer);
}

TEST(a_conversation_goes_on_and_calls_tools) {
    program_run r = RUN("what is 2 plus 3\nand times 4\nset a timer for ten minutes\n", "chat", "-m",
                        starter_package(), "--temp", "0", "--json", "--tools-file", program_file("tools.db"));
    CHECK_CODE(r, 0);
    CHECK_INT(count_lines(r.out), 3);
    static const char *const calls[] = {"calculate", "calculate", "set_timer"};
    for (int i = 0; i < 3; i++) {
        json_t *turn = json_line(r.out, i), *call = json_array_get(json_at(turn, "tool_calls"), 0);
        CHECK_STR(json_text_at(call, "name"), calls[i]);
        CHECK(json_is_object(json_at(call, "result")));
        if (i == 0) CHECK_HAS(json_text_at(turn, "text"), "5");
        if (i == 1) CHECK_HAS(json_text_at(turn, "text"), "20");
        CHECK(i == 0 || json_int_at(turn, "usage.cached_tokens") > 20);
        json_decref(turn);
    }
    program_free(&r);
}

TEST(a_package_is_measured) {
    program_run r = RUN(NULL, "bench", "-m", starter_package(), "-p", "16", "-n", "4", "-r", "1", "-t", "1", "--json");
    CHECK_CODE(r, 0);
    json_t *doc = json_loads(r.out, 0, NULL);
    CHECK_STR(json_text_at(doc, "model.family"), "gemma");
    CHECK_INT(json_array_size(json_at(doc, "tests")), 2);
    CHECK(json_int_at(doc, "model.decode_bytes") > 2000000);
    CHECK(json_number_value(json_at(json_array_get(json_at(doc, "tests"), 1), "tokens_per_s.median")) > 0);
    json_decref(doc);
    program_free(&r);
    r = RUN(NULL, "inspect", "memory", "-m", starter_package(), "-c", "256");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "256");
    program_free(&r);
}

TEST(a_package_s_session_is_not_saved) {
    program_run r = RUN(NULL, "run", "-m", starter_package(), "-p", "hello", "--session", program_file("session"));
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "cannot be saved");
    CHECK_STR(r.out, "");
    program_free(&r);
}

TEST(mistakes_are_named) {
    program_run r = RUN(NULL, "export");
    CHECK_CODE(r, 2);
    CHECK_HAS(r.err, "nothing to export");
    program_free(&r);
    r = RUN(NULL, "export", MODEL, "--bits", "5");
    CHECK_CODE(r, 2);
    CHECK_HAS(r.err, "--bits");
    program_free(&r);
    r = RUN(NULL, "export", MODEL, "-c", "100000", "-o", program_file("too-long.mlpackage"));
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "4 to 256");
    program_free(&r);
}

TEST_MAIN()
