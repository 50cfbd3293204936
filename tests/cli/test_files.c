/* sotto convert, inspect and bench: files out, pages and documents, interruptions that leave nothing. */
#include "cli/program.h"

#include <dirent.h>

/* Files in the temporary folder whose name contains `part`. */
static int count_files(const char *part) {
    int  n = 0;
    DIR *folder = opendir(program_file(""));
    for (struct dirent *e; folder && (e = readdir(folder));) n += strstr(e->d_name, part) != NULL;
    if (folder) (void)closedir(folder);
    return n;
}

TEST(convert_writes_a_smaller_model_that_runs) {
    const char *out = program_file("q8.gguf");
    program_run r = RUN(NULL, "convert", MODEL, out, "--type", "q8_0", "--json");
    CHECK_CODE(r, 0);
    json_t     *doc = json_line(r.out, 0);
    struct stat st;
    CHECK_INT(stat(out, &st), 0);
    CHECK_STR(json_text_at(doc, "path"), out);
    CHECK_INT(json_int_at(doc, "bytes"), st.st_size);
    CHECK(json_real_value(json_at(doc, "bits_per_weight")) <
          json_real_value(json_at(doc, "input_bits_per_weight")));
    json_decref(doc);
    program_free(&r);
    r = RUN(NULL, "run", "-m", out, "--raw", "-p", "Hello", "-n", "4", "--json", "--ignore-end");
    CHECK_CODE(r, 0);
    program_free(&r);
    r = RUN(NULL, "convert", MODEL, out); /* it exists */
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "--force");
    program_free(&r);
    r = RUN(NULL, "convert", MODEL, out, "--force", "--type", "f16");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "bits per weight");
    program_free(&r);
    CHECK_INT(count_files(".part"), 0);
}

TEST(convert_refuses_what_it_cannot_do) {
    program_run r = RUN(NULL, "convert", MODEL, program_file("x.gguf"), "--type", "q3_k");
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "q3_k");
    program_free(&r);
    r = RUN(NULL, "convert", "no/such/model", program_file("x.gguf"));
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "no/such/model");
    program_free(&r);
    r = RUN(NULL, "convert", MODEL, program_file("no/such/folder.gguf"));
    CHECK_CODE(r, 1);
    program_free(&r);
    CHECK_INT(count_files("x.gguf"), 0);
}

/* The name of the output where none is given: in the current folder, after the input. */
TEST(convert_finds_a_name) {
    char tests[512], command[1200];
    CHECK(getcwd(tests, sizeof tests) != NULL);
    (void)snprintf(command, sizeof command, "cd %.100s && \"$SOTTO_PROGRAM\" convert %s/%s/ -q --type q8_0",
                   program_file(""), tests, MODEL);
    CHECK_INT(system(command), 0);
    CHECK_INT(access(program_file("gemma3-q8_0.gguf"), R_OK), 0);
}

