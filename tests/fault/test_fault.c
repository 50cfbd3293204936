/* Failures through loading, generating, saving, restoring, converting, inspecting and measuring. */
#include "fault/fault.h"

/* ---- scenarios: SOTTO_OK or the first failure ---------------------------------------------------------- */

static char session_path[64], convert_path[64];
static bool no_map;

static sotto_status generate(sotto_session *s, const sotto_grammar *grammar, sotto_error *err) {
    sotto_generate_options o = sotto_generate_options_default();
    sotto_generator       *g = NULL;
    sotto_piece            piece = {0};
    sotto_status           status;
    o.max_tokens = 4, o.ignore_end = true, o.top_logprobs = 2, o.grammar = grammar;
    status = sotto_generator_open(&g, s, &o, err);
    while (status == SOTTO_OK && !piece.done) status = sotto_generator_next(g, &piece, err);
    sotto_generator_close(g);
    return status;
}

static sotto_status load_generate_save(const char *path, sotto_error *err) {
    sotto_model          *m = NULL;
    sotto_session        *s = NULL;
    sotto_tokens          tokens = {0};
    sotto_model_options   mo = {.threads = 1, .no_map = no_map};
    sotto_session_options so = {.context = 64};
    sotto_tokenize_options to = {.bos = true};
    sotto_status status = sotto_model_open(&m, path, &mo, err);
    if (status == SOTTO_OK) status = sotto_session_open(&s, m, &so, err);
    if (status == SOTTO_OK) status = sotto_tokenize(m, "hello there", 11, to, &tokens, err);
    if (status == SOTTO_OK) status = sotto_session_sync(s, tokens.ids, tokens.n, err);
    if (status == SOTTO_OK) status = generate(s, NULL, err);
    if (status == SOTTO_OK) status = sotto_session_save(s, session_path, err);
    if (status == SOTTO_OK) status = sotto_session_restore(s, session_path, err);
    sotto_tokens_free(&tokens);
    sotto_session_close(s);
    sotto_model_close(m);
    return status;
}

static sotto_status constrain(const char *path, sotto_error *err) {
    static const char schema[] =
        "{\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"^x+[^y]$\"},\"b\":{\"$ref\":\"#\"}},"
        "\"allOf\":[{\"required\":[\"a\"]},{\"properties\":{\"a\":{\"title\":\"t\"}}},"
        "{\"type\":[\"object\",\"null\"]}],\"additionalProperties\":{\"minimum\":3}}";
    sotto_model          *m = NULL;
    sotto_session        *s = NULL;
    sotto_grammar        *g = NULL;
    int32_t               prompt[] = {1};
    sotto_model_options   mo = {.threads = 1};
    sotto_session_options so = {.context = 64};
    sotto_status          status = sotto_grammar_open_schema(&g, schema, sizeof schema - 1, err);
    if (status == SOTTO_OK) status = sotto_model_open(&m, path, &mo, err);
    if (status == SOTTO_OK) status = sotto_session_open(&s, m, &so, err);
    if (status == SOTTO_OK) status = sotto_session_sync(s, prompt, 1, err);
    if (status == SOTTO_OK) status = generate(s, g, err);
    sotto_session_close(s);
    sotto_model_close(m);
    sotto_grammar_close(g);
    return status;
}

static sotto_status convert(const char *path, sotto_error *err) {
    return sotto_convert(path, convert_path, NULL, err);
}

static sotto_status inspect(const char *path, sotto_error *err) {
    sotto_bytes  json = {0};
    sotto_status status = sotto_inspect(path, &json, err);
    sotto_bytes_free(&json);
    return status;
}

static sotto_status measure(const char *path, sotto_error *err) {
    sotto_model          *m = NULL, *reference = NULL;
    sotto_quality         q;
    sotto_model_options   mo = {.threads = 1};
    sotto_quality_options o = {.text = "how far is the one from the other?", .n_text = 34};
    sotto_status          status = sotto_model_open(&m, path, &mo, err);
    if (status == SOTTO_OK) status = sotto_model_open(&reference, path, &mo, err);
    if (status == SOTTO_OK) status = sotto_quality_measure(m, reference, &o, &q, err);
    sotto_model_close(m);
    sotto_model_close(reference);
    return status;
}

static void remove_files(void) {
    unlink(session_path);
    unlink(convert_path);
}

/* A conversion that failed before its last step has left nothing. */
static void check_files(const char *what, sotto_status status) {
    if (status != SOTTO_IO && access(convert_path, F_OK) == 0) TEST_FAIL("%s: a failure left a file behind", what);
}

TEST(every_allocation_fails_in_a_folder) {
    inject("allocations, folder", &fail_alloc_at, load_generate_save, "golden/gemma3", remove_files, NULL);
}
TEST(every_call_on_files_fails_in_a_folder) {
    inject("files, folder", &fail_io_at, load_generate_save, "golden/gemma3", remove_files, NULL);
}
TEST(every_read_fails_without_mapping) {
    no_map = true;
    inject("reads, folder", &fail_io_at, load_generate_save, "golden/llama3", remove_files, NULL);
    no_map = false;
}
TEST(every_allocation_fails_under_a_schema) {
    inject("allocations, schema", &fail_alloc_at, constrain, "golden/gemma3", remove_files, NULL);
}
TEST(every_allocation_fails_in_conversion) {
    inject("allocations, convert", &fail_alloc_at, convert, "golden/llama3", remove_files, check_files);
}
TEST(every_call_on_files_fails_in_conversion) {
    inject("files, convert", &fail_io_at, convert, "golden/qwen3", remove_files, NULL);
}
TEST(every_allocation_fails_in_inspection) {
    inject("allocations, inspect", &fail_alloc_at, inspect, "golden/gemma4-e", remove_files, NULL);
}
TEST(every_allocation_fails_in_a_measurement) {
    inject("allocations, quality", &fail_alloc_at, measure, "golden/llama2", remove_files, NULL);
}
TEST(every_failure_is_survived_in_a_gguf) {
    sotto_error err = {0};
    char        path[] = "/tmp/sotto-fault-model.gguf";
    CHECK_OK(sotto_convert("golden/llama2", path, NULL, &err), err);
    inject("allocations, gguf", &fail_alloc_at, load_generate_save, path, remove_files, NULL);
    inject("files, gguf", &fail_io_at, load_generate_save, path, remove_files, NULL);
    unlink(path);
}

int main(int argc, char **argv) {
    json_set_alloc_funcs(__wrap_malloc, free);
    snprintf(session_path, sizeof session_path, "/tmp/sotto-fault-%d.session", (int)getpid());
    snprintf(convert_path, sizeof convert_path, "/tmp/sotto-fault-%d.gguf", (int)getpid());
    int result = test_main(argc, argv);
    unlink(session_path);
    unlink(convert_path);
    return result;
}
