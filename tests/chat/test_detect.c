/* Where a checkpoint's chat template is looked for, and what is said when there is none or an unknown one. */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */
#include "test.h"

#include <unistd.h>

#include "text/chat.h"

static char folder[] = "/tmp/sotto-test-XXXXXX";

static void put(const char *name, const char *text) {
    char *path = sotto_path_join(folder, name);
    FILE *f = fopen(path, "wb");
    CHECK(f && fputs(text, f) >= 0);
    if (f) (void)fclose(f);
    free(path);
}

static void drop(const char *name) {
    char *path = sotto_path_join(folder, name);
    (void)remove(path);
    free(path);
}

/* The format found at `name` in the folder ("": the folder itself), or a status as text. */
static const char *detect(const char *name, sotto_error *err) {
    char                    *path = *name ? sotto_path_join(folder, name) : folder;
    sotto_checkpoint        *c = NULL;
    const sotto_chat_format *f = NULL;
    sotto_status status = sotto_checkpoint_open(&c, path, &(sotto_checkpoint_options){.metadata_only = true}, err);
    CHECK_OK(status, *err);
    if (c) status = sotto_chat_format_detect(&f, c, err);
    sotto_checkpoint_close(c);
    if (path != folder) free(path);
    return status == SOTTO_OK ? sotto_chat_format_name(f) : status == SOTTO_NOT_FOUND ? "not found" :
           status == SOTTO_UNSUPPORTED ? "unsupported" : "another failure";
}

#define GEMMA "{{ bos_token }}{{ raise_exception() }}<start_of_turn>model<end_of_turn>"
#define CHATML "{{ '<|im_start|>' }}{{ '<|im_end|>' }}{{ '<|im_start|>assistant' }}"

TEST(folders) {
    sotto_error err = {0};
    CHECK(mkdtemp(folder) != NULL);
    put("config.json", "{\"model_type\": \"llama\"}");
    CHECK_STR(detect("", &err), "not found");
    CHECK(strstr(err.message, "--chat-format NAME") && strstr(err.message, ", chatml"));
    put("tokenizer_config.json", "{}");
    CHECK_STR(detect("", &err), "not found");
    put("tokenizer_config.json", "{\"chat_template\": null}");
    CHECK_STR(detect("", &err), "not found");
    put("tokenizer_config.json", "{\"chat_template\": \"" GEMMA "\"}");
    CHECK_STR(detect("", &err), "gemma");
    put("tokenizer_config.json", "{\"chat_template\": \"{{ messages | whatever }}\"}");
    CHECK_STR(detect("", &err), "unsupported");
    CHECK(strstr(err.message, "--chat-format NAME") && strstr(err.message, "gemma4") && strstr(err.message, "chatml"));
    put("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"" GEMMA "\"}, 3,"
                                 " {\"name\": 1}]}");
    CHECK_STR(detect("", &err), "gemma");
    put("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"x\"},"
                                 " {\"name\": \"default\", \"template\": \"" CHATML "\"}]}");
    CHECK_STR(detect("", &err), "chatml");
    put("chat_template.jinja", GEMMA); /* the newer place */
    CHECK_STR(detect("", &err), "gemma");
    put("chat_template.jinja", "");
    CHECK_STR(detect("", &err), "not found");
}

static void put_gguf(const char *key, const char *text) {
    char              *path = sotto_path_join(folder, "m.gguf");
    sotto_gguf_writer *w = NULL;
    sotto_error        err;
    CHECK_OK(sotto_gguf_writer_open(&w, path, &err), err);
    CHECK_OK(sotto_gguf_put_str(w, "general.architecture", sotto_str_from("llama"), &err), err);
    if (text) CHECK_OK(sotto_gguf_put_str(w, key, sotto_str_from(text), &err), err);
    CHECK_OK(sotto_gguf_begin_data(w, &err), err);
    CHECK_OK(sotto_gguf_commit(w, &err), err);
    free(path);
}

TEST(gguf) {
    sotto_error err = {0};
    put_gguf(NULL, NULL);
    CHECK_STR(detect("m.gguf", &err), "not found");
    put_gguf("tokenizer.chat_template", GEMMA);
    CHECK_STR(detect("m.gguf", &err), "gemma");
    put_gguf("tokenizer.chat_template.tool_use", CHATML);
    CHECK_STR(detect("m.gguf", &err), "chatml");
    put_gguf("tokenizer.chat_template", "{{ '<|im_start|>' }}<|im_sep|>");
    CHECK_STR(detect("m.gguf", &err), "unsupported");
    drop("m.gguf");
    drop("config.json");
    drop("tokenizer_config.json");
    drop("chat_template.jinja");
    CHECK_INT(rmdir(folder), 0);
}

TEST_MAIN()