TEST(inspect_tells_the_same_of_folder_and_file) {
    const char *out = program_file("same.gguf");
    program_run r = RUN(NULL, "convert", MODEL, out, "--type", "bf16", "-q");
    CHECK_CODE(r, 0);
    CHECK_STR(r.out, "");
    program_free(&r);
    program_run a = RUN(NULL, "inspect", MODEL, "--json"), b = RUN(NULL, "inspect", out, "--json");
    CHECK_CODE(a, 0);
    CHECK_CODE(b, 0);
    json_t *folder = json_line(a.out, 0), *file = json_line(b.out, 0);
    CHECK_STR(json_text_at(folder, "format"), "huggingface");
    CHECK_STR(json_text_at(file, "format"), "gguf");
    CHECK_STR(json_text_at(file, "family"), "gemma3");
    CHECK(json_equal(json_at(folder, "tokenizer"), json_at(file, "tokenizer")));
    CHECK(json_equal(json_at(folder, "sampling"), json_at(file, "sampling")));
    static const char *const numbers[] = {"n_layers",   "n_embd",         "n_vocab", "n_heads",
                                          "n_kv_heads", "head_dim",       "n_ff",    "context_length",
                                          "window",     "n_window_layers"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        CHECK(json_equal(json_object_get(json_at(folder, "config"), numbers[i]),
                         json_object_get(json_at(file, "config"), numbers[i])));
    long long n_types = 0;
    const char *name;
    json_t     *type;
    json_object_foreach(json_at(file, "types"), name, type) n_types += json_int_at(type, "tensors");
    CHECK_INT(n_types, json_array_size(json_at(file, "tensors")));
    CHECK(json_is_object(json_at(file, "metadata")));
    CHECK(json_int_at(file, "memory.total_bytes") > json_int_at(file, "file_bytes"));
    json_decref(folder), json_decref(file);
    program_free(&a), program_free(&b);
}

TEST(inspect_page_has_the_tables_asked_for) {
    program_run r = RUN(NULL, "inspect", MODEL), tensors = RUN(NULL, "inspect", "-m", MODEL, "--tensors");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "family           gemma3");
    CHECK_HAS(r.out, "bf16");
    CHECK_HAS(r.out, "memory           weights");
    CHECK(!strstr(r.out, "model.embed_tokens.weight"));
    CHECK_HAS(tensors.out, "model.embed_tokens.weight");
    program_free(&r), program_free(&tensors);
    r = RUN(NULL, "inspect", MODEL, "--metadata");
    CHECK_HAS(r.out, "generation_config");
    program_free(&r);
    program_write_file(program_file("junk.gguf"), "GGUF and then nothing of the kind");
    r = RUN(NULL, "inspect", program_file("junk.gguf"));
    CHECK_CODE(r, 1);
    CHECK_STR(r.out, "");
    CHECK(strncmp(r.err, "sotto: ", 7) == 0);
    program_free(&r);
}

/* Every family: nothing is unknown but the chat format, which these models do not have. */
TEST(inspect_knows_every_golden_model) {
    int  n = 0;
    DIR *golden = opendir("golden");
    CHECK(golden != NULL);
    for (struct dirent *e; golden && (e = readdir(golden));) {
        char path[300], config[320];
        (void)snprintf(path, sizeof path, "golden/%.200s", e->d_name);
        (void)snprintf(config, sizeof config, "%s/config.json", path);
        if (access(config, R_OK) != 0) continue;
        program_run r = RUN(NULL, "inspect", path, "--json");
        json_t     *doc = json_line(r.out, 0);
        CHECK_CODE(r, 0);
        CHECK(json_is_object(json_at(doc, "config")) && json_is_object(json_at(doc, "tokenizer")));
        CHECK(json_is_object(json_at(doc, "memory")) && json_is_string(json_at(doc, "family")));
        CHECK_INT(json_array_size(json_at(doc, "problems")), json_is_null(json_at(doc, "chat_format")));
        json_decref(doc);
        program_free(&r);
        n++;
    }
    if (golden) (void)closedir(golden);
    CHECK(n > 5);
}

/* ---- a conversion that takes a while ------------------------------------------------------------------- */

typedef struct weights {
    json_t   *header;
    long long n_bytes;
} weights;

static void add_tensor(weights *w, const char *name, int rows, int cols) {
    long long n = (long long)rows * (cols ? cols : 1) * 2;
    json_t   *shape = cols ? json_pack("[i, i]", rows, cols) : json_pack("[i]", rows);
    (void)json_object_set_new(w->header, name,
                              json_pack("{s:s, s:o, s:[I, I]}", "dtype", "BF16", "shape", shape,
                                        "data_offsets", (json_int_t)w->n_bytes,
                                        (json_int_t)(w->n_bytes + n)));
    w->n_bytes += n;
}

static void copy_file(const char *from, const char *to) {
    char *text = program_read_file(from);
    program_write_file(to, text ? text : "");
    free(text);
}

