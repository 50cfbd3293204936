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
    CHECK_HAS(r.out, "scaled_dot_product_attention");
    CHECK_STR(r.err, "");
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
