/* Failures through exporting a package, and through opening and running one. */
#include "fault/fault.h"

#include <dirent.h>

#include <sotto/coreml.h>

#include "folder.h"

static char package[64], made[64];

static void clear_folder(void) {
    remove_folder();
    CHECK(mkdir(folder, 0700) == 0);
}

static void leave(void) {}

static sotto_status export_to(const char *path, sotto_error *err) {
    sotto_export_options o = {.context = 32, .bits = 4};
    return sotto_export(path, package, &o, err);
}

static sotto_status look(const char *path, sotto_error *err) {
    sotto_bytes  json = {0};
    sotto_status status = sotto_inspect(path, &json, err);
    sotto_bytes_free(&json);
    return status;
}

/* The folder is empty, or has the finished tokenizer, whose turn is before the package's; after the last step of all,
 * when only the disk's word for it is lacking, the whole package too. Nothing else: no parts. */
static void check_folder(const char *what, sotto_status status) {
    sotto_error    err = {0};
    DIR           *d = opendir(folder);
    struct dirent *e;
    (void)status;
    while (d && (e = readdir(d))) {
        bool known = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                     strcmp(e->d_name, "m.tokenizer") == 0 || strcmp(e->d_name, "m.mlpackage") == 0;
        if (!known) TEST_FAIL("%s: a failure left %s behind", what, e->d_name);
        if (strcmp(e->d_name, "m.mlpackage") == 0) CHECK_OK(look(package, &err), err);
    }
    if (d) (void)closedir(d);
}

static sotto_status run(const char *path, sotto_error *err) {
    sotto_model          *m = NULL;
    sotto_session        *s = NULL;
    sotto_model_options   mo = {.threads = 1};
    sotto_session_options so = {.batch = 4};
    static const int32_t  ids[] = {3, 14, 15, 92, 6, 5, 35};
    sotto_status          status = sotto_model_open(&m, path, &mo, err);
    if (status == SOTTO_OK) status = sotto_session_open(&s, m, &so, err);
    if (status == SOTTO_OK) status = sotto_session_sync(s, ids, sizeof ids / sizeof *ids, err);
    if (status == SOTTO_OK) status = sotto_session_drop(s, 1, 3, err);
    if (status == SOTTO_OK) status = sotto_session_append(s, ids, 2, err);
    sotto_session_close(s);
    sotto_model_close(m);
    return status;
}

static sotto_status estimate(const char *path, sotto_error *err) {
    sotto_memory m;
    return sotto_memory_estimate(path, NULL, &m, err);
}

TEST(every_allocation_fails_in_an_export) {
    inject("allocations, export", &fail_alloc_at, export_to, "golden/qwen3", clear_folder, check_folder);
}
TEST(every_call_on_files_fails_in_an_export) {
    inject("files, export", &fail_io_at, export_to, "golden/qwen3", clear_folder, check_folder);
}

/* What was there before stays whole when its replacement fails. */
TEST(an_export_that_fails_leaves_the_old_package) {
    sotto_error err = {0};
    clear_folder();
    CHECK_OK(export_to("golden/qwen3", &err), err);
    inject("files, export again", &fail_io_at, export_to, "golden/qwen3", leave, check_folder);
    CHECK_OK(look(package, &err), err);
}

TEST(every_failure_is_survived_in_a_package) {
    sotto_error err = {0};
    clear_folder();
    CHECK_OK(export_to("golden/gemma3", &err), err);
    inject("allocations, package", &fail_alloc_at, run, package, leave, NULL);
    inject("files, package", &fail_io_at, run, package, leave, NULL);
    inject("allocations, package, look", &fail_alloc_at, look, package, leave, NULL);
    inject("allocations, package, memory", &fail_alloc_at, estimate, package, leave, NULL);
}

TEST(every_allocation_fails_in_an_export_of_a_gguf) {
    sotto_error err = {0};
    CHECK_OK(sotto_convert("golden/llama3", made, NULL, &err), err);
    inject("allocations, export, gguf", &fail_alloc_at, export_to, made, clear_folder, check_folder);
    inject("files, export, gguf", &fail_io_at, export_to, made, clear_folder, check_folder);
    unlink(made);
}

int main(int argc, char **argv) {
    json_set_alloc_funcs(__wrap_malloc, free);
    if (!mkdtemp(folder)) return 1;
    snprintf(package, sizeof package, "%s/m.mlpackage", folder);
    snprintf(made, sizeof made, "%s.gguf", folder);
    int result = test_main(argc, argv);
    remove_folder();
    return result;
}