/* A Llama of one wide layer, 1.6 GB of zeros that take no room on the disk. */
static const char *make_large_model(void) {
    enum { EMBD = 2048, FF = 131072, VOCAB = 320 };
    const char *folder = program_file("large");
    weights     w = {json_object(), 0};
    (void)mkdir(folder, 0700);
    add_tensor(&w, "model.embed_tokens.weight", VOCAB, EMBD);
    add_tensor(&w, "model.layers.0.input_layernorm.weight", EMBD, 0);
    add_tensor(&w, "model.layers.0.mlp.down_proj.weight", EMBD, FF);
    add_tensor(&w, "model.layers.0.mlp.gate_proj.weight", FF, EMBD);
    add_tensor(&w, "model.layers.0.mlp.up_proj.weight", FF, EMBD);
    add_tensor(&w, "model.layers.0.post_attention_layernorm.weight", EMBD, 0);
    add_tensor(&w, "model.layers.0.self_attn.k_proj.weight", EMBD, EMBD);
    add_tensor(&w, "model.layers.0.self_attn.o_proj.weight", EMBD, EMBD);
    add_tensor(&w, "model.layers.0.self_attn.q_proj.weight", EMBD, EMBD);
    add_tensor(&w, "model.layers.0.self_attn.v_proj.weight", EMBD, EMBD);
    add_tensor(&w, "model.norm.weight", EMBD, 0);
    static char header[4096]; /* filled up with spaces, so that the tensors are aligned */
    uint64_t    n = sizeof header;
    memset(header, ' ', n);
    (void)json_dumpb(w.header, header, n, JSON_COMPACT);
    int fd = open(program_file("large/model.safetensors"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (write(fd, &n, 8) != 8 || write(fd, header, n) != (ssize_t)n ||
        ftruncate(fd, (off_t)(8 + n) + w.n_bytes) != 0)
        printf("cannot write the large model\n"), exit(1);
    (void)close(fd);
    program_write_file(
        program_file("large/config.json"),
        "{\"model_type\":\"llama\",\"hidden_size\":2048,\"intermediate_size\":131072,\"num_hidden_layers\":1,"
        "\"num_attention_heads\":16,\"num_key_value_heads\":16,\"vocab_size\":320,\"rms_norm_eps\":1e-5,"
        "\"max_position_embeddings\":2048,\"tie_word_embeddings\":true}");
    copy_file(MODEL "/tokenizer.json", program_file("large/tokenizer.json"));
    copy_file(MODEL "/tokenizer_config.json", program_file("large/tokenizer_config.json"));
    json_decref(w.header);
    return folder;
}

/* Start a conversion and wait until it has begun to write. */
static pid_t start_conversion(const char *in, const char *out) {
    pid_t pid = START(NULL, "convert", in, out, "--type", "q4_0");
    for (int i = 0; i < 1000 && count_files(".part") == 0; i++) program_sleep_ms(2);
    return pid;
}

TEST(an_interrupted_conversion_leaves_nothing) {
    const char *in = make_large_model(), *out = program_file("large.gguf");
    pid_t       pid = start_conversion(in, out);
    CHECK_INT(count_files(".part"), 1);
    (void)kill(pid, SIGINT);
    program_run r = program_finish(pid);
    CHECK_CODE(r, 130);
    CHECK_STR(r.out, "");
    CHECK(access(out, F_OK) != 0);
    CHECK_INT(count_files(".part"), 0);
    program_free(&r);
}

TEST(a_killed_conversion_leaves_nothing_that_looks_whole) {
    const char *in = make_large_model(), *out = program_file("large.gguf");
    pid_t       pid = start_conversion(in, out);
    (void)kill(pid, SIGKILL);
    program_run r = program_finish(pid);
    CHECK_INT(r.code, -SIGKILL);
    CHECK(access(out, F_OK) != 0);
    program_free(&r);
}

/* ---- bench --------------------------------------------------------------------------------------------- */

TEST(bench_measures_beside_the_machine) {
    program_run r = RUN(NULL, "bench", "--synthetic", "tiny", "-p", "0", "-n", "4", "-d", "8", "-r", "3",
                        "-t", "2", "--json");
    json_t     *doc = json_line(r.out, 0), *t = json_array_get(json_at(doc, "tests"), 0);
    CHECK_CODE(r, 0);
    CHECK_INT(json_array_size(json_at(doc, "tests")), 1);
    CHECK_STR(json_text_at(t, "test"), "decode");
    CHECK_INT(json_int_at(t, "tokens"), 4);
    CHECK_INT(json_int_at(t, "depth"), 8);
    CHECK_INT(json_int_at(t, "threads"), 2);
    double min = json_number_value(json_at(t, "tokens_per_s.min")),
           median = json_number_value(json_at(t, "tokens_per_s.median"));
    CHECK(min > 0 && min <= median && median <= json_number_value(json_at(t, "tokens_per_s.max")));
    double bytes = json_number_value(json_at(t, "bytes_per_token")),
           gbps = json_number_value(json_at(t, "gbps"));
    CHECK(bytes > 0 && fabs(gbps - bytes * median / 1e9) < 1e-6 * gbps);
    CHECK(json_number_value(json_at(t, "ceiling.read_gbps")) > 0.1);
    CHECK(json_number_value(json_at(t, "ceiling.int8_gmacs")) > 0.01);
    CHECK(json_number_value(json_at(t, "ceiling.float_gmacs")) > 0.01);
    CHECK(json_number_value(json_at(t, "ceiling.bf16_gmacs")) > 0.01);
    CHECK(fabs(json_number_value(json_at(t, "ceiling_share")) * json_number_value(json_at(t, "ceiling.read_gbps")) -
               gbps) < 1e-6 * gbps);
    CHECK(json_int_at(doc, "model.prefill_macs") > 0);
    json_decref(doc);
    program_free(&r);
    CHECK_INT(access(program_file("sotto/synthetic/tiny-q4_0.gguf"), R_OK), 0); /* kept for the next time */
    r = RUN(NULL, "bench", "-m", MODEL, "-p", "0", "-n", "0", "--csv"); /* no test: the heading */
    CHECK_CODE(r, 0);
    CHECK_INT(count_lines(r.out), 1);
    CHECK_HAS(r.out, "tokens_per_s_median");
    program_free(&r);
}

TEST(bench_ceiling_measures_the_machine_by_threads) {
    program_run r = RUN(NULL, "bench", "ceiling", "-t", "1,2", "-r", "1", "--json");
    json_t     *doc = json_line(r.out, 0), *one = json_array_get(json_at(doc, "ceilings"), 1);
    CHECK_CODE(r, 0);
    CHECK_INT(json_array_size(json_at(doc, "ceilings")), 2);
    CHECK_INT(json_int_at(one, "threads"), 2);
    CHECK(json_number_value(json_at(one, "read_gbps.median")) > 0.1);
    CHECK(json_number_value(json_at(one, "bf16_gmacs.max")) > 0.01);
    CHECK(json_int_at(doc, "machine.physical_cores") > 0);
    json_decref(doc);
    program_free(&r);
    r = RUN(NULL, "bench", "ceiling", "-t", "1", "-r", "1", "--csv");
    CHECK_CODE(r, 0);
    CHECK_INT(count_lines(r.out), 2);
    program_free(&r);
    r = RUN(NULL, "bench", "ceiling", "--cpu", "avx1024", "-r", "1");
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "avx1024");
    program_free(&r);
}

TEST(bench_load_starts_the_program_warm_and_cold) {
    program_run r = RUN(NULL, "bench", "load", "--synthetic", "tiny", "-t", "1", "-r", "2", "--json");
    json_t     *doc = json_line(r.out, 0);
    CHECK_CODE(r, 0);
    CHECK_INT(json_int_at(doc, "prompt_tokens"), 1);
    CHECK_INT(json_int_at(doc, "threads"), 1);
    double warm = json_number_value(json_at(doc, "warm_first_token_ms.min"));
    CHECK(warm > 0 && warm <= json_number_value(json_at(doc, "warm_first_token_ms.max")));
    CHECK(json_number_value(json_at(doc, "warm_load_ms.min")) > 0);
    if (json_at(doc, "cold_first_token_ms")) { /* not on every system */
        CHECK(json_number_value(json_at(doc, "cold_first_token_ms.median")) > 0);
        CHECK(json_number_value(json_at(doc, "cold_read_ms.median")) > 0);
        CHECK(json_at(doc, "still_cached_bytes") != NULL);
    }
    CHECK(json_number_value(json_at(doc, "second_turn_ms.median")) > 0);
    CHECK_INT(json_int_at(doc, "second_turn.cached_tokens"), 543);
    CHECK_INT(json_int_at(doc, "second_turn.new_tokens"), 33);
    struct stat st = {0};
    CHECK_INT(stat(program_file("sotto/synthetic/tiny-q4_0.gguf"), &st), 0);
    long long peak = json_int_at(doc, "memory.peak_bytes"), file = json_int_at(doc, "memory.file_bytes"),
              cache = json_int_at(doc, "memory.cache_bytes");
    CHECK_INT(file, st.st_size);
    CHECK(cache > 0);
    CHECK_INT(json_int_at(doc, "memory.beyond_bytes"), peak - file - cache);
    json_decref(doc);
    program_free(&r);
    r = RUN(NULL, "bench", "load", "-m", MODEL, "-r", "1", "--csv"); /* a folder: nothing is cold */
    CHECK_CODE(r, 0);
    CHECK_HAS(r.err, "only a single file");
    CHECK_INT(count_lines(r.out), 8);
    CHECK_HAS(r.out, "figure,min,median,max\nwarm_first_token_ms,");
    program_free(&r);
    r = RUN(NULL, "bench", "load", "-m", program_file("none.gguf"), "-r", "1");
    CHECK_CODE(r, 1);
    CHECK_HAS(r.err, "none.gguf");
    program_free(&r);
    r = RUN(NULL, "bench", "load", "-m", "");
    CHECK_CODE(r, 2);
    CHECK_HAS(r.err, "--synthetic");
    program_free(&r);
}

TEST(bench_ladder_measures_every_rung_at_every_context) {
    const char *svg = program_file("ladder.svg");
    program_run r = RUN(NULL, "bench", "ladder", "--synthetic", "tiny", "-c", "32,128,1000000", "-n", "3", "-o", svg,
                        "--json");
    json_t     *doc = json_line(r.out, 0), *steps = json_at(doc, "steps");
    CHECK_CODE(r, 0);
    CHECK_INT(json_array_size(steps), 15);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        json_t *one = json_array_get(steps, i);
        if (i >= 10) {
            CHECK_HAS(json_text_at(one, "skipped"), "context"); /* longer than the model's */
            continue;
        }
        CHECK_INT(json_int_at(one, "context"), i < 5 ? 32 : 128);
        CHECK_INT(json_int_at(one, "prompt_tokens"), 7);
        CHECK_INT(json_int_at(one, "tokens_timed"), i % 5 == 0 ? 1 : 3);
        CHECK(json_number_value(json_at(one, "tokens_per_s")) > 0);
        CHECK(json_number_value(json_at(one, "first_token_ms")) > 0);
        CHECK((json_at(one, "apple_tokens_per_s") != NULL) == (i >= 5 && i % 5 < 4));
    }
    json_decref(doc);
    program_free(&r);
    char *text = program_read_file(svg);
    CHECK(text && strncmp(text, "<svg xmlns=", 11) == 0 && strstr(text, "prefers-color-scheme:dark"));
    CHECK(text && strstr(text, "+ fused attention</text>") && strcmp(text + strlen(text) - 7, "</svg>\n") == 0);
    CHECK(text && !strstr(text, "nan") && !strstr(text, "inf\""));
    free(text);
}

TEST(bench_ladder_says_what_it_leaves_out) {
    program_run r = RUN(NULL, "bench", "ladder", "--synthetic", "tiny", "-c", "16,64", "-p", "12", "-n", "8");
    CHECK_CODE(r, 0);
    CHECK_HAS(r.out, "a prompt of 12 tokens and 8 more do not fit");
    CHECK(!strstr(r.out, "left out")); /* the longer context is measured */
    CHECK_INT(count_lines(r.out), 11);
    program_free(&r);
    r = RUN(NULL, "bench", "ladder", "--synthetic", "tiny", "-c", "64,32");
    CHECK_CODE(r, 2);
    CHECK_HAS(r.err, "from the shortest to the longest");
    program_free(&r);
    r = RUN(NULL, "bench", "ladder", "--synthetic", "tiny", "-c", "32", "-o", "no/such/folder/ladder.svg");
    CHECK_CODE(r, 1);
    CHECK_STR(r.out, ""); /* said before anything is measured */
    CHECK_HAS(r.err, "no/such/folder");
    program_free(&r);
    r = RUN(NULL, "bench", "ladder", "-m", MODEL, "-c", "16", "-p", "0", "-n", "1", "--csv");
    CHECK_CODE(r, 0);
    CHECK_INT(count_lines(r.out), 6);
    CHECK_HAS(r.out, "16,fused_attention,q4_0,15,1,");
    program_free(&r);
}

TEST_MAIN()
